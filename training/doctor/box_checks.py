"""Checks of boxes: inverted, empty, out of the image, tiny, duplicate or conflicting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from detector.boxes import pairwise_iou
from detector.data.findings import KINDS, Finding
from detector.data.usable import box_faults
from detector.types import Sample

TINY = 4.0
"""px of the source; an object with a shorter side shows nothing that could be learnt."""

SAME_BOX_IOU = 0.95
"""Two boxes that overlap so much were drawn around one object."""


def check_boxes(samples: Iterable[Sample], names: Sequence[str]) -> list[Finding]:
    """Judge every box.

    Args:
        samples: in the frame of their images.
        names: class names by label.
    """
    findings: list[Finding] = []
    for sample in samples:
        if len(sample):
            findings += _faulty(sample, names)
            findings += _twice(sample, names)
    return findings


def same_boxes(sample: Sample) -> np.ndarray:
    """Pairs of objects in one place: int64 `(M, 2)`, the earlier one first.

    Unusable boxes and crowds are left out.
    """
    rows = np.flatnonzero(
        ~box_faults(sample.boxes, sample.height, sample.width).unusable & ~sample.is_crowd
    )
    if len(rows) < 2:
        return np.zeros((0, 2), np.int64)
    boxes = sample.boxes[rows].astype(np.float64)
    return rows[np.argwhere(np.triu(pairwise_iou(boxes, boxes) >= SAME_BOX_IOU, k=1))]


def _faulty(sample: Sample, names: Sequence[str]) -> Iterator[Finding]:
    faults = box_faults(sample.boxes, sample.height, sample.width)
    sides = sample.boxes[:, 2:] - sample.boxes[:, :2]
    tiny = (sides.min(axis=1) < TINY) & ~faults.unusable & ~sample.is_crowd
    image = f"in an image of {sample.width}x{sample.height}"
    for kind, rows, ending in (
        ("inverted-box", faults.inverted, "ends before it begins"),
        ("zero-area-box", faults.zero_area, "has no area"),
        ("outside-box", faults.outside, f"lies outside, {image}"),
        ("clipped-box", faults.clipped, f"reaches outside, {image}"),
        ("tiny-box", tiny, "is tiny"),
    ):
        for row in np.flatnonzero(rows).tolist():
            yield _finding(kind, sample, row, f"{_describe(sample, row, names)} {ending}")


def _twice(sample: Sample, names: Sequence[str]) -> Iterator[Finding]:
    told: set[tuple[int, str]] = set()
    for first, row in same_boxes(sample).tolist():
        same_class = sample.labels[first] == sample.labels[row]
        kind = "duplicate-box" if same_class else "conflicting-box"
        if (row, kind) in told:  # of three equal boxes the third is told once
            continue
        told.add((row, kind))
        exact = (sample.boxes[first] == sample.boxes[row]).all()
        other = element_of(sample, first)
        name = names[int(sample.labels[first])]
        what = other if same_class or name in other else f"{other} ({name})"
        message = f"{_describe(sample, row, names)} is {'exactly' if exact else 'nearly'} {what}"
        yield _finding(kind, sample, row, message)


def element_of(sample: Sample, row: int) -> str:
    """Where an object stands in the annotation file."""
    return sample.elements[row] if sample.elements else f"object {row + 1}"


def _describe(sample: Sample, row: int, names: Sequence[str]) -> str:
    x1, y1, x2, y2 = (f"{edge:.5g}" for edge in sample.boxes[row].tolist())
    name = names[int(sample.labels[row])]
    known = name in element_of(sample, row)
    return f"{'box' if known else name} at x {x1}...{x2}, y {y1}...{y2}"


def _finding(kind: str, sample: Sample, row: int, message: str) -> Finding:
    source = sample.source or sample.path
    if source.stem != sample.path.stem:  # one file tells of many images
        message = f"{sample.path.name}: {message}"
    return Finding(KINDS[kind], source, element_of(sample, row), message, (sample.path,))
