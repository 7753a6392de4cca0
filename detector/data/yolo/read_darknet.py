"""Reads Darknet's folders: class names in `obj.names`, lists of images, text files beside these.

CVAT's "YOLO 1.1", datumaro's `yolo` and FiftyOne's YOLOv4 write them so, Roboflow without lists.
Source: github.com/AlexeyAB/darknet, "How to train (to detect your custom objects)".
"""

from __future__ import annotations

from pathlib import Path

from configs.errors import UserError
from detector.data.dataset import SPLIT_FOLDERS, Dataset
from detector.data.form import Form, Listing, ReadOptions
from detector.data.values import read_lines
from detector.data.yolo.yolo_images import read_parts
from detector.data.yolo.yolo_names import Names, names_in_list
from detector.data.yolo.yolo_places import find_place, in_folder, in_list, is_list_of_images

_CONFIG = ".data"
_NAMES = ".names"
_ROBOFLOW = "_darknet.labels"
_NO_PARTS = {"classes", "names", "backup", "results", "eval"}  # keys of a .data file
_ALL = "images.txt"  # FiftyOne's list


def read_darknet(path: Path, details: bool = False, as_annotated: bool = False) -> Dataset:
    """Read a folder with a `.names` file, or a `.data` file that says where everything is.

    Args:
        path: of the folder, or of the `.data` file.
        details: keep outlines.
        as_annotated: keep images that cannot be read.

    Raises:
        UserError: there are no names, a list is missing, or no image can be read.
    """
    listing = Listing(path)
    root = path if path.is_dir() else path.parent
    config = _config(listing)
    named = config.get("names")
    names = find_place([root], named) if named else _names_file(Listing(root))
    if names is None:
        raise UserError(f"{path}: there is no {named or 'file of class names'}; fix the path in it")
    parts = {part: in_list(one, [root]) for part, one in _lists(root, config).items()}
    if not parts:
        parts = {"": in_folder(root)}
    elif len(parts) == 1:  # one list of all splits nothing
        parts = {"": next(iter(parts.values()))}
    names_read = Names(names_in_list(names))
    return read_parts(path, root, parts, names_read, details=details, as_annotated=as_annotated)


def _config(listing: Listing) -> dict[str, str]:
    """What a `.data` file says, by its keys; nothing without one."""
    for path in listing.files(_CONFIG):
        pairs = (line.partition("=") for line in read_lines(path, errors="replace"))
        values = {key.strip(): value.strip() for key, equals, value in pairs if equals}
        if "names" in values:
            return values
    return {}


def _names_file(listing: Listing) -> Path | None:
    found = [*listing.files(_NAMES), *(one for one in listing.entries if one.name == _ROBOFLOW)]
    return next(iter(found), None)


def _lists(root: Path, config: dict[str, str]) -> dict[str, Path]:
    """The lists of images by split: those that the `.data` file names, or that lie there."""
    said = {part: place for part, place in config.items() if part not in _NO_PARTS}
    if said:
        found = {part: find_place([root], place) for part, place in said.items()}
        if lost := next((said[part] for part, path in found.items() if path is None), None):
            raise UserError(f"{root}: there is no {lost}; fix the path in its {_CONFIG} file")
        return {part: path for part, path in found.items() if path}
    there = {name: root / f"{name}.txt" for name in SPLIT_FOLDERS}
    lists = {name: path for name, path in there.items() if is_list_of_images(path)}
    return lists or ({"": root / _ALL} if is_list_of_images(root / _ALL) else {})


def _is_here(listing: Listing) -> bool:
    return bool(_config(listing) or (listing.path.is_dir() and _names_file(listing)))


def _read(path: Path, options: ReadOptions) -> Dataset:
    return read_darknet(path, options.details, options.as_annotated)


DARKNET = Form("YOLO", _is_here, _read)
