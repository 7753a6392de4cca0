"""Boxes of another form than the file's: corners for sizes, per cent or fractions for pixels.

No single box shows it. Over a whole file, boxes that leave their images by far as the file's form
has them, and all fit as another one has them, are of the other one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detector.boxes import cxcywh_to_xyxy
from detector.data.dataset import Dataset
from detector.data.findings import KINDS, Finding, counted
from detector.types import Sample

_LOOKED_AT = 2000  # images, evenly spread
_FEWEST = 3  # boxes
_ASTRAY = 0.05  # of the boxes at least fit badly as the file's form has them ...
_BY_FAR = 0.05  # ... reaching out by more than this part of the image,
_FIT = 0.98  # and so many fit as another form has them,
_NEARLY = 0.01  # reaching out by at most this part.
_ROUNDED = 0.005  # so far may a fraction exceed 1
_PER_CENT_BOXES = 10  # different ones
_PER_CENT_SIDE = 200  # px, of most images; in smaller ones, places up to 100 may well be pixels
_PER_CENT_REACH = 85  # boxes up to 100 that never come so far lie in a corner,
_WHOLE_REACH = 95  # or so far where all are whole numbers, as pixels are and per cent seldom


class _Quads(NamedTuple):
    """Boxes as numbers of their file, and the sizes of their images."""

    numbers: np.ndarray  # float64 `(N, 4)`
    sizes: np.ndarray  # float64 `(N, 2)`, width and height in the unit of the numbers


def _xywh_to_xyxy(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


_TO_CORNERS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "x1, y1, x2, y2": lambda boxes: boxes,
    "x, y, width, height": _xywh_to_xyxy,
    "cx, cy, width, height": cxcywh_to_xyxy,
    "y1, x1, y2, x2": lambda boxes: boxes[:, [1, 0, 3, 2]],
}
_OWN = {
    ".json": "x, y, width, height",
    ".xml": "x1, y1, x2, y2",
    ".txt": "cx, cy, width, height",
}  # by the suffix of the annotation file
_FORMS = {".json": "COCO JSON", ".xml": "VOC", ".txt": "YOLO"}  # others have files of these, too


def check_box_form(dataset: Dataset) -> list[Finding]:
    """Report each annotation file, or kind of them, whose boxes are of another form."""
    groups: dict[Path | str, list[Sample]] = defaultdict(list)
    rows = np.linspace(0, len(dataset) - 1, min(len(dataset), _LOOKED_AT)).astype(int).tolist()
    for sample in map(dataset.__getitem__, rows):
        suffix = sample.source.suffix.lower() if sample.source else ""
        is_own = _FORMS.get(suffix, "?") in dataset.form
        if is_own and len(sample) and sample.height and sample.width:
            groups[sample.source if suffix == ".json" and sample.source else suffix].append(sample)
    findings = []
    for samples in groups.values():
        if message := _looks_like(samples):
            source = samples[0].source or dataset.path
            path = source if source.suffix.lower() == ".json" else dataset.path
            findings.append(Finding(KINDS["box-form"], path, "", message, (samples[0].path,)))
    return findings


def _looks_like(samples: Sequence[Sample]) -> str:
    """What the boxes are instead, and what to do; "" if they are what the file's form says."""
    suffix = samples[0].source.suffix.lower() if samples[0].source else ""
    own = _OWN[suffix]
    quads = _quads(samples, suffix)
    if len(quads.numbers) < _FEWEST:
        return ""
    if suffix != ".txt" and (unit := _other_unit(quads, own)):
        return f"{unit}; write {own} in pixels, or export them again"
    fits = {form: _fit(quads, form, _NEARLY) for form in _TO_CORNERS if form != own}
    other = max(fits, key=fits.__getitem__)
    astray = 1 - _fit(quads, own, _BY_FAR)
    count = len(quads.numbers)
    if astray < _ASTRAY or astray * count < _FEWEST or fits[other] < _FIT:
        return ""
    unit = "fractions of the image" if suffix == ".txt" else "pixels"
    return (
        f"{round(astray * count):,} of {counted(count, 'box')} do not fit into their images as "
        f"{own}, {round(fits[other] * count):,} do as {other}, which they look like; write {own} "
        f"in {unit}, or export them again"
    )


def _quads(samples: Sequence[Sample], suffix: str) -> _Quads:
    boxes = np.concatenate([sample.boxes for sample in samples]).astype(np.float64)
    sizes = np.repeat(
        [(sample.width, sample.height) for sample in samples], [*map(len, samples)], axis=0
    ).astype(np.float64)
    if suffix == ".txt":
        boxes, sizes = boxes / np.tile(sizes, 2), np.ones_like(sizes)
    return _Quads(_from_corners(boxes, _OWN[suffix]), sizes)


def _from_corners(boxes: np.ndarray, form: str) -> np.ndarray:
    low, high = boxes[:, :2], boxes[:, 2:]
    if form.endswith("width, height"):
        return np.concatenate([(low + high) / 2 if form[0] == "c" else low, high - low], axis=1)
    return boxes


def _fit(quads: _Quads, form: str, slack: float) -> float:
    """The share of boxes that lie in their images if they are of a form."""
    boxes = _TO_CORNERS[form](quads.numbers)
    low, high = boxes[:, :2], boxes[:, 2:]
    margin = slack * quads.sizes
    fits = (low < high) & (low >= -margin) & (high <= quads.sizes + margin)
    return float(fits.all(axis=1).mean())


def _other_unit(quads: _Quads, own: str) -> str:
    """Whether boxes look like fractions or per cent of their images, not pixels."""
    numbers, count = quads.numbers, len(quads.numbers)
    most = numbers.max()
    if 0 < most <= 1 + _ROUNDED:
        return (
            f"all of {counted(count, 'box')} lie in 0 ... 1, and look like fractions of the image"
        )
    reach = _TO_CORNERS[own](numbers)[:, 2:].max(axis=0).min()
    is_large = np.median(quads.sizes.min(axis=1)) >= _PER_CENT_SIDE
    is_whole = bool((numbers == np.rint(numbers)).all())
    is_far = reach >= (_WHOLE_REACH if is_whole else _PER_CENT_REACH)
    is_spread = is_far and len(np.unique(numbers, axis=0)) >= _PER_CENT_BOXES
    if is_large and is_spread and most <= 100 * (1 + _ROUNDED):
        return (
            f"all of {counted(count, 'box')} lie in 0 ... 100, and look like per cent of the image"
        )
    return ""
