"""Reads Hugging Face's image folders: `metadata.jsonl` or `.csv` with an image's objects in a row.

`objects` holds lists beside each other, boxes as x, y, width, height in pixels. Classes are names,
or numbers whose names the card of the data set may tell (README.md).
Source: huggingface.co/docs/datasets, "Create an image dataset", "Object detection".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from configs.errors import UserError
from configs.yaml_text import load_yaml
from detector.boxes import xywh_to_xyxy
from detector.classes import ClassMap
from detector.data.dataset import SPLIT_FOLDERS, Dataset
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.tools.from_records import make_dataset
from detector.data.tools.records import ImageRecord, ReadObject, read_objects
from detector.data.tools.shapes_drawn import class_name, coordinate, one_line, upright
from detector.data.tools.table_file import read_table
from detector.data.tools.tool_json import as_dict, as_list, load_text
from detector.data.values import as_id, flag, read_lines, side

_BOXES = ("bbox", "bboxes", "boxes")
_CLASSES = ("categories", "category", "labels", "label", "category_id", "class", "classes", "name")
_CARD = re.compile(r"\A---\s*\n(.*?)\n---", re.DOTALL)
_NUMBERED = "class_{}"


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings = FileFindings(path)
    file = _file(Listing(path)) or path
    rows = list(_rows(file, findings))
    if not any(_key(_objects(row), _BOXES) for _, row in rows):
        raise UserError(
            f"{file}: holds no boxes; each line needs file_name and objects: "
            '{"bbox": [[x, y, width, height], ...], "categories": [...]}'
        )
    card = _class_names(file)
    numbers = {number for _, row in rows for number in _numbers(_objects(row))}
    names = {n: card[n] if n < len(card) else _NUMBERED.format(n) for n in sorted(numbers)}
    names = dict(enumerate(card)) | names if numbers else {}
    records = [_record(file, element, row, names, findings) for element, row in rows]
    classes = ClassMap(tuple(names.values()), tuple(n + 1 for n in names)) if names else None
    note = f"{file} numbers its classes, and no README.md names them: {_NUMBERED.format(0)}, ..."
    notes = [note] if numbers and not card else []
    return make_dataset(path, records, findings, options, classes, notes)


def _rows(file: Path, findings: FileFindings) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is said of each image, and where."""
    if file.suffix.lower() == ".csv":
        for number, row in enumerate(read_table(file), start=2):
            yield f"line {number}", {key: _cell(file, text) for key, text in row.items()}
        return
    for number, line in enumerate(read_lines(file), start=1):
        try:
            if line:
                yield f"line {number}", as_dict(load_text(file, line))
        except UserError:
            findings.add("unreadable-annotation", f"line {number}", "is no JSON", file)


def _cell(file: Path, text: str) -> Any:
    return load_text(file, text) if text.startswith(("{", "[")) else text


def _objects(row: Mapping[str, Any]) -> dict[str, Any]:
    """The lists of an image's objects, beside each other; in the row itself without `objects`."""
    found = row.get("objects", row)
    if isinstance(found, list):  # a mapping for each object
        keys = dict.fromkeys(key for one in map(as_dict, found) for key in one)
        return {key: [as_dict(one).get(key) for one in found] for key in keys}
    return as_dict(found)


def _key(objects: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((name for name in names if isinstance(objects.get(name), list)), "")


def _numbers(objects: Mapping[str, Any]) -> set[int]:
    values = as_list(objects.get(_key(objects, _CLASSES)))
    return {one for one in map(as_id, values) if type(one) is int and 0 <= one < 10_000}


def _record(
    file: Path,
    element: str,
    row: dict[str, Any],
    names: Mapping[int, str],
    findings: FileFindings,
) -> ImageRecord:
    said = row.get("file_name")
    name = said if isinstance(said, str) else ""
    objects = _objects(row)
    boxes, labels = (_key(objects, keys) for keys in (_BOXES, _CLASSES))
    others = [
        key
        for key, values in objects.items()
        if key not in (boxes, labels, "iscrowd")
        and len(as_list(values)) == len(as_list(objects.get(boxes)))
    ]

    def read(entry: tuple[Any, ...], element: str) -> ReadObject:
        box, label, is_crowd, *rest = entry
        if not isinstance(box, list) or len(box) != 4:
            raise ValueError(f"its {boxes} is {one_line(box)}, not x, y, width and height")
        box_xywh = np.array([coordinate(edge, boxes) for edge in box], np.float64)
        number = as_id(label)
        if isinstance(number, int) and number < 0:
            raise ValueError(f"its class is {number}; classes are counted from 0")
        named = class_name(names.get(number, label) if type(number) is int else label)
        drawn = upright(*xywh_to_xyxy(box_xywh).tolist())
        details = dict(zip(others, rest, strict=True))
        return ReadObject(element, named, drawn, flag(is_crowd), False, details)

    columns = [as_list(objects.get(key)) for key in (boxes, labels, "iscrowd", *others)]
    above = name.replace("\\", "/").lower().split("/")[0]
    return ImageRecord(
        file,
        (name,) if name else (),
        read_objects(zip_longest(*columns), f"{element} object", read, findings, file),
        side(row.get("height")),
        side(row.get("width")),
        element,
        split=above if above in SPLIT_FOLDERS else "",
    )


def _class_names(file: Path) -> list[str]:
    """The names of the class numbers, as a README.md beside or above tells them."""
    for folder in (file.parent, *file.absolute().parent.parents[:2]):
        try:
            found = _CARD.match((folder / "README.md").read_text("utf-8-sig", "replace"))
            values = load_yaml(found[1]) if found else None
        except (OSError, yaml.YAMLError, ValueError):
            continue
        if names := next(_label_names(as_dict(values).get("dataset_info")), None):
            return names
    return []


def _label_names(value: Any) -> Iterator[list[str]]:
    """The names in each `class_label` somewhere in the features of a card."""
    if isinstance(value, list):
        for one in value:
            yield from _label_names(one)
    for key, inner in as_dict(value).items():
        names = inner.get("names") if key == "class_label" and isinstance(inner, dict) else None
        if isinstance(names, dict):
            yield [str(names[number]) for number in sorted(names, key=lambda one: int(str(one)))]
        elif isinstance(names, list):
            yield list(map(str, names))
        else:
            yield from _label_names(inner)


def _file(listing: Listing) -> Path | None:
    found = [one for one in listing.files(".jsonl", ".csv") if one.stem.lower() == "metadata"]
    return next((one for one in sorted(found, key=lambda one: one.suffix != ".jsonl")), None)


def _is_here(listing: Listing) -> bool:
    if listing.path.is_file():
        return listing.path.suffix.lower() == ".jsonl" or _file(listing) is not None
    return _file(listing) is not None


HUGGING_FACE = Form("Hugging Face image folder", _is_here, _read)
