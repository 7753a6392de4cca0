"""Writes YOLO: a text file per image, `data.yaml`, and a list of images per split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from detector.boxes import cxcywh_to_xyxy, scale, xyxy_to_cxcywh
from detector.data.dataset import Dataset, find_split
from detector.data.values import number, plain, shortest
from detector.files import write_text
from detector.types import Sample

PARTS = ("train", "val", "test")


class _Quoted(str):
    """Text that stays in quotes: YAML 1.1 reads y as true, 1.2 reads 08 as 8 and 1e3 as 1000."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def write_yolo(
    folder: Path, dataset: Dataset, samples: Sequence[Sample], splits: Mapping[str, Sequence[int]]
) -> None:
    """Write `labels/*.txt`, `data.yaml` and one list of images per split."""
    for sample in samples:
        text = "".join(f"{line}\n" for line in _lines(sample))
        write_text(folder / "labels" / f"{sample.path.stem}.txt", text)
    parts = {part: found for part in PARTS if (found := find_split(part, splits))}
    for part, split in parts.items():
        # Ultralytics takes a line as seen from the list's folder only where it begins with "./".
        images = (f"./images/{samples[index].path.name}\n" for index in splits[split])
        write_text(folder / f"{part}.txt", "".join(images))
    named = {part: f"{part}.txt" for part in parts} or {"train": "images", "val": "images"}
    content = {**named, "names": dict(enumerate(map(_name, dataset.classes.names)))}
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    write_text(folder / "data.yaml", text)


def _name(name: str) -> str:
    is_word = name[:1].isalpha() and name.lower() not in ("y", "n")
    return name if is_word else _Quoted(name)  # PyYAML itself puts yes and null in quotes


def _lines(sample: Sample) -> list[str]:
    size = (sample.height, sample.width)
    rows = np.flatnonzero(~sample.is_crowd).tolist()

    def to_file(boxes: np.ndarray) -> np.ndarray:
        return xyxy_to_cxcywh(boxes / np.array([*size[::-1], *size[::-1]]))

    def from_file(boxes_cxcywh: np.ndarray) -> np.ndarray:
        return scale(cxcywh_to_xyxy(boxes_cxcywh), *size)

    numbers = shortest(sample.boxes[rows], to_file, from_file)
    return [
        f"{sample.labels[row]} {outline_text(sample, row) or ' '.join(map(_text, box.tolist()))}"
        for row, box in zip(rows, numbers, strict=True)
    ]


def outline_text(sample: Sample, row: int) -> str:
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
