"""What the paths in YOLO's files stand for, also where they were true on another machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from configs.errors import UserError
from detector.data.dataset import SPLIT_FOLDERS
from detector.data.image_lookup import ImageLookup
from detector.data.values import read_lines
from detector.images import SUFFIXES, images_below

_TELLING = {"images", *SPLIT_FOLDERS}
_TRIED = 20  # lines of a list that show from where its paths are seen


def images_at(bases: Sequence[Path], where: Any) -> list[Path] | None:
    """The images that a path stands for, or several: folders, lists, or images.

    Args:
        bases: folders that the paths may be seen from, the likeliest first.
        where: a path, or a list of them.

    Returns:
        None if one of the paths leads nowhere.

    Raises:
        UserError: a folder or a list holds no images.
    """
    images: list[Path] = []
    for place in where if isinstance(where, list) else [where]:
        found = find_place(bases, str(place))
        if found is None:
            return None
        if found.is_dir():
            images += in_folder(found)
        elif found.suffix.lower() in SUFFIXES:
            images.append(found)
        else:
            images += in_list(found, bases)
    return images


def find_place(bases: Sequence[Path], place: str) -> Path | None:
    """The file or folder that a path stands for, seen from one of several folders.

    CVAT and Darknet write `data/` in front of the paths, Roboflow `../`, and of a path of another
    machine the last folders are still true.
    """
    parts = _parts(place)
    is_foreign = parts[0].endswith(("/", ":"))
    for dropped, part in enumerate(["", *parts[:-1]]):
        rest = parts[dropped:]
        if _is_telling(part) or not (
            is_foreign or part in ("", "..", "data") or any(map(_is_telling, rest))
        ):
            break
        for base in bases:
            if (path := base.joinpath(*rest)).exists():
                return path
    return None


def _is_telling(part: str) -> bool:
    """Whether a path without this part would be that of another split."""
    return Path(part).stem.lower() in _TELLING


def in_folder(folder: Path) -> list[Path]:
    """The images below a folder, sorted.

    Raises:
        UserError: there are none.
    """
    found = sorted(images_below(folder))
    if not found:
        raise UserError(f"no images in folder {folder}")
    return found


def in_list(path: Path, bases: Sequence[Path]) -> list[Path]:
    """The images that a text file lists, whether they are there or not.

    Raises:
        UserError: it cannot be read, or lists nothing.
    """
    lines = list(filter(None, read_lines(path)))
    if not lines:
        raise UserError(f"{path}: lists no images")
    split = [_parts(line) for line in lines]
    for base, dropped in _views([path.parent, *bases], split):
        seen = (base.joinpath(*parts[min(dropped, len(parts) - 1) :]) for parts in split)
        tried = list(islice(seen, _TRIED))
        if any(image.is_file() for image in tried):
            return [*tried, *seen]
    lookup = ImageLookup(list(dict.fromkeys([path.parent, *bases])))
    return [lookup.find(line) or path.parent / line for line in lines]


def is_list_of_images(path: Path) -> bool:
    """Whether a text file lists images."""
    lines = read_lines(path, errors="replace") if path.is_file() else []
    first = next(filter(None, lines), "")
    return Path(first).suffix.lower() in SUFFIXES


def _views(bases: Sequence[Path], split: Sequence[Sequence[str]]) -> Iterator[tuple[Path, int]]:
    """From where the paths of a list may be seen, and how many of their folders to leave out."""
    depth = max(map(len, islice(split, _TRIED)))
    return ((base, dropped) for dropped in range(depth) for base in dict.fromkeys(bases))


def _parts(place: str) -> list[str]:
    """The parts of a path of any system; of an absolute one the first is "/" or "C:/"."""
    native = place.replace("\\", "/")
    parts = [part for part in native.split("/") if part not in ("", ".")] or ["."]
    if native.startswith("/"):
        return ["/", *parts]
    return [f"{parts[0]}/", *parts[1:]] if native[1:3] == ":/" else parts
