"""Reads YOLO's text files: per object a class index and cx, cy, width, height in fractions.

`data.yaml` names the classes and where the images are. Source: docs.ultralytics.com, "Object
Detection Datasets Overview".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from configs.errors import UserError
from detector.data.dataset import SPLIT_FOLDERS, Dataset
from detector.data.form import Form, Listing, ReadOptions
from detector.data.values import number
from detector.data.yaml_file import YAML, read_yaml
from detector.data.yolo.label_folders import LabelFolders
from detector.data.yolo.yolo_images import read_parts
from detector.data.yolo.yolo_names import names_in_files, names_in_yaml
from detector.data.yolo.yolo_places import find_place, images_at
from detector.images import images_below

_YEAR = re.compile(r"\d{4}$")  # train2017
_LIST = ".txt"


def read_yolo_yaml(
    path: Path, values: Mapping[str, Any], details: bool = False, as_annotated: bool = False
) -> Dataset:
    """Read a data set by its `data.yaml`.

    Args:
        path: of that file.
        values: its content.
        details: keep outlines.
        as_annotated: keep images that cannot be read.

    Raises:
        UserError: its names are none, it leads to no images, or they cannot be read.
    """
    beside = names_in_files([path.parent]) if values.get("names") is None else None
    names = beside or names_in_yaml(path, values)
    parts, notes = _parts_of_yaml(path, values)
    if not parts:
        raise UserError(
            f"{path}: names neither train nor val, and no images with labels are beside it"
        )
    dataset = read_parts(path, path.parent, parts, names, _keypoints(values), details, as_annotated)
    return replace(dataset, notes=(*dataset.notes, *notes))


def read_yolo_folder(root: Path, details: bool = False, as_annotated: bool = False) -> Dataset:
    """Read a folder of images with labels, without a `data.yaml`.

    Class names come from a list such as `classes.txt`; without it they are `class_0`, `class_1`,
    ... Where all images lie in folders such as `images/train` and `images/val`, those are the
    splits.

    Raises:
        UserError: there are no images, or a file cannot be read.
    """
    parts = _parts_of_folder(root)
    if not parts:
        raise UserError(f"no images with labels in folder {root}")
    labels = LabelFolders(root)
    of_parts = [labels.file_of(images[0])[0].parent for images in parts.values()]
    folders = [root, root / "labels", root / "images", *of_parts, *_beside_split(root)]
    names = names_in_files(list(dict.fromkeys(folders)))
    return read_parts(root, root, parts, names, details=details, as_annotated=as_annotated)


def _beside_split(root: Path) -> list[Path]:
    """Where else names may lie if a folder is a split: above it, and in the other splits."""
    if root.name.lower() not in SPLIT_FOLDERS:
        return []
    folders = Listing(root.parent).folders
    others = [folders[name] for name in SPLIT_FOLDERS if name in folders]
    return [root.parent, *others, *(other / "labels" for other in others)]


def _parts_of_yaml(
    path: Path, values: Mapping[str, Any]
) -> tuple[dict[str, list[Path]], list[str]]:
    """The images of each part that a YAML names, or else of the folders beside it; and notes."""
    places = _places(values)
    if not places:
        return _parts_beside(path.parent), []
    bases = _bases(path, str(values.get("path") or ""))
    parts, notes = {}, []
    for part, where in places.items():
        images = images_at(bases, where)
        if images is not None:
            parts[part] = images
        elif part.lower() == "test" and len(places) > 1:  # Roboflow names one in any case
            notes.append(f"{path} names a test split, but there is no {bases[0] / str(where)}")
        else:
            missing = (bases[0] / str(where)).absolute()
            raise UserError(f"{path}: there is no {missing}; fix the path in it")
    if len({str(where) for where in places.values()}) == 1 or [*map(str.lower, parts)] == ["train"]:
        return {"": next(iter(parts.values()))}, notes  # all images in one place: no splits
    return parts, notes


def _places(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a YAML names as its parts: by the names of splits, or lists by any name."""
    return {
        str(key): where
        for key, where in values.items()
        if where
        and (
            (str(key).lower() in SPLIT_FOLDERS and isinstance(where, str | list))
            or (isinstance(where, str) and where.lower().endswith(_LIST))
        )
    }


