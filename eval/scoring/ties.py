"""How far the order of equal scores can move AP: shuffles of the ties.

Nothing says which of two detections of one score is the better one. COCO's protocol takes them by
image id, and in an image as they came; another order of the same file gives another AP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from eval.scoring.bootstrap import WeightedAP
from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.matching import (
    COCO_THRESHOLDS,
    EVERYTHING,
    Outcomes,
    count_objects,
    join_outcomes,
    of_image,
    overlaps,
)
from eval.scoring.most_detections import most_scored

SHUFFLES = 20
"""Random orders of the images, and of the equal scores in each."""

_FEWEST, _MATCHINGS = 5, 20_000  # orders, and images matched anew in all: ten seconds


@dataclass(frozen=True)
class TieRange:
    """Where AP lies in any order of equal scores that was tried, that of the figures among them.

    Attributes:
        detections: that share class and score with one that is judged otherwise at some IoU.
        shuffles: random orders that were tried; 0 where the order decides nothing.
        AP: the lowest and the highest, 0 ... 1.
        AP50: likewise, at IoU 0.50.
    """

    detections: int
    shuffles: int
    AP: tuple[float, float]
    AP50: tuple[float, float]


def tie_range(
    eval_set: EvalSet, classes: Sequence[Outcomes], shuffles: int = SHUFFLES, seed: int = 0
) -> TieRange:
    """Shuffle the ties of a set; the same seed gives the same range.

    Args:
        eval_set: images, truth and detections.
        classes: its outcomes as they are scored; slice 0 counts.
        shuffles: how many, where the order decides anything; fewer on large sets of many ties.
        seed: of their random numbers.
    """
    from tqdm import trange

    most, slices = most_scored(eval_set.settings), (EVERYTHING,)
    open_images = [i for i, image in enumerate(eval_set.images) if _is_open(image, most)]
    torn = sum(map(_count_torn, classes))
    aps = [_ap(classes)]
    if open_images:
        shuffles = min(shuffles, max(_FEWEST, _MATCHINGS // len(open_images)))
    elif not torn:
        shuffles = 0
    rng = np.random.default_rng(seed)
    parts = [of_image(one, i, slices, most) for i, one in enumerate(eval_set.images) if shuffles]
    objects = count_objects(eval_set, slices)
    for _ in trange(shuffles, desc="shuffling equal scores", unit="order", delay=2):
        for i in open_images:
            parts[i] = of_image(_shuffled(eval_set.images[i], rng), i, slices, most)
        order = rng.permutation(len(parts)).tolist()
        aps.append(_ap(join_outcomes([parts[i] for i in order], objects)))
    (low, low50), (high, high50) = np.min(aps, axis=0).tolist(), np.max(aps, axis=0).tolist()
    return TieRange(torn, shuffles, (low, high), (low50, high50))


def _ap(classes: Sequence[Outcomes]) -> tuple[float, float]:
    """AP and AP50, means over the classes with objects."""
    aps = WeightedAP(classes)(np.ones(classes[0].objects.shape[-1], np.int64))
    return float(np.nanmean(aps)), float(np.nanmean(aps[0]))


def _count_torn(one: Outcomes) -> int:
    """Detections of a class among whose equals, at some IoU, are true and false ones."""
    starts = np.append(True, one.scores[1:] != one.scores[:-1])[: len(one.scores)]
    group = np.cumsum(starts) - 1
    is_torn = np.zeros(len(one.scores), bool)
    for is_true, is_ignored in zip(one.is_true[0], one.is_ignored[0], strict=True):
        true = np.bincount(group, is_true)
        false = np.bincount(group, ~is_true & ~is_ignored)
        is_torn |= ((true > 0) & (false > 0))[group]
    return int(is_torn.sum())


def _is_open(image: EvalImage, most: int) -> bool:
    """Whether equal scores of one class compete for the objects of an image."""
    found = image.detections
    order = np.lexsort((found.scores, found.labels))
    labels, scores = found.labels[order], found.scores[order]
    if not ((labels[1:] == labels[:-1]) & (scores[1:] == scores[:-1])).any():
        return False
    compared = overlaps(image, most)
    fits = (compared.same_class & (compared.iou >= COCO_THRESHOLDS[0])).any(axis=1)
    rows = compared.rows
    alike = (found.labels[rows, None] == found.labels[rows]) & (
        found.scores[rows, None] == found.scores[rows]
    )
    return bool((fits & (alike.sum(axis=1) > 1)).any())


def _shuffled(image: EvalImage, rng: np.random.Generator) -> EvalImage:
    """The same with equal scores in another order."""
    order = rng.permutation(len(image.detections))
    order = order[np.argsort(-image.detections.scores[order], kind="stable")]
    return replace(image, detections=image.detections[order])
