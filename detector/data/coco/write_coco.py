"""Writes COCO JSON: one file per split, category ids and everything else as they came."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import xywh_to_xyxy, xyxy_to_xywh
from detector.data.dataset import Dataset
from detector.data.values import plain, shortest
from detector.files import write_text
from detector.types import Sample


def write_coco(
    folder: Path, dataset: Dataset, samples: Sequence[Sample], splits: Mapping[str, Sequence[int]]
) -> None:
    """Write `annotations/instances_SPLIT.json`, or one file where there are no splits."""
    numbered = list(zip(samples, _image_ids(samples), strict=True))
    next_id = _annotation_ids(samples)
    images = [_image(*one) for one in numbered]
    annotations = [_annotations(*one, dataset, next_id) for one in numbered]
    for split, indices in (splits or {"": range(len(samples))}).items():
        content = {
            **{key: value for key, value in dataset.about.items() if key != "categories"},
            "images": [images[index] for index in indices],
            "annotations": [one for index in indices for one in annotations[index]],
            "categories": _categories(dataset),
        }
        name = f"instances_{split}.json" if split else "instances.json"
        write_text(folder / "annotations" / name, json.dumps(content))


def _image_ids(samples: Sequence[Sample]) -> list[int]:
    ids = [sample.image_id for sample in samples]
    if all(type(one) is int for one in ids) and len(set(ids)) == len(ids):
        return [int(one) for one in ids]
    return list(range(1, len(ids) + 1))


def _annotation_ids(samples: Sequence[Sample]) -> Callable[[Mapping[str, Any]], int]:
    """The id of the next object: its own where all have one, else counted."""
    own = [details.get("id") for sample in samples for details in sample.details]
    total = sum(len(sample) for sample in samples)
    if len(set(own)) == total == len(own) and all(type(one) is int for one in own):
        return lambda details: details["id"]
    counter = iter(range(1, total + 1))
    return lambda _: next(counter)


def _image(sample: Sample, image_id: int) -> dict[str, Any]:
    named = {"id": image_id, "file_name": sample.path.name}
    return {**named, "width": sample.width, "height": sample.height, **_numbers(sample.about)}


def _annotations(
    sample: Sample, image_id: int, dataset: Dataset, next_id: Callable[[Mapping[str, Any]], int]
) -> list[dict[str, Any]]:
    boxes_xywh = bboxes(sample)
    found = []
    for row in range(len(sample)):
        details = sample.details[row] if sample.details else {}
        annotation = {
            "id": next_id(details),
            "image_id": image_id,
            "category_id": dataset.classes.category_ids[sample.labels[row]],
            "bbox": [plain(edge) for edge in boxes_xywh[row].tolist()],
            "area": plain(float(sample.areas[row])),
            "iscrowd": int(sample.is_crowd[row]),
        }
        mark = "ignore" if sample.is_ignore[row] else "difficult"
        difficult = {mark: 1} if sample.is_difficult[row] else {}
        rest = {key: value for key, value in _numbers(details).items() if key != "id"}
        found.append(annotation | difficult | rest)
    return found


def bboxes(sample: Sample) -> np.ndarray:
    """Boxes as a COCO JSON holds them, with the digits of the source where it is one itself.

    Returns:
        float64 `(N, 4)`: x, y, width, height in pixels.
    """
    if sample.own_xywh is not None:
        return sample.own_xywh
    return shortest(sample.boxes, xyxy_to_xywh, xywh_to_xyxy)


def _numbers(details: Mapping[str, Any]) -> dict[str, Any]:
    """XML knows text alone; a text of digits becomes a number."""
    return {key: int(v) if _is_count(v) else v for key, v in details.items()}


def _is_count(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10


def _categories(dataset: Dataset) -> list[dict[str, Any]]:
    """As they came, where they came from a COCO file; else id and name."""
    classes = dataset.classes
    given = {one.get("id"): one for one in dataset.about.get("categories", [])}
    named = zip(classes.category_ids, classes.names, strict=True)
    return [{**given.get(number, {}), "id": number, "name": name} for number, name in named]
