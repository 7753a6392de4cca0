"""COCO's matcher: detections to ground truth, greedily by score, image by image.

The rules are those of pycocotools, number for number. Per class, the best-scored detection chooses
first: among the objects that are still free it takes the one of the greatest IoU, if that reaches
the threshold. Failing that it may fall on an ignored object, and then counts neither way; of a
crowd (and of a difficult object) it is the share of the detection that counts, and any number of
detections may fall on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from detector.boxes import xywh_to_xyxy, xyxy_to_xywh
from detector.data.values import shortest
from eval.scoring.eval_set import EvalImage

MAX_PER_CLASS = 100
"""Detections of a class in an image that count; COCO's own limit."""

_NEARLY_ONE = 1 - 1e-10  # pycocotools: an IoU threshold of 1 can be reached


@dataclass(frozen=True, eq=False)
class Overlaps:
    """One image's detections against its objects.

    Attributes:
        rows: int64 `(D,)`, of the detections that count: the first 100 of each class.
        iou: float64 `(D, G)`; of an ignored object it is the share of the detection that it covers.
        same_class: bool `(D, G)`.
        ignored: bool `(G,)`, crowds and difficult objects.
    """

    rows: np.ndarray
    iou: np.ndarray
    same_class: np.ndarray
    ignored: np.ndarray


def overlaps(image: EvalImage) -> Overlaps:
    """Compare every detection of an image with every object."""
    from pycocotools import mask

    sample, found = image.sample, image.detections
    rows = np.flatnonzero(_rank_in_class(found.labels) < MAX_PER_CLASS)
    ignored = ~image.is_counted
    iou = np.zeros((len(rows), len(sample)))
    if iou.size:
        # The numbers that COCO files hold, so that no IoU differs in its last bit.
        truth = shortest(sample.boxes, xyxy_to_xywh, xywh_to_xyxy)
        detected = xyxy_to_xywh(found.boxes[rows]).astype(np.float64)
        compare: Any = mask.iou  # its stubs do not know that it takes arrays
        iou = compare(detected, truth, ignored.astype(np.uint8).tolist())
    same_class = found.labels[rows][:, None] == sample.labels[None, :]
    return Overlaps(rows, iou, same_class, ignored)


def match(
    one: Overlaps, iou_thresholds: np.ndarray, ignored: np.ndarray | None = None
) -> np.ndarray:
    """Match the detections of one image at several IoU thresholds and for several slices.

    Args:
        one: the image's.
        iou_thresholds: `(T,)`.
        ignored: bool `(S, G)`, objects that do not count; by default `one.ignored` alone, S = 1.

    Returns:
        int64 `(S, T, D)`, the object that each detection is matched with, -1 for none.
    """
    ignored = one.ignored[None] if ignored is None else ignored
    thresholds = np.minimum(iou_thresholds, _NEARLY_ONE)
    count, objects = one.iou.shape
    matched = np.full((len(ignored), len(thresholds), count), -1)
    if not one.iou.size:
        return matched
    free = np.ones((len(ignored), len(thresholds), objects), bool)
    counts = ~ignored[:, None, :]  # (S, 1, G)
    lowest = thresholds.min()
    for row in np.flatnonzero((one.same_class & (one.iou >= lowest)).any(axis=1)):
        iou = np.where(one.same_class[row], one.iou[row], -1.0)
        reaches = free & (iou >= thresholds[:, None])  # (S, T, G)
        wanted = reaches & counts
        reaches = np.where(wanted.any(axis=-1, keepdims=True), wanted, reaches)
        # Of equal IoUs the last counts.
        best = objects - 1 - np.argmax(np.where(reaches, iou, -1.0)[..., ::-1], axis=-1)
        best = np.where(reaches.any(axis=-1), best, -1)
        matched[:, :, row] = best
        part, level = np.nonzero((best >= 0) & ~one.ignored[best])
        free[part, level, best[part, level]] = False
    return matched


def _rank_in_class(labels: np.ndarray) -> np.ndarray:
    """How many of the same label stand before each: int64 `(N,)`."""
    order = np.argsort(labels, kind="stable")
    ranked = labels[order]
    first = np.searchsorted(ranked, ranked)
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - first
    return ranks
