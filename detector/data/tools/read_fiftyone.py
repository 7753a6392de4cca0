"""Reads FiftyOne's image detection data sets: `data/` and a `labels.json` with boxes as fractions.

Source: docs.voxel51.com, "FiftyOneImageDetectionDataset".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import xywh_to_xyxy
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.json_kind import json_kind
from detector.data.tools.from_records import make_dataset
from detector.data.tools.records import ImageRecord, ReadObject, read_objects
from detector.data.tools.shapes_drawn import class_name, coordinate, one_line, upright
from detector.data.tools.tool_json import as_dict, as_list, load_json


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings = FileFindings(path)
    file = _file(Listing(path)) or path
    content = as_dict(load_json(file))
    names = [" ".join(str(name).split()) for name in as_list(content.get("classes"))]

    def read(entry: Any, element: str) -> ReadObject:
        entry = as_dict(entry)
        label, edges = entry.get("label"), as_list(entry.get("bounding_box"))
        if type(label) is int and not 0 <= label < len(names):
            raise ValueError(f"its label {label} is none of the {len(names)} classes")
        name = class_name(names[label] if type(label) is int else label)
        if len(edges) != 4:
            raise ValueError("has no bounding_box of four numbers")
        box_xywh = np.array([coordinate(edge, "bounding_box") for edge in edges], np.float64)
        others = as_dict(entry.get("attributes"))
        return ReadObject(element, name, upright(*xywh_to_xyxy(box_xywh).tolist()), details=others)

    records = [
        ImageRecord(
            file,
            (),
            read_objects(as_list(objects), f"{one_line(stem)}, detection", read, findings, file),
            element=one_line(stem),
            stem=str(stem),
            is_fraction=True,
        )
        for stem, objects in as_dict(content.get("labels")).items()
    ]
    known = tuple(dict.fromkeys(filter(None, names)))
    return make_dataset(path, records, findings, options, ClassMap(known) if known else None)


def _file(listing: Listing) -> Path | None:
    return next((one for one in listing.files(".json") if json_kind(one) == "FiftyOne"), None)


FIFTY_ONE = Form("FiftyOne", lambda listing: _file(listing) is not None, _read)
