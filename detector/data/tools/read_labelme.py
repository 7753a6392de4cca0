"""Reads LabelMe's JSON: one file for each image, shapes as points in its pixels.

X-AnyLabeling writes the same with more kinds of shapes. Shapes of one label and one `group_id` are
one object, as LabelMe's own conversion to COCO has it.
Source: github.com/wkentaro/labelme, `labelme/_label_file.py` and `_shape.py` of 6.3.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.data.dataset import SPLIT_FOLDERS, Dataset
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.json_kind import json_kind
from detector.data.tools.embedded import keep_image
from detector.data.tools.from_records import make_dataset
from detector.data.tools.record_images import root_of
from detector.data.tools.records import ImageRecord, ReadObject, read_objects
from detector.data.tools.shapes_drawn import (
    Drawn,
    between,
    class_name,
    ellipse,
    joined,
    mask,
    no_box,
    points_of,
    polygon,
)
from detector.data.tools.tool_json import as_dict, load_json
from detector.data.values import flag, side
from detector.files import walk

_LOOK = 3  # files of a folder that are looked into
_OURS = frozenset(
    {"label", "points", "shape_type", "mask", "difficult", "imageData", "shapes", "imagePath"}
    | {"imageHeight", "imageWidth", "version"}
)  # what a Sample says by itself, or nobody needs


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings = FileFindings(path)
    files = Listing(path).files(".json")
    if not any(json_kind(file) == "LabelMe" for file in files[:_LOOK]):
        files = sorted(_below(path))
    root = root_of(path)
    records = filter(None, (_record(file, root, findings) for file in files))
    return make_dataset(path, records, findings, options)


def _record(file: Path, root: Path, findings: FileFindings) -> ImageRecord | None:
    try:
        content = load_json(file)
    except UserError as error:
        message = str(error).removeprefix(f"{file}: ")
        return findings.add("unreadable-annotation", "", message, file)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        return findings.add("unreadable-annotation", "", "has no shapes, as LabelMe's have", file)
    said = content.get("imagePath")
    said = said.replace("\\", "/") if isinstance(said, str) else ""
    below = file.relative_to(root).parent if file.is_relative_to(root) else Path()
    parts = [part.lower() for part in below.parts]
    return ImageRecord(
        file,
        tuple(dict.fromkeys(((below / said).as_posix(), said))) if said else (),
        _groups(read_objects(content["shapes"], "shape", _object, findings, file)),
        side(content.get("imageHeight")),
        side(content.get("imageWidth")),
        stem=(below / file.stem).as_posix(),
        split=next((part for part in parts if part in SPLIT_FOLDERS), ""),
        about=_others(content),
        embedded=partial(_image_data, file, said) if content.get("imageData") else None,
    )


def _image_data(file: Path, name: str) -> Path | None:
    """The image that the file itself holds, in base64."""
    try:
        data = base64.b64decode(as_dict(load_json(file)).get("imageData") or "")
    except (ValueError, TypeError):
        return None
    return keep_image(data, name or file.stem)


def _object(shape: Any, element: str) -> ReadObject:
    shape = as_dict(shape)
    name = class_name(shape.get("label"))
    others = _others(shape)
    return ReadObject(element, name, _drawn(shape), False, flag(shape.get("difficult")), others)


def _drawn(shape: Mapping[str, Any]) -> Drawn:
    kind = str(shape.get("shape_type") or "polygon")  # versions before 3 knew nothing else
    if kind not in ("rectangle", "polygon", "circle", "mask", "oriented_rectangle", "rotation"):
        raise no_box(kind)
    points = points_of(shape.get("points"))
    if kind == "mask" and shape.get("mask"):
        return mask(points.min(axis=0), shape["mask"])
    if kind == "circle" and len(points) == 2:
        radius = float(np.hypot(*(points[1] - points[0])))
        return ellipse(points[0], np.array([radius, radius]), shape="circle")
    if kind in ("polygon", "oriented_rectangle", "rotation"):
        return polygon(points, "polygon" if kind == "polygon" else "rotated rectangle")
    if kind == "circle" or len(points) not in (2, 4):
        raise ValueError(f"is a {kind} of {len(points)} points")
    return between(points)


def _groups(objects: Sequence[ReadObject]) -> list[ReadObject]:
    """Objects whose shapes share label and `group_id`, joined."""
    groups: dict[Any, list[ReadObject]] = defaultdict(list)
    for one in objects:
        group = one.details.get("group_id")
        is_group = isinstance(group, int | str)
        groups[(one.name, str(group)) if is_group else one.element].append(one)
    return [
        replace(first, drawn=joined([one.drawn for one in (first, *more)])) if more else first
        for first, *more in groups.values()
    ]


def _others(values: Mapping[str, Any]) -> dict[str, Any]:
    """What else is said, as far as it says something."""
    said = {key: value for key, value in values.items() if key not in _OURS}
    return {key: value for key, value in said.items() if value not in (None, "", {}, [])}


def _below(folder: Path) -> Iterator[Path]:
    for place, names in walk(folder):
        yield from (Path(place, name) for name in names if name.lower().endswith(".json"))


def _is_here(listing: Listing) -> bool:
    return any(json_kind(file) == "LabelMe" for file in listing.files(".json")[:_LOOK])


def _is_below(listing: Listing) -> bool:
    return any(json_kind(file) == "LabelMe" for file in islice(_below(listing.path), _LOOK))


LABELME = Form("LabelMe", _is_here, _read)
LABELME_BELOW = Form("LabelMe", _is_below, _read)
"""Files in sub-folders, which may be those of splits."""
