"""`open_dataset`: the format of a data set is recognised, and its reader called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from configs.errors import UserError
from configs.typed_form import command_name
from detector.data.dataset import SPLIT_FOLDERS, Dataset, find_split, join
from detector.data.read_coco import read_coco
from detector.data.read_voc import read_voc, voc_folders
from detector.data.read_yolo import label_file, read_yolo_folder, read_yolo_yaml
from detector.data.split_record import is_record
from detector.images import images_below

Reader = Callable[[], Dataset]

_YAML = (".yaml", ".yml")


class _How(NamedTuple):
    images: Path | None
    classes: Sequence[str] | None
    details: bool


def open_dataset(
    data: str | Path,
    images: Path | None = None,
    classes: Sequence[str] | None = None,
    details: bool = False,
) -> Dataset:
    """Recognise and read a data set; no image is decoded.

    Args:
        data: a file or a folder as docs/data.md lists them, perhaps with `:SPLIT`.
        images: the folder of the images of a COCO JSON, where it is not found by itself.
        classes: class names in the order of their labels, for VOC; by default all that occur.
        details: keep everything that the annotations say, for writing it elsewhere.

    Raises:
        UserError: there is no such path, nothing there is recognised, it cannot be read, or it
            has no such split.
    """
    path, split = _split_off(str(data))
    how = _How(images, classes, details)
    try:
        dataset = _open(path, split, how)
    except OSError as error:  # a folder that may not be listed
        raise UserError(f"cannot read {error.filename or path}: {error.strerror}") from error
    return replace(dataset, name=str(data))


def _split_off(data: str) -> tuple[Path, str]:
    """Path and split of `PATH:SPLIT`; a path that exists has no split."""
    if not data:
        raise UserError("names no data set; point at a file or a folder")
    path = Path(data)
    before, colon, after = data.rpartition(":")
    try:
        is_whole = path.exists() or not colon or not before or "/" in after or "\\" in after
        path = path if is_whole else Path(before)
        if not path.exists():
            raise UserError(f"no such data set: {path}")
        if not is_whole and not after:
            raise UserError(f"{data} names no split after the colon")
    except (OSError, ValueError) as error:  # a name too long, or with a zero byte
        raise UserError(f"no such data set: {data[:100]!r}") from error
    return path, "" if is_whole else after


def _open(path: Path, split: str, how: _How) -> Dataset:
    jsons = _jsons(path) if path.is_dir() else []
    parts = _parts(path, how)
    if len(jsons) > 1:
        read = partial(read_coco, images=how.images, details=how.details)
        parts = {file.stem.removeprefix("instances_"): partial(read, file) for file in jsons}
        # A JSON lists all categories, and the other parts may be large.
        if split and (found := find_split(split, parts)):
            return parts[found]()
    if parts:
        dataset = join(path.name, path, {name: read() for name, read in parts.items()})
    else:
        dataset = _open_one(path, how)
    return dataset.split(split) if split else dataset


def _parts(path: Path, how: _How) -> dict[str, Reader]:
    """The parts, by split, that a YAML file or the folders in a folder make; empty for neither."""
    if path.is_file():
        return _yaml_parts(path, how) if path.suffix.lower() in _YAML else {}
    if _jsons(path) or voc_folders(path) or _yolo_yaml(path):
        return {}
    folders = {p.name.lower(): p for p in sorted(path.iterdir()) if p.is_dir()}
    return {
        name: partial(_open_one, folder, how)
        for name in SPLIT_FOLDERS
        if (folder := folders.get(name))
        and (_jsons(folder) or voc_folders(folder) or _yolo_images(folder))
    }


def _yaml_parts(path: Path, how: _How) -> dict[str, Reader]:
    values = read_yaml(path)
    if "names" in values:
        return {}
    parts: dict[str, Reader] = {}
    for name in SPLIT_FOLDERS:
        if isinstance(values.get(name), str):
            where, split = _split_off(str(path.parent / values[name]))
            if where.resolve() == path.resolve():
                raise UserError(f"{path}: names itself as a part")
            parts[name] = partial(_open, where, split, how)
    if not parts:
        raise UserError(f"{path}: names neither classes (names:) nor parts (train:, val:)")
    return parts


def _open_one(path: Path, how: _How) -> Dataset:
    """Open what has no parts."""
    suffix = path.suffix.lower()
    if path.is_dir():
        return _open_folder(path, how)
    if suffix == ".json":
        return read_coco(path, how.images, how.details)
    if suffix in _YAML:
        return read_yolo_yaml(path, read_yaml(path))
    raise UserError(f"{path}: a {suffix or 'nameless'} file is no data set; name its folder")


def _open_folder(path: Path, how: _How) -> Dataset:
    jsons = _jsons(path)
    if jsons:
        return read_coco(jsons[0], how.images, how.details)
    if yolo := _yolo_yaml(path):
        return read_yolo_yaml(yolo, read_yaml(yolo))
    if voc_folders(path):
        return read_voc(path, how.classes)
    if images := _yolo_images(path):
        return read_yolo_folder(path, images)
    editions = sorted(p for p in path.glob("VOC[0-9]*") if voc_folders(p))
    if len(editions) == 1:  # VOCdevkit
        return read_voc(editions[0], how.classes)
    if editions:
        raise UserError(f"{path}: holds {', '.join(p.name for p in editions)}; name one of them")
    there = ", ".join(sorted(p.name for p in path.iterdir())[:8]) or "nothing"
    raise UserError(
        f"{path}: not recognised as a data set, it holds {there}; see "
        f"`{command_name('training.check')} --help` for the forms that are"
    )


def _jsons(folder: Path) -> list[Path]:
    """The COCO JSONs of a folder: in `annotations`, or directly in it beside the images."""
    for place in (folder / "annotations", folder):
        found = sorted(p for p in place.glob("*.json") if p.name[0] != "." and not is_record(p))
        named = [p for p in found if p.name.startswith("instances_") or "coco" in p.name.lower()]
        # Beside VOC's or YOLO's files a JSON of another name is something else.
        if named or (found and not voc_folders(folder) and not _yolo_yaml(folder)):
            return named or found
    return []


def _yolo_yaml(folder: Path) -> Path | None:
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            if "names" in read_yaml(path):
                return path
        except UserError:
            if path.stem == "data":  # any other may be of another program
                raise
    return None


def _yolo_images(folder: Path) -> Path | None:
    """Where the images of a YOLO folder are: in `images`, or beside their text files."""
    for place in (folder / "images", folder):
        if place.is_dir() and any(label_file(one).is_file() for one in images_below(place)):
            return place
    return None


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping.

    Raises:
        UserError: it cannot be read, is no YAML, or holds something else.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a mapping with names, train and val")
    return values
