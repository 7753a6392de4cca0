"""Reads the VGG Image Annotator's projects and annotations: JSON and CSV of its versions 1 and 2.

The class is one of a region's attributes, by whatever name its user gave it.
Source: robots.ox.ac.uk/~vgg/software/via, `via_import_from_json` and `_csv` of 2.0.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from configs.errors import UserError
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.json_kind import json_kind
from detector.data.tools.from_records import make_dataset
from detector.data.tools.records import ImageRecord, ReadObject, read_objects
from detector.data.tools.shapes_drawn import (
    Drawn,
    class_name,
    coordinate,
    ellipse,
    no_box,
    one_line,
    polygon,
    upright,
)
from detector.data.tools.table_file import read_head, read_table
from detector.data.tools.tool_json import as_dict, as_list, load_json, load_text

_CLASSES = ("class", "label", "label_id", "name", "category", "object", "type")
_ONLY_CLASS = "object"
_COLUMNS = {"region_shape_attributes", "region_attributes"}


class _Region(NamedTuple):
    shape: dict[str, Any]
    attributes: dict[str, Any]


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings = FileFindings(path)
    file = _file(Listing(path)) or path
    images = _of_csv(file) if file.suffix.lower() == ".csv" else _of_json(file)
    counts = Counter(
        key for regions in images.values() for one in regions for key in one.attributes
    )
    key = _class_key(file, counts)
    notes = [] if key else [f"{file} names no classes: all objects are of class {_ONLY_CLASS}"]

    def read(region: _Region, element: str) -> ReadObject:
        name = _class(region.attributes.get(key)) if key else _ONLY_CLASS
        others = {other: value for other, value in region.attributes.items() if other != key}
        return ReadObject(element, name, _drawn(region.shape), details=others)

    records = [
        ImageRecord(
            file,
            (name,) if name else (),
            read_objects(regions, f"{one_line(name)}, region", read, findings, file),
            element=one_line(name),
        )
        for name, regions in images.items()
    ]
    return make_dataset(path, records, findings, options, notes=notes)


def _of_json(file: Path) -> dict[str, list[_Region]]:
    content = as_dict(load_json(file))
    entries = as_dict(content.get("_via_img_metadata", content))
    images: dict[str, list[_Region]] = {}
    for entry in map(as_dict, entries.values()):
        regions = entry.get("regions")
        listed = list(regions.values()) if isinstance(regions, dict) else as_list(regions)
        found = (as_dict(one) for one in listed)
        images.setdefault(str(entry.get("filename") or ""), []).extend(
            _Region(as_dict(one.get("shape_attributes")), as_dict(one.get("region_attributes")))
            for one in found
        )
    return images


def _of_csv(file: Path) -> dict[str, list[_Region]]:
    images: dict[str, list[_Region]] = {}
    for row in read_table(file):
        regions = images.setdefault(row.get("filename") or row.get("#filename") or "", [])
        shape = as_dict(load_text(file, row.get("region_shape_attributes") or "{}"))
        attributes = as_dict(load_text(file, row.get("region_attributes") or "{}"))
        if shape:
            regions.append(_Region(shape, attributes))
    return images


def _class_key(file: Path, counts: Mapping[str, int]) -> str:
    """The attribute that holds the class: the only one, or one with such a name."""
    usual = [key for key in _CLASSES if key in {one.lower() for one in counts}]
    found = [one for one in counts if usual and one.lower() == usual[0]] or list(counts)
    if len(found) > 1:
        raise UserError(
            f"{file}: which of its attributes {', '.join(sorted(found))} is the class? Name it "
            '"class" in VIA'
        )
    return next(iter(found), "")


def _class(value: Any) -> str:
    """The class of a text field, a drop-down list or a check box."""
    if isinstance(value, dict):
        ticked = [name for name, is_set in value.items() if is_set is True]
        if len(ticked) != 1:
            raise ValueError(f"has {len(ticked)} classes ticked, not one")
        return class_name(ticked[0])
    return class_name(value)


def _drawn(shape: Mapping[str, Any]) -> Drawn:
    def pair(first: str, second: str) -> np.ndarray:
        return np.array([coordinate(shape.get(key), key) for key in (first, second)], np.float64)

    kind = shape.get("name")
    if kind == "rect":
        corner = pair("x", "y")
        return upright(*corner.tolist(), *(corner + pair("width", "height")).tolist())
    if kind == "circle":
        return ellipse(pair("cx", "cy"), pair("r", "r"), shape="circle")
    if kind == "ellipse":
        turn = coordinate(shape.get("theta") or 0, "theta")
        return ellipse(pair("cx", "cy"), pair("rx", "ry"), math.degrees(turn))
    if kind == "polygon":
        xs, ys = (as_list(shape.get(f"all_points_{axis}")) for axis in "xy")
        if len(xs) != len(ys):
            raise ValueError("has points without an x or a y")
        return polygon(
            np.array(
                [[coordinate(x, "x"), coordinate(y, "y")] for x, y in zip(xs, ys, strict=True)]
            )
        )
    raise no_box(kind)


def _file(listing: Listing) -> Path | None:
    json = (file for file in listing.files(".json") if json_kind(file) == "VIA")
    csv = (file for file in listing.files(".csv") if set(read_head(file)) >= _COLUMNS)
    return next(json, None) or next(csv, None)


def _is_here(listing: Listing) -> bool:
    return _file(listing) is not None


VIA = Form("VIA", _is_here, _read)
