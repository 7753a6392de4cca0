"""AP of objects of one size, or of one shape."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.scoring.curves import curve_of
from eval.scoring.eval_set import EvalSet
from eval.scoring.outcomes import COCO_THRESHOLDS, Outcomes, Slice

COCO_SIZES = (
    Slice("small", "area", 0, 32**2),
    Slice("medium", "area", 32**2, 96**2),
    Slice("large", "area", 96**2, 1e10),
)
"""As pycocotools has them, square px."""

RATIOS = (
    Slice("under 1/3", "ratio", 0, 1 / 3),
    Slice("1/3 … 2/3", "ratio", 1 / 3, 2 / 3),
    Slice("2/3 … 3/2", "ratio", 2 / 3, 3 / 2),
    Slice("3/2 … 3", "ratio", 3 / 2, 3),
    Slice("over 3", "ratio", 3, np.inf),
)
"""Width over height, from tall to wide."""

_BINS = 5


@dataclass(frozen=True)
class SliceFigures:
    """Of one slice; figures in 0 ... 1, -1 without objects.

    Attributes:
        name: of the slice.
        objects: that lie in it.
        ap: mean over IoU 0.50 ... 0.95 and over the classes that have such objects.
        ap50: at IoU 0.50.
    """

    name: str
    objects: int
    ap: float
    ap50: float


def size_bins(eval_set: EvalSet) -> list[Slice]:
    """Up to five ranges of the square root of the area, with as many objects in each.

    Where many objects are of one size, there are fewer ranges, and their counts differ.
    """
    areas = [image.sample.areas[image.counts] for image in eval_set.images]
    sides = np.sqrt(np.maximum(np.sort(np.concatenate(areas)), 0))
    steps = np.flatnonzero(np.diff(sides))  # after these an edge parts two sizes
    wanted = np.arange(1, _BINS) * len(sides) / _BINS - 1
    places = (
        np.unique(np.searchsorted(steps, wanted).clip(max=len(steps) - 1)) if len(steps) else []
    )
    inner = [float(sides[at] + sides[at + 1]) / 2 for at in steps[places]]
    edges = [0.0, *inner, 1e5]
    return [
        Slice(_size_name(low, high), "area", low**2, high**2)
        for low, high in itertools.pairwise(edges)
    ]


def _size_name(low: float, high: float) -> str:
    if low == 0 and high == 1e5:
        return "all"
    if low == 0:
        return f"under {high:.0f}"
    return f"over {low:.0f}" if high == 1e5 else f"{low:.0f} … {high:.0f}"


def figures_of(
    slices: Sequence[Slice], classes: Sequence[Outcomes], first: int
) -> list[SliceFigures]:
    """Figures of slices from the outcomes of a matching that included them.

    Args:
        slices: S of them.
        classes: outcomes at COCO's ten IoU thresholds.
        first: which slice of `classes` is the first of `slices`.
    """
    return [_figures(part.name, classes, first + i) for i, part in enumerate(slices)]


def _figures(name: str, classes: Sequence[Outcomes], part: int) -> SliceFigures:
    counts = [int(one.objects[part].sum()) for one in classes]
    there = [one for one, count in zip(classes, counts, strict=True) if count]
    if not there:
        return SliceFigures(name, 0, -1.0, -1.0)
    levels = range(len(COCO_THRESHOLDS))
    aps = np.array([[curve_of(one, part, level).ap for level in levels] for one in there])
    return SliceFigures(name, sum(counts), float(aps.mean()), float(aps[:, 0].mean()))
