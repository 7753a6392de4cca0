"""Where the images of a COCO JSON are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from configs.errors import UserError
from detector.data.form import Listing
from detector.data.image_lookup import ImageLookup, native
from detector.data.inside import data_root
from detector.images import images_below

_SAMPLE = 50  # names that are looked for in each folder


def find_images(
    path: Path, given: Path | None, names: Sequence[str], may_lack: bool = False
) -> tuple[Path, ImageLookup, list[str | None]]:
    """The folder that most images are in, and the path of each.

    Args:
        path: of the JSON.
        given: the folder that the names start from; by default it is looked for.
        names: of the images, as the JSON has them.
        may_lack: whether there need be none; nor are those of either of two folders taken then.

    Raises:
        UserError: none is found, or two folders have as many of them.
    """
    folder = _folder(path, given, names, may_lack)
    lookup = ImageLookup([folder])
    found = lookup.find_all(names)
    if not any(found) and not may_lack:
        first = next((name for name in names if name), "")
        if len(lookup.alike(first)) > 1:
            raise UserError(f"{path}: {lookup.why_not(first)}; name their folder with --images")
        shown = f" (such as {first})" if first else ""
        where = given or "a folder near it; name their folder with --images"
        raise UserError(f"{path}: its images{shown} are not in {where}")
    return folder, lookup, found


def _folder(path: Path, given: Path | None, names: Sequence[str], may_lack: bool) -> Path:
    """The folder that most names are found in: a usual one, or else any beside the JSON."""
    if given:
        return given
    some = [native(name) for name in names[:: max(1, len(names) // _SAMPLE)] if name]
    if best := _best(_usual_folders(path), some):
        return best[0]
    best = _best(_folders_beside(path), some)
    if len(best) > 1 and not may_lack:
        both = f"{best[0]} and {best[1]}"
        raise UserError(f"{path}: its images may be those in {both}; name one with --images")
    if len(best) == 1:
        return best[0]
    return next(filter(_has_images, (path.parent, data_root(path))), path.parent)


def _best(folders: Iterable[Path], names: Sequence[str]) -> list[Path]:
    """The folders in which most of the names are; none where none is anywhere."""
    hits = {folder: sum(_exists(folder / name) for name in names) for folder in folders}
    most = max(hits.values(), default=0)
    return [folder for folder, count in hits.items() if count == most] if most else []


def _usual_folders(path: Path) -> Iterator[Path]:
    split = path.stem.removeprefix("_").split("_")[-1]  # instances_val2017 -> val2017
    near, above = path.parent, path.parent.parent
    yield from (near, near / "images", near / split, above / split)
    yield from (above / "images" / split, above / "images", above / "JPEGImages", above)


def _folders_beside(path: Path) -> Iterator[Path]:
    for folder in dict.fromkeys((path.parent, data_root(path))):
        yield from Listing(folder).folders.values()


def _has_images(folder: Path) -> bool:
    return next(images_below(folder), None) is not None


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False
