"""Reads Label Studio's exports JSON, JSON-MIN and CSV: regions in per cent of their image.

A turned rectangle is turned around its upper left corner, clockwise, in pixels. Of several
annotations of one task the one marked as ground truth counts, else the newest.
Source: labelstud.io/guide, "Export annotations", "Units of image annotations".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings, counted
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
    points_of,
    polygon,
    turned,
)
from detector.data.tools.table_file import read_head, read_table
from detector.data.tools.tool_json import as_dict, as_list, load_json, load_text
from detector.data.values import side
from detector.images import SUFFIXES

_KINDS = ("Label Studio", "Label Studio before 1.0", "Label Studio JSON-MIN")
_LABELS = ("rectanglelabels", "polygonlabels", "ellipselabels", "labels")
_REFUSED = {"brushlabels": "brush", "keypointlabels": "keypoint", "bitmasklabels": "bitmask"}
_GEOMETRY = frozenset(
    {"x", "y", "width", "height", "rotation", "points", "closed", "radiusX", "radiusY", *_LABELS}
    | {"original_width", "original_height"}
)

Regions = list[dict[str, Any]]


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings, left_out = FileFindings(path), Counter[str]()
    file = _file(Listing(path)) or path
    tasks = read_table(file) if file.suffix.lower() == ".csv" else load_json(file)
    if not isinstance(tasks, list):
        raise UserError(f"{file}: not an export of Label Studio, which is a list of tasks")
    numbered = enumerate(map(as_dict, tasks), start=1)
    read = (_record(file, f"task {i}", task, findings, left_out) for i, task in numbered)
    records = list(filter(None, read))
    notes = [f"{counted(count, noun)} left out" for noun, count in left_out.items() if count]
    return make_dataset(path, records, findings, options, notes=notes)


def _record(
    file: Path, element: str, task: dict[str, Any], findings: FileFindings, left_out: Counter[str]
) -> ImageRecord | None:
    name = _image(as_dict(task.get("data")) or task)
    if "annotations" in task or "completions" in task:
        regions = _chosen(task, left_out)
    else:
        regions = _flat(file, task)
    if regions is None:
        message = f"{element} has no annotation; submit an empty one for an image without objects"
        return findings.add("missing-annotation", name, message, file)
    sizes = [(side(one.get("original_height")), side(one.get("original_width"))) for one in regions]
    height, width = next((size for size in sizes if all(size)), (0, 0))
    objects = read_objects(regions, f"{element} region", _object, findings, file)
    objects = [
        ReadObject(one.element, class_name(label), one.drawn, details=one.details)
        for one in objects
        for label in one.name.split("\0")
    ]
    return ImageRecord(
        file, (name,) if name else (), objects, height, width, element, is_fraction=True
    )


def _image(data: Mapping[str, Any]) -> str:
    """The path or URL of the task's image: the value that looks like one."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    named = [text for text in texts.values() if Path(text.split("?")[0]).suffix.lower() in SUFFIXES]
    asked = [text for text in texts.values() if Path(text).suffix.lower() in SUFFIXES]
    return next(iter(named or asked), texts.get("image", ""))


def _chosen(task: Mapping[str, Any], left_out: Counter[str]) -> Regions | None:
    """The regions of the annotation that counts; None where there is none."""
    found = [as_dict(one) for one in as_list(task.get("annotations") or task.get("completions"))]
    valid = [one for one in found if not one.get("was_cancelled") and not one.get("skipped")]
    left_out["cancelled annotation"] += len(found) - len(valid)
    left_out["prediction"] += len(as_list(task.get("predictions")))
    if not valid:
        return None
    left_out["older annotation"] += len(valid) - 1
    best = max(valid, key=lambda one: (bool(one.get("ground_truth")), str(one.get("updated_at"))))
    return _merged(as_list(best.get("result")))


def _merged(result: list[Any]) -> Regions:
    """The regions, put together where shape and label stand apart under one id."""
    regions: dict[Any, dict[str, Any]] = {}
    for position, one in enumerate(map(as_dict, result)):
        if one.get("type") in ("choices", "textarea", "rating", "relation") and "id" not in one:
            continue  # of the whole image
        key = one.get("id") if isinstance(one.get("id"), str) else position
        region = regions.setdefault(key, {"type": one.get("type")})
        region.update(as_dict(one.get("value")))
        region.update({k: one[k] for k in ("original_width", "original_height") if k in one})
    return [one for one in regions.values() if _GEOMETRY & one.keys() or _refused(one)]


def _refused(region: Mapping[str, Any]) -> str:
    return next((noun for key, noun in _REFUSED.items() if key in region), "")


def _flat(file: Path, task: Mapping[str, Any]) -> Regions | None:
    """The regions of a task of JSON-MIN, or of a row of the CSV, by whatever name they bear."""
    found: Regions = []
    for value in task.values():
        if isinstance(value, str) and value.startswith("[{"):
            value = load_text(file, value)
        regions = [as_dict(one) for one in as_list(value)]
        found += [one for one in regions if _GEOMETRY & one.keys() or _refused(one)]
    return found


def _object(region: dict[str, Any], element: str) -> ReadObject:
    if refused := _refused(region):
        raise no_box(refused)
    labels = next((region[key] for key in _LABELS if as_list(region.get(key))), None)
    if labels is None:
        raise ValueError("has no class")
    details = {
        key: value
        for key, value in region.items()
        if key not in _GEOMETRY and key != "type" and value not in (None, "", [], {})
    }
    # An object with two labels is two objects.
    name = "\0".join(class_name(label) for label in labels)
    return ReadObject(element, name, _drawn(region), details=details)


def _drawn(region: Mapping[str, Any]) -> Drawn:
    """The region in fractions."""
    size = np.array([side(region.get(f"original_{key}")) for key in ("width", "height")], float)
    degrees = coordinate(region.get("rotation") or 0, "rotation")
    if degrees % 360 and not size.all():
        raise ValueError("is turned, and says no original_width and original_height")
    unit = size / 100 if size.all() else np.array([0.01, 0.01])
    drawn = _in_pixels(region, degrees, unit)
    scale = unit * 100
    outline = [(np.reshape(one, (-1, 2)) / scale).ravel().tolist() for one in drawn.outline]
    x1, y1, x2, y2 = (np.reshape(drawn.box, (2, 2)) / scale).ravel().tolist()
    return Drawn((x1, y1, x2, y2), outline, drawn.shape)


def _in_pixels(region: Mapping[str, Any], degrees: float, unit: np.ndarray) -> Drawn:
    def pair(first: str, second: str) -> np.ndarray:
        return unit * [coordinate(region.get(key), key) for key in (first, second)]

    if "points" in region:
        return polygon(points_of(region["points"]) * unit)
    corner = pair("x", "y")
    if "radiusX" in region:
        return ellipse(corner, pair("radiusX", "radiusY"), degrees)
    return turned(corner, pair("width", "height"), degrees, corner)


def _file(listing: Listing) -> Path | None:
    """The export in a folder; a CSV is one where a column holds regions."""
    for file in listing.files(".json"):
        if json_kind(file) in _KINDS:
            return file
    return next((file for file in listing.files(".csv") if _is_csv(file)), None)


def _is_csv(file: Path) -> bool:
    try:
        head = read_head(file)
    except UserError:
        return False
    return {"annotation_id", "annotator"} <= set(head)


LABEL_STUDIO = Form("Label Studio", lambda listing: _file(listing) is not None, _read)
