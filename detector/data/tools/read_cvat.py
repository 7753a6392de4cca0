"""Reads "CVAT for images 1.1": an XML with all images of a task or project, boxes in pixels.

Coordinates are 0-based and continuous. A box or an ellipse may have a `rotation`, in degrees
clockwise around its centre. Of a video's tracks, the export for images is asked for.
Source: docs.cvat.ai, "XML annotation format"; "Mask" and "Skeleton" there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings, counted
from detector.data.form import Form, Listing, ReadOptions
from detector.data.tools.from_records import make_dataset
from detector.data.tools.records import ImageRecord, ReadObject, read_objects
from detector.data.tools.shapes_drawn import (
    Drawn,
    class_name,
    coordinate,
    ellipse,
    no_box,
    points_of,
    polygon,
    turned,
)
from detector.data.values import flag, side
from detector.data.xml_file import read_xml, xml_root

_NO_BOXES = frozenset({"tag", "points", "polyline", "skeleton", "cuboid"})
"""Types of labels in `meta` that never bear a box."""

_GEOMETRY = frozenset(
    "label xtl ytl xbr ybr cx cy rx ry rotation points rle left top width height source".split()
)  # what the shape itself says, or nobody needs


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings = FileFindings(path)
    files = _files(Listing(path))
    roots = [(file, read_xml(file)) for file in files]
    names = dict.fromkeys(name for _, root in roots for name in _labels(root))
    tags: Counter[str] = Counter()
    records = [
        record
        for file, root in roots
        for record in _records(file, root, len(files) > 1, findings, tags)
    ]
    if not records and any(root.find("track") is not None for _, root in roots):
        raise UserError(
            f'{path}: holds tracks of a video; in CVAT, export it as "CVAT for images 1.1" or '
            '"COCO 1.0", with images'
        )
    classes = ClassMap(tuple(names)) if names else None
    notes = [f"{counted(count, noun)} left out" for noun, count in tags.items() if count]
    return make_dataset(path, records, findings, options, classes, notes)


def _labels(root: Element) -> Iterator[str]:
    """The names of the labels that may bear boxes, in the order of the project."""
    for label in root.iterfind("meta//label"):
        name = " ".join((label.findtext("name") or "").split())
        kind, parent = label.findtext("type") or "", label.findtext("parent")
        if name and kind not in _NO_BOXES and not parent:
            yield name


def _records(
    file: Path, root: Element, is_part: bool, findings: FileFindings, tags: Counter[str]
) -> Iterator[ImageRecord]:
    for number, image in enumerate(root.iterfind("image"), start=1):
        name, subset = (image.get(key, "").replace("\\", "/") for key in ("name", "subset"))
        shapes = [shape for shape in image if shape.tag != "tag"]
        tags["image tag"] += len(image) - len(shapes)
        noun = f"image {number} shape"
        yield ImageRecord(
            file,
            tuple(dict.fromkeys((f"{subset}/{name}" if subset else name, name))),
            read_objects(shapes, noun, _object, findings, file),
            side(image.get("height")),
            side(image.get("width")),
            f"image {number}",
            split=subset or (file.stem if is_part else ""),
        )


def _object(shape: Element, element: str) -> ReadObject:
    name = class_name(shape.get("label"))
    details: dict[str, Any] = {key: value for key, value in shape.items() if key not in _GEOMETRY}
    for one in shape.iterfind("attribute"):
        details.setdefault(one.get("name") or "attribute", (one.text or "").strip())
    return ReadObject(element, name, _drawn(shape), flag(shape.get("iscrowd")), False, details)


def _drawn(shape: Element) -> Drawn:
    if shape.tag == "box":
        corner, opposite = _pair(shape, "xtl", "ytl"), _pair(shape, "xbr", "ybr")
        degrees = coordinate(shape.get("rotation", "0"), "rotation")
        return turned(corner, opposite - corner, degrees, (corner + opposite) / 2)
    if shape.tag == "ellipse":
        degrees = coordinate(shape.get("rotation", "0"), "rotation")
        return ellipse(_pair(shape, "cx", "cy"), _pair(shape, "rx", "ry"), degrees)
    if shape.tag == "polygon":
        texts = filter(None, map(str.strip, shape.get("points", "").split(";")))
        return polygon(points_of([text.split(",") for text in texts]))
    if shape.tag == "mask":
        corner, size = _pair(shape, "left", "top"), _pair(shape, "width", "height")
        return turned(corner, size, 0, corner)._replace(shape="mask")
    raise no_box(shape.tag)


def _pair(shape: Element, first: str, second: str) -> np.ndarray:
    return np.array([coordinate(shape.get(key), key) for key in (first, second)], np.float64)


def _files(listing: Listing) -> list[Path]:
    for place in (listing, listing.folder("annotations")):
        first = next((one for one in _xmls(place)), None) if place else None
        if place and first and xml_root(first) == "annotations":
            return [one for one in place.files(".xml") if xml_root(one) == "annotations"]
    return []


def _xmls(place: Listing) -> Iterator[Path]:
    """Without sorting: the folders of VOC are long."""
    if place.path.is_file():
        yield from place.files(".xml")
    else:
        yield from (p for p in place.path.iterdir() if p.suffix == ".xml" and p.name[0] != ".")


CVAT = Form("CVAT XML", lambda listing: bool(_files(listing)), _read)
