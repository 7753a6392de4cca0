"""Reads datumaro's own JSON: a file for each part, boxes as x, y, width, height in pixels.

Source: openvinotoolkit.github.io/datumaro, "Datumaro format".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import xywh_to_xyxy
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings, counted
from detector.data.form import Form, Listing, ReadOptions
from detector.data.json_kind import json_kind
from detector.data.tools.from_records import make_dataset
from detector.data.tools.records import ImageRecord, ReadObject, read_objects
from detector.data.tools.shapes_drawn import (
    Drawn,
    coordinate,
    joined,
    no_box,
    polygon,
    turned,
    upright,
)
from detector.data.tools.tool_json import as_dict, as_list, load_json
from detector.data.values import flag, side

_NO_OBJECTS = ("label", "caption")  # of a whole image


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings, left_out = FileFindings(path), Counter[str]()
    contents = {file: as_dict(load_json(file)) for file in _files(Listing(path))}
    names = {file: _names(content) for file, content in contents.items()}
    records = [
        record
        for file, content in contents.items()
        for record in _records(file, content, names[file], findings, left_out)
    ]
    known = tuple(dict.fromkeys(name for found in names.values() for name in found if name))
    notes = [f"{counted(count, noun)} left out" for noun, count in left_out.items() if count]
    return make_dataset(path, records, findings, options, ClassMap(known) if known else None, notes)


def _names(content: dict[str, Any]) -> list[str]:
    labels = as_dict(as_dict(content.get("categories")).get("label")).get("labels")
    return [" ".join(str(as_dict(one).get("name") or "").split()) for one in as_list(labels)]


def _records(
    file: Path,
    content: dict[str, Any],
    names: Sequence[str],
    findings: FileFindings,
    left_out: Counter[str],
) -> Iterator[ImageRecord]:
    def read(entry: Any, element: str) -> ReadObject:
        entry = as_dict(entry)
        label, attributes = entry.get("label_id"), as_dict(entry.get("attributes"))
        if type(label) is not int or not 0 <= label < len(names) or not names[label]:
            raise ValueError(f"its label_id {label!r:.40} is none of the {len(names)} labels")
        crowd, difficult = (flag(attributes.get(key)) for key in ("is_crowd", "difficult"))
        details = {**attributes, "group": entry.get("group")}
        return ReadObject(element, names[label], _drawn(entry), crowd, difficult, details)

    for number, item in enumerate(map(as_dict, as_list(content.get("items"))), start=1):
        image = as_dict(item.get("image"))
        listed = [as_dict(one) for one in as_list(item.get("annotations"))]
        entries = [one for one in listed if one.get("type") not in _NO_OBJECTS]
        left_out["image label"] += len(listed) - len(entries)
        name = str(image.get("path") or "").replace("\\", "/")
        stem = str(item.get("id") or "")
        height, width = (*as_list(image.get("size")), 0, 0)[:2]
        noun = f"item {number} annotation"
        yield ImageRecord(
            file,
            (f"{file.stem}/{name}", name) if name else (),
            _groups(read_objects(entries, noun, read, findings, file)),
            side(height),
            side(width),
            f"item {number}",
            stem=f"{file.stem}/{stem}",
            split=file.stem,
        )


def _drawn(entry: dict[str, Any]) -> Drawn:
    kind, values = entry.get("type"), as_list(entry.get("bbox") or entry.get("points"))
    edges = np.array([coordinate(value, "coordinate") for value in values], np.float64)
    if kind == "bbox" and len(edges) == 4:
        return upright(*xywh_to_xyxy(edges).tolist())
    if kind == "polygon" and len(edges) % 2 == 0:
        return polygon(edges.reshape(-1, 2))
    if kind == "rotated_bbox" and len(edges) == 5:
        centre, size = edges[:2], edges[2:4]
        return turned(centre - size / 2, size, float(edges[4]), centre)
    if kind in ("bbox", "polygon", "rotated_bbox"):
        raise ValueError(f"is a {kind} of {len(edges)} numbers")
    raise no_box(kind)


def _groups(objects: Sequence[ReadObject]) -> list[ReadObject]:
    """Shapes of one group and class are one object, as datumaro has them."""
    groups: dict[Any, list[ReadObject]] = defaultdict(list)
    for one in objects:
        group = one.details.get("group")
        groups[(group, one.name) if isinstance(group, int) and group else one.element].append(one)
    return [
        replace(first, drawn=joined([one.drawn for one in (first, *more)])) if more else first
        for first, *more in groups.values()
    ]


def _files(listing: Listing) -> list[Path]:
    for place in (listing, listing.folder("annotations")):
        found = place.files(".json") if place else []
        if files := [file for file in found if json_kind(file) == "datumaro"]:
            return files
    return []


DATUMARO = Form("datumaro", lambda listing: bool(_files(listing)), _read)
