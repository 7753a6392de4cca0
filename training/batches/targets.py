"""SSD's matcher (anchors to ground-truth boxes) and the training targets of each anchor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from detector.box_coder import encode
from detector.boxes import Array, area, pairwise_intersection

BACKGROUND = -1
"""In what `match` returns: the anchor has no object."""

IGNORED = -1
"""In `Targets.class_targets`: the anchor is neither an object nor background."""


ThresholdMatch = Callable[[Array], Array]
"""From IoUs `(B, N, A)` to the row of each anchor's object `(B, A)`, or `BACKGROUND`."""


class Targets(NamedTuple):
    """Class and box targets of each anchor."""

    class_targets: Array  # int (B, A): 0 for background, label + 1 for an object, `IGNORED`
    box_targets: Array  # float32 (B, A, 4), deltas; of no meaning where there is no object
    quality: Array | None = None  # float32 (B, A), 0 ... 1: how well an anchor fits its object


def assign_targets(
    boxes: Array,
    labels: Array,
    is_ignored: Array,
    anchors: Array,
    variances: Sequence[float],
    iou_threshold: float = 0.5,
    xp: Any = np,
    threshold_match: ThresholdMatch | None = None,
) -> Targets:
    """Targets of a batch.

    An anchor of which at least half lies in a crowd or a difficult object, and that has no object,
    is ignored: what it sees is neither learnt nor learnt to be background.

    Args:
        boxes: float32 `(B, N, 4)`, xyxy in fractions; N at least 1.
        labels: int `(B, N)`; -1 where padded.
        is_ignored: bool `(B, N)`, crowds and difficult objects.
        anchors: float32 `(A, 4)`, xyxy in fractions.
        variances: of the box coder.
        iou_threshold: as for `match`.
        xp: array namespace.
        threshold_match: does rule 2 of `match` in its own way, at the same threshold.
    """
    valid = xp.logical_and(labels >= 0, xp.logical_not(is_ignored))
    shared = _shared_areas(boxes, anchors, xp)
    iou = _overlaps(shared, boxes, anchors, xp)
    matched = _match(iou, valid, threshold_match or _above(iou_threshold, xp), xp)
    in_ignored = xp.where(xp.expand_dims(is_ignored, -1), shared, 0.0)
    is_covered = xp.max(in_ignored, axis=1) >= 0.5 * area(anchors)
    return targets_of(matched, boxes, labels, is_covered, anchors, variances, xp)


def targets_of(
    matched: Array,
    boxes: Array,
    labels: Array,
    is_covered: Array,
    anchors: Array,
    variances: Sequence[float],
    xp: Any = np,
) -> Targets:
    """Targets of anchors that are given to objects already.

    Args:
        matched: int `(B, A)`, the row of each anchor's object, or `BACKGROUND`.
        boxes: as for `assign_targets`.
        labels: likewise.
        is_covered: bool `(B, A)`; an anchor without an object is then ignored.
        anchors: as for `assign_targets`.
        variances: likewise.
        xp: array namespace.
    """
    has_object = matched != BACKGROUND
    count, rows = xp.shape(labels)
    first = xp.expand_dims(xp.arange(count, dtype="int32") * rows, -1)
    row = first + xp.where(has_object, matched, 0)
    label = xp.take(xp.reshape(labels, (-1,)), row, axis=0)  # row: among those of all images
    without = xp.where(is_covered, xp.full_like(label, IGNORED), xp.zeros_like(label))
    box = xp.take(xp.reshape(boxes, (-1, 4)), row, axis=0)  # (B, A, 4)
    return Targets(xp.where(has_object, label + 1, without), encode(box, anchors, variances, xp))


def match(
    boxes: Array, valid: Array, anchors: Array, iou_threshold: float = 0.5, xp: Any = np
) -> Array:
    """Give anchors to objects.

    1. Each object *forces* the anchor with which its IoU is highest, however low, so that every
       object has one. Where two force the same anchor, the higher IoU has it.
    2. Every other anchor goes to the object with which its IoU is highest, if that reaches
       `iou_threshold`.

    A forced anchor is not lost to an object that overlaps it more. Ties go to the lower index, of
    anchors as of objects. Two exceptions to "every object has one": an object that no anchor
    touches, and one that lost its forced anchor to another and has no anchor by rule 2.

    Args:
        boxes: float32 `(B, N, 4)`, xyxy, N at least 1.
        valid: bool `(B, N)`; False for rows that match nothing: padding, crowds, difficult ones.
        anchors: float32 `(A, 4)`, in the unit of `boxes`.
        iou_threshold: above 0.
        xp: array namespace.

    Returns:
        int `(B, A)`: the row of each anchor's object, `BACKGROUND` for none.

    Source:
        Liu et al. 2016, section 2.2, "Matching strategy"; forcing before the threshold: TF OD API
        `argmax_matcher.py` with `force_match_for_each_row`.
    """
    shared = _shared_areas(boxes, anchors, xp)
    return _match(_overlaps(shared, boxes, anchors, xp), valid, _above(iou_threshold, xp), xp)


def _shared_areas(boxes: Array, anchors: Array, xp: Any) -> Array:
    """Area that each object shares with each anchor, `(B, N, A)`."""
    shared = pairwise_intersection(xp.reshape(boxes, (-1, 4)), anchors, xp)
    return xp.reshape(shared, (-1, boxes.shape[1], anchors.shape[0]))


def _overlaps(shared: Array, boxes: Array, anchors: Array, xp: Any) -> Array:
    """IoU from shared areas; 0 for boxes without any."""
    union = xp.expand_dims(area(boxes), -1) + area(anchors) - shared
    return shared / xp.maximum(union, 1e-12)


def _above(iou_threshold: float, xp: Any) -> ThresholdMatch:
    def threshold_match(iou: Array) -> Array:
        best_object = xp.argmax(iou, axis=1)
        return xp.where(xp.max(iou, axis=1) >= iou_threshold, best_object, BACKGROUND)

    return threshold_match


def _match(iou: Array, valid: Array, threshold_match: ThresholdMatch, xp: Any) -> Array:
    num_anchors = iou.shape[2]
    iou = xp.where(xp.expand_dims(valid, -1), iou, 0.0)
    matched = threshold_match(iou)

    best_anchor = xp.expand_dims(xp.argmax(iou, axis=2), -1)  # (B, N, 1)
    is_best = best_anchor == xp.arange(num_anchors, dtype=best_anchor.dtype)
    forced_iou = xp.where(is_best, iou, 0.0)  # 0 also where an object touches no anchor
    is_forced = xp.max(forced_iou, axis=1) > 0
    return xp.where(is_forced, xp.argmax(forced_iou, axis=1), matched)
