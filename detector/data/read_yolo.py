"""Reads YOLO's text files: per object a class index and cx, cy, width, height in fractions.

A line with more numbers is an outline, whose bounds are the box. `data.yaml` names the classes and
the folders; `images` in an image's path becomes `labels` in that of its text file.
Source: docs.ultralytics.com, "Object Detection Datasets Overview".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from configs.errors import UserError
from detector.boxes import cxcywh_to_xyxy, scale
from detector.classes import ClassMap
from detector.data.dataset import SPLIT_FOLDERS, Dataset, join
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.values import number, read_lines
from detector.data.yaml_file import YAML, read_yaml
from detector.images import Header, images_below, read_header
from detector.types import Sample

_SLACK = 0.1  # a fraction may lie this far outside 0 ... 1; further out it is no fraction
_YEAR = re.compile(r"\d{4}$")  # train2017
_PARTS = ("train", "val", "valid", "test")


def read_yolo_yaml(path: Path, values: Mapping[str, Any]) -> Dataset:
    """Read a data set by its `data.yaml`.

    Args:
        path: of that file.
        values: its content.

    Raises:
        UserError: it names no classes, no folder, or a folder without images.
    """
    classes = ClassMap(_class_names(path, values.get("names")))
    parts = {part: values[part] for part in _PARTS if values.get(part)}
    if not parts:
        raise UserError(f"{path}: names neither train nor val")
    base = path.parent / str(values.get("path") or "")
    base = base if base.is_dir() else path.parent
    name = path.parent.name
    if len({str(where) for where in parts.values()}) == 1:  # one place for all: no splits
        return _read(name, path, _listed(path, base, next(iter(parts.values()))), classes)
    datasets = {
        part: _read(f"{name}:{part}", path, _listed(path, base, where), classes)
        for part, where in parts.items()
    }
    return join(name, path, datasets)


def read_yolo_folder(root: Path, images: Path) -> Dataset:
    """Read a folder of images with labels, without a `data.yaml`.

    Class names come from a `classes.txt`; without it they are `class_0`, `class_1`, ... Where all
    images lie in folders such as `images/train` and `images/val`, those are the splits.

    Raises:
        UserError: there are no images, or a file cannot be read.
    """
    paths = _in_folder(images)
    lists = (root / "classes.txt", root / "labels" / "classes.txt", images / "classes.txt")
    listed = next((path for path in lists if path.is_file()), None)
    if listed:
        names = list(filter(None, read_lines(listed)))
        return _in_parts(images, root, paths, ClassMap(_class_names(listed, names)))
    highest = max((_highest_index(label_file(path)) for path in paths), default=0)
    classes = ClassMap(tuple(f"class_{index}" for index in range(highest + 1)))
    note = f"{root} has no data.yaml or classes.txt: classes are called class_0, class_1, ..."
    return replace(_in_parts(images, root, paths, classes), notes=(note,))


def _in_parts(images: Path, root: Path, paths: Sequence[Path], classes: ClassMap) -> Dataset:
    """The data set with the folders in `images` as its splits, if they bear such names."""
    dataset = _read(root.name, root, paths, classes)
    splits: dict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(dataset):
        folder, *below = sample.path.relative_to(images).parts
        if not below or _YEAR.sub("", folder.lower()) not in SPLIT_FOLDERS:
            return dataset
        splits[folder].append(index)
    if len(splits) == 1:  # one part of all images splits nothing
        return dataset
    return replace(dataset, splits={name: np.array(rows) for name, rows in splits.items()})


def label_file(image: Path) -> Path:
    """The text file that belongs to an image: in `labels` for `images`, else beside it."""
    parts = list(image.parts)
    folders = [index for index, part in enumerate(parts[:-1]) if part.lower() == "images"]
    if folders:
        parts[folders[-1]] = "labels"
    return Path(*parts).with_suffix(".txt")


def _class_names(path: Path, names: Any) -> tuple[str, ...]:
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise UserError(f"{path}: names must list the classes, or map 0, 1, ... to them")
    found = tuple(str(name).strip() for name in names)
    wrong = next((name for name in found if not name or found.count(name) > 1), None)
    if wrong is not None:
        raise UserError(f"{path}: class name {wrong!r} is empty or stands twice")
    return found


def _listed(path: Path, base: Path, where: Any) -> list[Path]:
    """The images that an entry of `data.yaml` stands for."""
    places = where if isinstance(where, list) else [where]
    images: list[Path] = []
    for place in map(str, places):
        # Some tools write paths as seen from a folder beside the file: ../train/images.
        tries = (base / place, path.parent / place, path.parent / place.removeprefix("../"))
        found = next((candidate for candidate in tries if candidate.exists()), None)
        if found is None:
            raise UserError(f"{path}: there is no {tries[0].absolute()}; fix the path in it")
        images += _in_folder(found) if found.is_dir() else _in_list(found)
    return images


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(images_below(folder))
    if not found:
        raise UserError(f"no images in folder {folder}")
    return found


def _in_list(path: Path) -> list[Path]:
    lines = list(filter(None, read_lines(path)))
    if not lines:
        raise UserError(f"{path}: lists no images")
    return [path.parent / line for line in lines]


def _read(name: str, source: Path, images: Sequence[Path], classes: ClassMap) -> Dataset:
    findings = FileFindings(source)
    samples = list(filter(None, (_sample(image, classes, findings) for image in images)))
    if not samples:
        raise UserError(f"{source}: none of the {len(images)} images of {name} can be read")
    return Dataset(name, source, classes, samples, {}, tuple(findings.found))


def _sample(image: Path, classes: ClassMap, findings: FileFindings) -> Sample | None:
    labels = label_file(image)
    try:
        header = read_header(image)  # fractions mean nothing without the size
    except UserError as error:
        kind = "unreadable-picture" if image.exists() else "missing-picture"
        return findings.add(kind, "", str(error), image)
    if not labels.is_file():
        findings.add("missing-label-file", "", f"there is no {labels}", image)
        return _of_rows(image, header, None, [])
    try:
        lines = read_lines(labels)
    except UserError as error:
        return findings.add("unreadable-annotation", "", str(error), labels)
    report = FileFindings(labels)
    rows = [_row(f"line {i}", line, len(classes), report) for i, line in enumerate(lines, start=1)]
    findings.found += report.found
    return _of_rows(image, header, labels, [row for row in rows if row])


class _Row(NamedTuple):
    element: str
    label: int
    cxcywh: tuple[float, ...]
    outline: tuple[float, ...]  # x, y, x, y, ... in fractions; empty for a plain box


def _row(element: str, line: str, num_classes: int, report: FileFindings) -> _Row | None:
    words = line.split()
    if not words:
        return None
    numbers = [number(word) for word in words]
    if None in numbers or len(numbers) < 5 or (len(numbers) > 5 and len(numbers) % 2 == 0):
        shown = line if len(line) <= 60 else f"{line[:57]}..."
        message = f"{shown!r} is not a class index and 4 fractions, or an outline"
        report.add("bad-object", element, message)
        return None
    index, *edges = (value for value in numbers if value is not None)
    if index not in range(num_classes):
        message = f"class index {index:g} is not one of 0 ... {num_classes - 1}"
        report.add("unknown-class", element, message)
        return None
    if any(not -_SLACK <= edge <= 1 + _SLACK for edge in edges):
        report.add("bad-object", element, f"{line[:60]!r} holds pixels, not fractions of 0 ... 1")
        return None
    if len(edges) == 4:
        return _Row(element, int(index), tuple(edges), ())
    xs, ys = edges[::2], edges[1::2]
    size = (max(xs) - min(xs), max(ys) - min(ys))
    middle = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
    return _Row(element, int(index), (*middle, *size), tuple(edges))


def _of_rows(image: Path, header: Header, source: Path | None, rows: Sequence[_Row]) -> Sample:
    height, width = header.height, header.width
    fractions = np.array([row.cxcywh for row in rows], np.float64).reshape(-1, 4)
    outlines = [(np.reshape(row.outline, (-1, 2)) * (width, height)).ravel() for row in rows]
    nobody = np.zeros(len(rows), bool)
    return Sample(
        image.stem,
        image,
        height,
        width,
        scale(cxcywh_to_xyxy(fractions), height, width).astype(np.float32),
        np.array([row.label for row in rows], np.int64),
        nobody,
        nobody,
        source=source,
        elements=tuple(row.element for row in rows),
        details=tuple({"segmentation": [o.tolist()]} if len(o) else {} for o in outlines),
    )


def _highest_index(labels: Path) -> int:
    lines = read_lines(labels) if labels.is_file() else []
    indices = [number(line.split()[0]) for line in lines if line]
    return int(max((index for index in indices if index and index < 10_000), default=0))


def _yaml_of(listing: Listing) -> Path | None:
    """The YAML that names the classes: the file itself, or one in the folder."""
    for path in listing.files(*YAML):
        try:
            if "names" in read_yaml(path):
                return path
        except UserError:
            if path.stem == "data" or path == listing.path:  # others may be of another program
                raise
    return None


def _images_of(listing: Listing) -> Path | None:
    """Where the images of a YOLO folder are: in `images`, or beside their text files."""
    if listing.path.is_file():
        return None
    for place in (listing.path / "images", listing.path):
        if place.is_dir() and any(label_file(one).is_file() for one in images_below(place)):
            return place
    return None


def _read_with_yaml(path: Path, _: ReadOptions) -> Dataset:
    file = _yaml_of(Listing(path)) or path
    return read_yolo_yaml(file, read_yaml(file))


def _read_folder(path: Path, _: ReadOptions) -> Dataset:
    return read_yolo_folder(path, _images_of(Listing(path)) or path)


YOLO_YAML = Form("YOLO", lambda listing: _yaml_of(listing) is not None, _read_with_yaml)
YOLO_FOLDER = Form("YOLO", lambda listing: _images_of(listing) is not None, _read_folder)
