"""Precision-recall curves, their AP, the threshold of the best F1, and AP by size and shape."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.scoring.eval_set import EvalSet
from eval.scoring.matching import COCO_THRESHOLDS, Outcomes, Slice

RECALLS = np.linspace(0, 1, 101)
"""At which COCO reads precision."""

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


@dataclass(frozen=True, eq=False)
class Curve:
    """How many of the detections down to each score are true.

    Attributes:
        scores: float64 `(D,)`, descending; detections that count neither way are left out.
        true: int64 `(D,)`, true detections so far.
        objects: that there are to find.
    """

    scores: np.ndarray
    true: np.ndarray
    objects: int

    @property
    def precision(self) -> np.ndarray:
        """float64 `(D,)`: the share of the detections so far that is true."""
        return self.true / (np.arange(len(self.true)) + 1.0)

    @property
    def recall(self) -> np.ndarray:
        """float64 `(D,)`: the share of the objects that is found so far; 0 without objects."""
        return self.true / max(self.objects, 1)

    def at_recalls(self) -> np.ndarray:
        """COCO's curve: the best precision at each of the 101 recalls or beyond, `(101,)`."""
        best = np.maximum.accumulate(self.precision[::-1])[::-1]
        first = np.searchsorted(self.recall, RECALLS, side="left")
        return np.append(best, 0.0)[first]

    @property
    def ap(self) -> float:
        """Average precision; -1 without objects."""
        return float(self.at_recalls().mean()) if self.objects else -1.0


@dataclass(frozen=True)
class Advice:
    """A score threshold and what it brings.

    Attributes:
        threshold: detections of this score and above are kept.
        precision: 0 ... 1.
        recall: 0 ... 1.
        f1: the harmonic mean of the two.
    """

    threshold: float
    precision: float
    recall: float
    f1: float


def curve_of(outcomes: Outcomes, part: int = 0, level: int = 0) -> Curve:
    """The curve of one class, for a slice (`part`) and an IoU threshold (`level`)."""
    return joined_curve([outcomes], part, level)


def joined_curve(classes: Sequence[Outcomes], part: int = 0, level: int = 0) -> Curve:
    """The curve of all classes taken together: every object and every detection counts alike."""
    counts = ~np.concatenate([one.is_ignored[part, level] for one in classes])
    scores = np.concatenate([one.scores for one in classes])[counts]
    true = np.concatenate([one.is_true[part, level] for one in classes])[counts]
    order = np.argsort(-scores, kind="stable")
    objects = sum(int(one.objects[part].sum()) for one in classes)
    return Curve(scores[order].astype(np.float64), np.cumsum(true[order]), objects)


def best_threshold(curve: Curve) -> Advice | None:
    """The score threshold of the best F1; of equally good ones the highest.

    Returns:
        None where no object is found.
    """
    if not curve.objects or not curve.true.any():
        return None
    # A threshold takes all detections of a score or none, so the last of each is looked at.
    last = np.flatnonzero(np.append(curve.scores[1:] != curve.scores[:-1], True))
    f1 = 2 * curve.true[last] / (last + 1 + curve.objects)
    return _advice(curve, int(last[np.argmax(f1)]))


def advise(joined: Curve) -> Advice:
    """One threshold for all classes: that of the best F1, 0.5 where no object is found."""
    return best_threshold(joined) or at_threshold(joined, 0.5)


def at_threshold(curve: Curve, threshold: float) -> Advice:
    """What a given threshold brings; the precision of no detections is 1."""
    count = int(np.searchsorted(-curve.scores, -threshold, side="right"))
    return _advice(curve, count - 1) if count else Advice(threshold, 1.0, 0.0, 0.0)


def _advice(curve: Curve, last: int) -> Advice:
    """The figures where detection `last` is the worst that is kept."""
    true = int(curve.true[last])
    f1 = 2 * true / (last + 1 + curve.objects)
    return Advice(float(curve.scores[last]), true / (last + 1), true / max(curve.objects, 1), f1)


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
    areas = [image.truth_areas[image.is_counted] for image in eval_set.images]
    sides = np.sqrt(np.maximum(np.sort(np.concatenate(areas)), 0))
    steps = np.flatnonzero(np.diff(sides))  # after these an edge parts two sizes
    wanted = np.arange(1, _BINS) * len(sides) / _BINS - 1
    # Without steps the places are clipped to -1, and none is taken.
    places = np.unique(np.searchsorted(steps, wanted).clip(max=len(steps) - 1))[: len(steps)]
    inner = [float(sides[at] + sides[at + 1]) / 2 for at in steps[places]]
    edges = itertools.pairwise([0.0, *inner, 1e5])
    return [Slice(_size_name(low, high), "area", low**2, high**2) for low, high in edges]


def _size_name(low: float, high: float) -> str:
    if low == 0 and high == 1e5:
        return "all"
    if low == 0:
        return f"under {high:.0f}"
    return f"over {low:.0f}" if high == 1e5 else f"{low:.0f} … {high:.0f}"


def figures_of(
    slices: Sequence[Slice], classes: Sequence[Outcomes], first: int
) -> list[SliceFigures]:
    """Figures of slices from COCO's ten IoU thresholds; in `classes` they begin at `first`."""
    figures = []
    for part, one in enumerate(slices, start=first):
        there = [outcomes for outcomes in classes if outcomes.objects[part].any()]
        levels = range(len(COCO_THRESHOLDS))
        aps = np.array([[curve_of(of, part, level).ap for level in levels] for of in there])
        mean, at50 = (aps.mean(), aps[:, 0].mean()) if there else (-1, -1)
        objects = sum(int(outcomes.objects[part].sum()) for outcomes in there)
        figures.append(SliceFigures(one.name, objects, float(mean), float(at50)))
    return figures
