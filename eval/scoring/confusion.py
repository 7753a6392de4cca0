"""True positives, misses, false positives and confusions between classes at a score threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.matching import match, overlaps
from eval.scoring.most_detections import MAX_DETECTIONS, most_scored

IOU = 0.5
"""From which on a box fits an object."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """One image at a score threshold.

    A misclassified object is two errors: it is missed, and its detection is a false positive.

    Attributes:
        found: int64 `(K, 2)`, row of an object and of the detection that found it.
        missed: int64 `(M,)`, rows of objects.
        false_positives: int64 `(F,)`, rows of detections.
        misclassified: int64 `(L, 2)`, a missed object and a false positive that fits it.
    """

    found: np.ndarray
    missed: np.ndarray
    false_positives: np.ndarray
    misclassified: np.ndarray

    @property
    def errors(self) -> int:
        """Objects missed and false positives."""
        return len(self.missed) + len(self.false_positives)


def judge(image: EvalImage, threshold: float, most: int = MAX_DETECTIONS) -> Judgement:
    """Match the detections of a score at or above `threshold`, at IoU 0.5; `most` as in `overlaps`.

    Within a class the matching is COCO's. What it leaves is then paired across classes, the
    greatest IoU first. Ignored objects, and detections on them, do not appear.
    """
    compared = overlaps(image, most)
    kept = image.detections.scores[compared.rows] >= threshold
    matched = match(compared, np.array([IOU]))[0, 0]
    counts = np.append(~compared.ignored, False)  # -1 takes the last
    rows = np.flatnonzero(kept & counts[matched])
    found = np.stack([matched[rows], rows], axis=1)
    missed = np.setdiff1d(np.flatnonzero(~compared.ignored), found[:, 0])
    false = np.flatnonzero(kept & (matched < 0))
    pairs = _pair(compared.iou[false][:, missed])
    misclassified = np.stack([missed[pairs[:, 1]], compared.rows[false[pairs[:, 0]]]], axis=1)
    found[:, 1] = compared.rows[rows]
    return Judgement(found, missed, compared.rows[false], misclassified)


def judge_all(eval_set: EvalSet, threshold: float) -> list[Judgement]:
    """`judge` every image of a set."""
    from tqdm import tqdm

    most = most_scored(eval_set.settings)
    images = tqdm(eval_set.images, desc="judging", unit="image", delay=2)
    return [judge(image, threshold, most) for image in images]


def confusion_matrix(eval_set: EvalSet, judgements: Sequence[Judgement]) -> np.ndarray:
    """Objects by their class (rows) and by the class they are detected as (columns).

    Returns:
        int64 `(C + 1, C + 1)` for C classes. The last row counts detections on no object, the
        last column objects without a detection.
    """
    background = len(eval_set.classes)
    rows, columns = [], []
    for image, judgement in zip(eval_set.images, judgements, strict=True):
        truth, named = image.sample.labels, image.detections.labels
        for pairs in (judgement.found, judgement.misclassified):
            rows.append(truth[pairs[:, 0]])
            columns.append(named[pairs[:, 1]])
        missed = np.setdiff1d(judgement.missed, judgement.misclassified[:, 0])
        false = np.setdiff1d(judgement.false_positives, judgement.misclassified[:, 1])
        rows += [truth[missed], np.full(len(false), background)]
        columns += [np.full(len(missed), background), named[false]]
    flat = np.concatenate(rows) * (background + 1) + np.concatenate(columns)
    counts = np.bincount(flat, minlength=(background + 1) ** 2)
    return counts.reshape(background + 1, background + 1)


def normalised(counts: np.ndarray) -> np.ndarray:
    """The share of each row in its columns: float64 in 0 ... 1, 0 in a row of nothing."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _pair(iou: np.ndarray) -> np.ndarray:
    """Rows and columns of `(D, G)`, each at most once, the greatest IoU first: int64 `(L, 2)`."""
    rows, columns = np.nonzero(iou >= IOU)
    pairs: list[tuple[int, int]] = []
    for index in np.argsort(-iou[rows, columns], kind="stable"):
        row, column = int(rows[index]), int(columns[index])
        if all(row != other and column != taken for other, taken in pairs):
            pairs.append((row, column))
    return np.array(pairs, np.int64).reshape(-1, 2)