def _bases(path: Path, said: str) -> list[Path]:
    """Folders that the paths in a YAML may be seen from.

    Ultralytics takes `path:` as seen from its own folder of data sets, which is not known here.
    """
    found = find_place([path.parent], said) if said else None
    found = found or find_place([path.parent], Path(said.replace("\\", "/")).name or ".")
    return list(dict.fromkeys([found or path.parent, path.parent]))


def _keypoints(values: Mapping[str, Any]) -> tuple[int, int] | None:
    """How many keypoints objects have, and of how many numbers (`kpt_shape`); None if not said."""
    said = values.get("kpt_shape")
    shape = [number(one) for one in said] if isinstance(said, list) and len(said) == 2 else []
    return (int(shape[0]), int(shape[1])) if shape and shape[0] and shape[1] else None


def _parts_beside(root: Path) -> dict[str, list[Path]]:
    """The images of a data set whose YAML does not say where they are."""
    return _parts_of_splits(root) or _parts_of_folder(root)


def _parts_of_splits(root: Path) -> dict[str, list[Path]]:
    """The images with labels in folders such as `train` and `val`."""
    folders = Listing(root).folders
    found = {name: sorted(images_below(folders[name])) for name in SPLIT_FOLDERS if name in folders}
    labels = LabelFolders(root)
    return {name: images for name, images in found.items() if labels.has_any(images)}


def _parts_of_folder(root: Path) -> dict[str, list[Path]]:
    """The images in `images` or beside their text files; by folders, where these are splits.

    Those in none of several splits are the part "".
    """
    if (place := _images_of(root)) is None:
        return {}
    paths = sorted(images_below(place))
    parts: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        folder, *below = path.relative_to(place).parts
        is_split = below and _YEAR.sub("", folder.lower()) in SPLIT_FOLDERS
        parts[folder if is_split else ""].append(path)
    splits = parts.keys() - {""}
    return dict(parts) if len(splits) > 1 else {"": paths}  # one part of all splits nothing


def _images_of(root: Path) -> Path | None:
    """Where the images of a YOLO folder are: in `images`, or beside their text files."""
    if not root.is_dir():
        return None
    labels = LabelFolders(root)
    places = (Listing(root).folders.get("images"), root)
    return next((one for one in places if one and labels.has_any(images_below(one))), None)


def _yaml_of(listing: Listing) -> Path | None:
    """The YAML that names the classes: the file itself, or one in the folder."""
    return next(iter(sorted(_yamls_of(listing), key=lambda found: not found[1])), (None,))[0]


def _yamls_of(listing: Listing) -> list[tuple[Path, bool]]:
    """The YAML files of YOLO, and whether each says where the images are."""
    found = []
    for path in listing.files(*YAML):
        try:
            values = read_yaml(path)
        except UserError:
            if path.stem == "data" or path == listing.path:  # others may be of another program
                raise
            continue
        places = _places(values)
        if places and ("names" in values or "nc" in values or _is_of_images(path, places)):
            found.append((path, True))
        elif "names" in values and (path == listing.path or _parts_beside(path.parent)):
            found.append((path, False))
    return found


def _is_of_images(path: Path, places: Mapping[str, Any]) -> bool:
    """Whether the parts that a YAML without names has are images, not data sets."""

    def is_folder_elsewhere(where: str) -> bool:
        is_of_images = "images" in where.lower().replace("\\", "/").split("/")
        return is_of_images and not (path.parent / where).exists()

    single = [where for where in places.values() if isinstance(where, str)]
    listed = [str(one) for where in places.values() if isinstance(where, list) for one in where]
    if any(w.lower().endswith(_LIST) or is_folder_elsewhere(w) for w in (*single, *listed)):
        return True
    labels = LabelFolders(path.parent)
    return any(labels.has_any(images_below(path.parent / where)) for where in listed)


def _read_with_yaml(path: Path, options: ReadOptions) -> Dataset:
    file = _yaml_of(Listing(path)) or path
    return read_yolo_yaml(file, read_yaml(file), options.details, options.as_annotated)


def _read_folder(path: Path, options: ReadOptions) -> Dataset:
    return read_yolo_folder(path, options.details, options.as_annotated)


YOLO_YAML = Form("YOLO", lambda listing: _yaml_of(listing) is not None, _read_with_yaml)
YOLO_FOLDER = Form("YOLO", lambda listing: _images_of(listing.path) is not None, _read_folder)
