"""Reads KITTI's object labels: a text file for each image, a line of 15 columns for each object.

The box is 0-based, in pixels. `DontCare` marks regions without labels; they are left out.
Source: cvlibs.net/datasets/kitti, `readme.txt` of the object development kit.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from configs.errors import UserError
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings, counted
from detector.data.form import Form, Listing, ReadOptions
from detector.data.tools.from_records import make_dataset
from detector.data.tools.records import ImageRecord, ReadObject, read_objects
from detector.data.tools.shapes_drawn import class_name, coordinate, upright
from detector.data.values import number, read_lines, shown
from detector.images import images_below

_LABELS = ("label_2", "labels")
_IMAGES = ("image_2", "data", "images")
_NUMBERS = (14, 15)  # columns after the class; the last of 15 is a score
_IGNORED = "DontCare"
_LOOK = 5  # files that are looked into


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings = FileFindings(path)
    labels, images = _folders(Listing(path))
    files = {file.stem: file for file in labels.files(".txt")}
    pairs = {image.stem: image for image in sorted(images_below(images.path))}
    for image in (image for stem, image in pairs.items() if stem not in files):
        message = f"there is no {labels.path / image.stem}.txt"
        findings.add("missing-label-file", "", message, image)
    ignored: list[str] = []
    records = [
        _record(stem, files.get(stem), images.path, ignored, findings)
        for stem in dict.fromkeys([*files, *pairs])
    ]
    notes = [f"{counted(len(ignored), 'region')} of {_IGNORED} left out"] if ignored else []
    return make_dataset(path, filter(None, records), findings, options, notes=notes)


def _record(
    stem: str, file: Path | None, images: Path, ignored: list[str], findings: FileFindings
) -> ImageRecord | None:
    try:
        lines = list(filter(None, read_lines(file))) if file else []
    except UserError as error:
        return findings.add("unreadable-annotation", "", str(error), file)
    place = f"{images.name}/{stem}"
    source = file or images
    objects = read_objects(lines, "line", _object, findings, source)
    kept = [one for one in objects if one.name != _IGNORED]
    ignored += [one.element for one in objects if one.name == _IGNORED]
    return ImageRecord(source, (), kept, stem=place)


def _object(line: str, element: str) -> ReadObject:
    name, columns = _columns(line)
    drawn = upright(*(coordinate(edge, "edge") for edge in columns[3:7]))
    truncated, occluded = (number(value) for value in columns[:2])
    details = {"truncated": truncated, "occluded": occluded}
    return ReadObject(element, class_name(name), drawn, details=details)


def _columns(line: str) -> tuple[str, list[str]]:
    """The class, in which datumaro leaves spaces, and the numbers after it."""
    words = line.split()
    first = next((i for i, word in enumerate(words) if i and number(word) is not None), len(words))
    name, columns = " ".join(words[:first]), words[first:]
    if len(columns) not in _NUMBERS or None in map(number, columns):
        raise ValueError(f"{shown(line)} is not a class and {_NUMBERS[0]} numbers")
    return name, columns


def _folders(listing: Listing) -> tuple[Listing, Listing]:
    labels, images = listing.folder(*_LABELS), listing.folder(*_IMAGES)
    return labels or listing, images or listing


def _texts(folder: Path) -> Iterator[Path]:
    return (p for p in folder.iterdir() if p.suffix.lower() == ".txt" and p.name[0] != ".")


def _is_here(listing: Listing) -> bool:
    labels, images = listing.folder(*_LABELS), listing.folder(*_IMAGES)
    if not labels or not images:
        return False
    for file in islice(_texts(labels.path), _LOOK):
        try:
            first = next(filter(None, read_lines(file)), "")
            if first and number(first.split()[0]) is None:
                return bool(_columns(first))
        except (UserError, ValueError):
            continue
    return False


KITTI = Form("KITTI", _is_here, _read)
