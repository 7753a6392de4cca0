"""Bootstrap confidence intervals of the difference of two models' AP.

Images are drawn with replacement, as many as there are, the same for both models; the spread of
the difference over many such draws is its uncertainty (Efron and Tibshirani 1993, chapter 13: the
percentile interval).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.scoring.curves import RECALLS
from eval.scoring.matching import Outcomes

RESAMPLES = 1000
"""Draws; the ends of a 95 % interval then rest on 25 draws each."""

FEWEST_IMAGES = 10
"""With fewer images to draw from, an interval would pretend to know."""


class WeightedAP:
    """AP of every class when each image counts a given number of times.

    What does not depend on the weights is prepared once. Only true detections need be looked at:
    precision is best there, and each covers those of the 101 recalls that it is the first to reach.

    Args:
        classes: outcomes of each of the C classes; slice 0 counts.

    Attributes:
        shape: T and C.
    """

    def __init__(self, classes: Sequence[Outcomes]) -> None:
        levels = classes[0].is_true.shape[1]
        sizes = [len(one.scores) for one in classes]
        self.shape = (levels, len(classes))
        self._objects = np.stack([one.objects[0] for one in classes])  # (C, P)
        self._images = np.concatenate([one.images for one in classes])
        start = np.cumsum([0, *sizes])[:-1]  # of each class in the flat order
        is_true = np.concatenate([one.is_true[0] for one in classes], axis=1)  # (T, D)
        is_ignored = np.concatenate([one.is_ignored[0] for one in classes], axis=1)
        level, self._at = np.nonzero(is_true)
        self._label = np.repeat(np.arange(len(classes)), sizes)[self._at]
        self._segment = level * len(classes) + self._label
        self._class_start = start[self._label]
        # Ignored detections before each true one, as positions in the list of all ignored ones.
        ignored_level, self._ignored = np.nonzero(is_ignored)
        places = ignored_level * is_true.shape[1] + self._ignored
        self._ignored_from = np.searchsorted(places, level * is_true.shape[1] + self._class_start)
        self._ignored_to = np.searchsorted(places, level * is_true.shape[1] + self._at)
        self._first = np.searchsorted(self._segment, self._segment)  # of the segment

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """AP of every class at every IoU threshold.

        Args:
            weights: int64 `(P,)`, how many times each image counts.

        Returns:
            float64 `(T, C)`, in 0 ... 1; NaN where a class has no objects.
        """
        objects = self._objects @ weights
        weight = weights[self._images]
        found = _cumulated(weight[self._at])
        so_far = _cumulated(weight)
        ignored = _cumulated(weight[self._ignored])
        true = found[1:] - found[self._first]
        kept = so_far[self._at + 1] - so_far[self._class_start]
        kept = kept - ignored[self._ignored_to] + ignored[self._ignored_from]
        precision = self._best_beyond(true / np.maximum(kept, 1))
        reached = np.searchsorted(RECALLS, true / np.maximum(objects, 1)[self._label], "right")
        newly = np.diff(reached, prepend=0)
        starts = self._first == np.arange(len(reached))
        newly[starts] = reached[starts]
        sums = np.bincount(self._segment, precision * newly, self.shape[0] * self.shape[1])
        return np.where(objects > 0, sums.reshape(self.shape) / len(RECALLS), np.nan)

    def _best_beyond(self, precision: np.ndarray) -> np.ndarray:
        """The best precision from here on, within each segment."""
        # Earlier segments are lifted above later ones, so that one pass serves all.
        lift = self._segment[::-1].max(initial=0) - self._segment[::-1]
        return (np.maximum.accumulate(precision[::-1] + lift) - lift)[::-1]


def _cumulated(values: np.ndarray) -> np.ndarray:
    """Sums of the first 0, 1, ... values."""
    return np.concatenate([[0], np.cumsum(values)])


@dataclass(frozen=True)
class Interval:
    """Where 95 % of the resampled differences lie.

    Attributes:
        low: the 2.5th percentile.
        high: the 97.5th.
    """

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the difference is more than noise."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Intervals:
    """Of the differences of two models; None where there are too few images to tell.

    Attributes:
        ap: of AP.
        ap50: of AP at the first IoU threshold.
        per_class: of the AP of each class, by label.
    """

    ap: Interval | None
    ap50: Interval | None
    per_class: tuple[Interval | None, ...]


def difference_intervals(
    ours: Sequence[Outcomes], theirs: Sequence[Outcomes], resamples: int = RESAMPLES, seed: int = 0
) -> Intervals:
    """Bootstrap the differences `ours - theirs`, outcomes of each class on the same images.

    The same seed gives the same intervals.
    """
    from tqdm import trange

    rng = np.random.default_rng(seed)
    images = ours[0].objects.shape[1]
    first, second = WeightedAP(ours), WeightedAP(theirs)
    draws = np.empty((resamples, *first.shape))
    for draw in trange(resamples, desc="resampling", unit="draw", delay=2):
        weights = np.bincount(rng.integers(0, images, images), minlength=images)
        draws[draw] = first(weights) - second(weights)
    there = np.stack([one.objects[0] > 0 for one in ours])  # (C, P)
    some = ~np.isnan(draws).all(axis=(1, 2))  # a draw may hold no object at all
    of_class = draws.mean(axis=1)  # (R, C)
    there_at_all = np.logical_or.reduce(there)
    return Intervals(
        _interval(np.nanmean(of_class[some], axis=1), there_at_all),
        _interval(np.nanmean(draws[some, 0], axis=1), there_at_all),
        tuple(_interval(*pair) for pair in zip(of_class.T, there, strict=True)),
    )


def _interval(values: np.ndarray, has_objects: np.ndarray) -> Interval | None:
    """From draws `(R,)`, NaN where there was nothing to find, and bool `(P,)`."""
    if np.count_nonzero(has_objects) < FEWEST_IMAGES:
        return None
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Interval(float(low), float(high))
