"""COCO's JSON: `bbox` is x, y, width, height in pixels; categories have ids with gaps.

A file of train2017's size holds half a gigabyte, most of it outlines. They are skipped while
parsing, annotations are kept in flat arrays, and a `Sample` is made only when it is asked for.
Source: cocodataset.org, "Data format".
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.coco_file import CocoCategory, CocoFile, CocoImage, CocoObjects, decode
from detector.data.dataset import Dataset, LazySamples, ObjectColumns
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.json_kind import json_kind
from detector.data.split_record import is_record
from detector.data.values import Id, as_id, side
from detector.files import explained
from detector.types import Sample

Image = tuple[int, str, int, int]  # position in the file, path in the folder, height, width

_OURS = frozenset(
    {"image_id", "category_id", "bbox", "area", "iscrowd", "ignore", "difficult"}
)  # what a Sample says by itself; everything else of an annotation goes to its details
_ABOUT_IMAGE = frozenset({"id", "file_name", "height", "width"})


def read_coco(path: Path, images: Path | None = None, details: bool = False) -> Dataset:
    """Read a COCO JSON.

    Args:
        path: the file.
        images: the folder that its file names start from; by default it is looked for.
        details: also keep what a detector does not need (outlines, licences, ...), at the cost
            of time and memory.

    Raises:
        UserError: the file is not such a JSON, or none of its images is found or has an id.
    """
    with explained(path, "read"):
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")  # a byte order mark of Windows
    file: CocoFile = decode(path, data)
    if not file.images:
        raise UserError(f"{path}: lists no images")
    findings = FileFindings(path)
    folder = _find_images(path, images, file.images)
    usable = _images(file.images, folder, findings)
    if not usable:
        first = findings.found[0]
        why = f"{first.element}: {first.message}"
        raise UserError(f"{path}: none of its {len(file.images)} images can be used, such as {why}")
    label_of, classes = _classes(path, file.categories, findings)
    raw = decode(path, data, dict[str, Any]) if details else {}
    index_of = {found: -1 for one in file.images if (found := as_id(one.id)) is not None}
    index_of.update(zip(usable, range(len(usable)), strict=True))
    file.images.clear()  # of train2017, all that is not kept is five times as large as what is
    del data
    objects = CocoObjects.collect(file, index_of, label_of, findings)
    samples = CocoSamples(path, folder, usable, objects, raw)
    about = {key: value for key, value in raw.items() if key not in ("images", "annotations")}
    return Dataset(path.stem, path, classes, samples, {}, tuple(findings.found), (), about)


def _find_images(path: Path, given: Path | None, entries: Sequence[CocoImage]) -> Path:
    """The folder that most file names are found in, among the usual ones."""
    split = path.stem.removeprefix("_").split("_")[-1]  # instances_val2017 -> val2017
    near, above = path.parent, path.parent.parent
    guesses = [near, near / "images", near / split, above / split]
    guesses += [above / "images" / split, above / "images", above / "JPEGImages", above]
    folders = [given] if given else guesses
    step = max(1, len(entries) // 50)
    names = [entry.file_name for entry in entries[::step] if isinstance(entry.file_name, str)]
    hits = [sum(_exists(folder / _native(name)) for name in names) for folder in folders]
    if not max(hits):
        looked = "" if given else " near it; name their folder with --images"
        first = f" (such as {names[0]})" if names else ""
        raise UserError(f"{path}: its images{first} are not in {given or 'a folder'}{looked}")
    return folders[hits.index(max(hits))]


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False


def _native(name: str) -> str:
    return name if os.sep == "\\" else name.replace("\\", "/")


def _images(entries: Sequence[CocoImage], folder: Path, findings: FileFindings) -> dict[Id, Image]:
    """Position, path in the folder, height and width by id, of the images that are there."""
    found: dict[Id, Image] = {}
    present = _Present(folder)
    for position, entry in enumerate(entries):
        image_id, name = as_id(entry.id), entry.file_name
        if image_id is None or not isinstance(name, str) or not name:
            findings.add("missing-picture", f"images[{position}]", "has no id or no file_name")
        elif image_id in found:
            findings.add("id-collision", f"image {image_id}", f"{name} has the id of another image")
        elif not present.has(name := _native(name)):
            findings.add("missing-picture", f"image {image_id}", f"there is no {folder / name}")
        else:
            found[image_id] = (position, name, side(entry.height), side(entry.width))
    return found


class _Present:
    """Which files exist below a folder, by listing each folder once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, frozenset[str]] = {}

    def has(self, path: str) -> bool:
        below, name = os.path.split(
            path.rstrip("/")
        )  # as text: of 118,000 paths, objects take a second
        if below not in self._names:
            try:
                self._names[below] = frozenset(os.listdir(self._folder / below))  # noqa: PTH208
            except (OSError, ValueError):
                self._names[below] = frozenset()
        return name in self._names[below]


