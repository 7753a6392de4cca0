"""Precision and recall against the score: curves, AP, and where to set the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.scoring.outcomes import Outcomes

RECALLS = np.linspace(0, 1, 101)
"""At which COCO reads precision."""


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
    """The curve of one class.

    Args:
        outcomes: of the class.
        part: which slice.
        level: which IoU threshold.
    """
    counts = ~outcomes.is_ignored[part, level]
    true = np.cumsum(outcomes.is_true[part, level][counts])
    scores = outcomes.scores[counts].astype(np.float64)
    return Curve(scores, true, int(outcomes.objects[part].sum()))


def joined_curve(classes: Sequence[Outcomes], level: int = 0) -> Curve:
    """The curve of all classes taken together: every object and every detection counts alike."""
    counts = [~one.is_ignored[0, level] for one in classes]
    scores = np.concatenate([one.scores[keep] for one, keep in zip(classes, counts, strict=True)])
    true = np.concatenate(
        [one.is_true[0, level][keep] for one, keep in zip(classes, counts, strict=True)]
    )
    order = np.argsort(-scores, kind="stable")
    objects = sum(int(one.objects[0].sum()) for one in classes)
    return Curve(scores[order].astype(np.float64), np.cumsum(true[order]), objects)


def best_threshold(curve: Curve) -> Advice | None:
    """The score threshold of the best F1; of equally good ones the highest.

    Returns:
        None where no object is found.
    """
    at = _at_each_score(curve)
    if not curve.objects or not len(at) or not curve.true[-1]:
        return None
    f1 = 2 * curve.true[at] / (at + 1 + curve.objects)
    best = int(at[np.argmax(f1)])
    return _advice(curve, best)


def advise(joined: Curve) -> Advice:
    """One threshold for all classes: that of the best F1, 0.5 where no object is found."""
    return best_threshold(joined) or at_threshold(joined, 0.5)


def at_threshold(curve: Curve, threshold: float) -> Advice:
    """What a given threshold brings; the precision of no detections is 1."""
    count = int(np.searchsorted(-curve.scores, -threshold, side="right"))
    return _advice(curve, count - 1) if count else Advice(threshold, 1.0, 0.0, 0.0)


def _at_each_score(curve: Curve) -> np.ndarray:
    """The last detection of each score: a threshold takes all of them or none."""
    is_last = np.append(curve.scores[1:] != curve.scores[:-1], True)[: len(curve.scores)]
    return np.flatnonzero(is_last)


def _advice(curve: Curve, last: int) -> Advice:
    """The figures where detection `last` is the worst that is kept."""
    true = int(curve.true[last])
    f1 = 2 * true / (last + 1 + curve.objects)
    return Advice(float(curve.scores[last]), true / (last + 1), true / max(curve.objects, 1), f1)
