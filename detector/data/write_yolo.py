"""Writes YOLO: a text file per image, `data.yaml`, and a list of images per split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from detector.boxes import cxcywh_to_xyxy, scale, xyxy_to_cxcywh
from detector.data.dataset import Dataset, find_split
from detector.data.format_limits import (
    count_flagged,
    has_outline,
    has_own_ids,
    lost_areas,
)
from detector.data.values import number, plain, shortest
from detector.files import write_text
from detector.types import Sample


def write_yolo(
    folder: Path, dataset: Dataset, samples: Sequence[Sample], splits: Mapping[str, Sequence[int]]
) -> list[str]:
    """Write `labels/*.txt`, `data.yaml` and one list of images per split.

    Returns:
        what YOLO cannot hold, to be told to the user.
    """
    for sample in samples:
        text = "".join(f"{line}\n" for line in _lines(sample))
        write_text(folder / "labels" / f"{sample.path.stem}.txt", text)
    parts = {
        part: found for part in ("train", "val", "test") if (found := find_split(part, splits))
    }
    for part, split in parts.items():
        # Ultralytics takes a line as seen from the list's folder only where it begins with "./".
        images = (f"./images/{samples[index].path.name}\n" for index in splits[split])
        write_text(folder / f"{part}.txt", "".join(images))
    named = {part: f"{part}.txt" for part in parts} or {"train": "images", "val": "images"}
    content = {**named, "names": dict(enumerate(dataset.classes.names))}
    write_text(folder / "data.yaml", yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return _not_held(dataset, samples, set(splits) - set(parts.values()))


def _lines(sample: Sample) -> list[str]:
    size = (sample.height, sample.width)
    rows = np.flatnonzero(~sample.is_crowd).tolist()

    def to_file(boxes: np.ndarray) -> np.ndarray:
        return xyxy_to_cxcywh(boxes / np.array([*size[::-1], *size[::-1]]))

    def from_file(boxes_cxcywh: np.ndarray) -> np.ndarray:
        return scale(cxcywh_to_xyxy(boxes_cxcywh), *size)

    numbers = shortest(sample.boxes[rows], to_file, from_file)
    return [
        f"{sample.labels[row]} {_outline(sample, row) or ' '.join(map(_text, box.tolist()))}"
        for row, box in zip(rows, numbers, strict=True)
    ]


def _outline(sample: Sample, row: int) -> str:
    """The one outline of an object as fractions, where its bounds are the box; else nothing."""
    points = _polygon(sample.details[row].get("segmentation")) if sample.details else None
    if points is None:
        return ""
    bounds = np.concatenate([points.min(axis=0), points.max(axis=0)])
    if not np.allclose(bounds, sample.boxes[row], rtol=0, atol=1e-3):
        return ""
    return " ".join(map(_text, (points / (sample.width, sample.height)).ravel().tolist()))


def _polygon(segmentation: Any) -> np.ndarray | None:
    """The points of an outline of one piece, float64 `(P, 2)` in pixels; None if it is none."""
    if not isinstance(segmentation, list) or len(segmentation) != 1:
        return None
    edges = segmentation[0] if isinstance(segmentation[0], list) else []
    numbers = [number(edge) if isinstance(edge, int | float) else None for edge in edges]
    if len(numbers) < 6 or len(numbers) % 2 or None in numbers:
        return None
    return np.array(numbers, np.float64).reshape(-1, 2)


def _text(value: float) -> str:
    return str(plain(value)) if abs(value) >= 1e-4 or not value else f"{value:.12f}"


def _not_held(dataset: Dataset, samples: Sequence[Sample], splits: set[str]) -> list[str]:
    crowds, difficult = (count_flagged(samples, flag) for flag in ("is_crowd", "is_difficult"))
    written = [sample.objects(~sample.is_crowd) for sample in samples]
    outlines = sum(map(_lost_outlines, written))
    limits = (
        (crowds, f"YOLO knows no crowds: {crowds} are left out"),
        (difficult, f"YOLO knows no difficult objects: {difficult} are written as ordinary ones"),
        (splits, f"YOLO knows train, val and test: {', '.join(sorted(splits))} is left out"),
        (has_own_ids(dataset.classes), "YOLO knows no category ids: classes are numbered from 0"),
        (
            outlines,
            "YOLO knows outlines of one piece alone that fit their box: "
            f"those of {outlines:,} objects are left out",
        ),
        lost_areas("YOLO", written),
    )
    return [text for count, text in limits if count]


def _lost_outlines(sample: Sample) -> int:
    outlined = (row for row, details in enumerate(sample.details) if has_outline(details))
    return sum(not _outline(sample, row) for row in outlined)