def _classes(
    path: Path, categories: Sequence[CocoCategory], findings: FileFindings
) -> tuple[dict[Id, int], ClassMap]:
    """Label by category id, and the class map in the order of the ids."""
    names: dict[int, str] = {}
    for position, category in enumerate(categories):
        category_id, name = as_id(category.id), category.name
        element = f"categories[{position}]"
        if type(category_id) is not int or not isinstance(name, str) or not name.strip():
            findings.add("unknown-class", element, "has no whole number as id, or no name")
        elif category_id in names:
            findings.add("id-collision", element, f"{name!r} has the id of {names[category_id]!r}")
        else:
            names[category_id] = name.strip()
    if not names:
        raise UserError(f"{path}: names no category")
    first_id: dict[str, int] = {}
    for category_id in sorted(names):
        first = first_id.setdefault(names[category_id], category_id)
        if first != category_id:
            message = f"has the name of category {first}, {names[first]!r}, and joins it"
            findings.add("id-collision", f"category {category_id}", message)
    classes = ClassMap(tuple(first_id), tuple(first_id.values()))
    label_of = {name: label for label, name in enumerate(classes.names)}
    return {category_id: label_of[name] for category_id, name in names.items()}, classes


class CocoSamples(LazySamples):
    """The samples of a COCO JSON, made when asked for."""

    def __init__(
        self,
        source: Path,
        folder: Path,
        images: Mapping[Id, Image],
        objects: CocoObjects,
        raw: Mapping[str, Any],
    ) -> None:
        self._source, self._folder = source, folder
        self._ids = list(images)
        self._images = list(images.values())
        self._objects = objects
        self._raw = raw

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: Any) -> Any:
        index = range(len(self))[index]
        position, name, height, width = self._images[index]
        objects = self._objects
        mine = slice(objects.ends[index - 1] if index else 0, objects.ends[index])
        rows = objects.rows[mine].tolist() if self._raw else []
        return Sample(
            self._ids[index],
            self._folder / name,
            height,
            width,
            objects.boxes[mine],
            objects.labels[mine],
            objects.is_crowd[mine],
            objects.is_difficult[mine],
            objects.areas[mine],
            self._source,
            tuple(f"annotation {annotation_id}" for annotation_id in objects.ids[mine]),
            tuple(_others(self._raw["annotations"][row], _OURS) for row in rows),
            _others(self._raw["images"][position], _ABOUT_IMAGE) if self._raw else {},
        )

    def object_columns(self) -> ObjectColumns:
        """Labels and flags of all objects, as the file's arrays hold them."""
        objects = self._objects
        lengths = np.diff(objects.ends, prepend=0)
        return ObjectColumns(objects.labels, objects.is_crowd | objects.is_difficult, lengths)


def _others(entry: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in known}


def coco_jsons(listing: Listing) -> list[Path]:
    """The COCO JSONs of a folder: in `annotations`, or directly in it beside the images."""
    for place in (listing.folder("annotations"), listing):
        found = place.files(".json") if place and not place.path.is_file() else []
        found = [p for p in found if not is_record(p)]
        named = [p for p in found if p.name.startswith("instances_") or "coco" in p.name.lower()]
        if named or (named := [p for p in found if json_kind(p) == "COCO JSON"]):
            return named
    return []


def _is_here(listing: Listing) -> bool:
    return listing.path.suffix.lower() == ".json" or bool(coco_jsons(listing))


def _read(path: Path, options: ReadOptions) -> Dataset:
    file = coco_jsons(Listing(path))[0] if path.is_dir() else path
    return read_coco(file, options.images, options.details)


COCO = Form("COCO JSON", _is_here, _read)
