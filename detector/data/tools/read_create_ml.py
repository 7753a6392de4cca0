"""Reads CreateML's JSON: a list of images whose boxes are centre and size in pixels.

Source: developer.apple.com, "Building an object detector data source"; Roboflow and labelImg write
it too, the latter a file for each image.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.boxes import cxcywh_to_xyxy
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.json_kind import json_kind
from detector.data.tools.from_records import make_dataset
from detector.data.tools.records import ImageRecord, ReadObject, read_objects, split_in
from detector.data.tools.shapes_drawn import class_name, coordinate, upright
from detector.data.tools.tool_json import as_dict, as_list, load_json

_EDGES = ("x", "y", "width", "height")


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings = FileFindings(path)
    files = [file for file in Listing(path).files(".json") if json_kind(file) == "CreateML"]
    records = [record for file in files for record in _records(file, findings)]
    return make_dataset(path, records, findings, options)


def _records(file: Path, findings: FileFindings) -> Iterator[ImageRecord]:
    try:
        entries = as_list(load_json(file))
    except UserError as error:
        findings.add("unreadable-annotation", "", str(error).removeprefix(f"{file}: "), file)
        return
    for number, entry in enumerate(map(as_dict, entries), start=1):
        name = entry.get("image") or entry.get("imagefilename")
        objects = as_list(entry.get("annotations") or entry.get("annotation"))
        noun = f"image {number} annotation"
        yield ImageRecord(
            file,
            (name,) if isinstance(name, str) else (),
            read_objects(objects, noun, _object, findings, file),
            element=f"image {number}",
            split=split_in(file.stem),
        )


def _object(entry: Any, element: str) -> ReadObject:
    entry = as_dict(entry)
    name, edges = class_name(entry.get("label")), as_dict(entry.get("coordinates"))
    box_cxcywh = np.array([coordinate(edges.get(edge), edge) for edge in _EDGES], np.float64)
    return ReadObject(element, name, upright(*cxcywh_to_xyxy(box_cxcywh).tolist()))


def _is_here(listing: Listing) -> bool:
    return any(json_kind(file) == "CreateML" for file in listing.files(".json")[:3])


CREATE_ML = Form("CreateML", _is_here, _read)
