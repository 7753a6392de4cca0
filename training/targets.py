"""Which anchor is to find which object."""

from __future__ import annotations

from typing import Any

import numpy as np

from detector.boxes import Array, pairwise_iou

BACKGROUND = -1


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
    num_objects, num_anchors = boxes.shape[1], anchors.shape[0]
    iou = pairwise_iou(xp.reshape(boxes, (-1, 4)), anchors, xp)
    iou = xp.reshape(iou, (-1, num_objects, num_anchors))
    iou = xp.where(xp.expand_dims(valid, -1), iou, 0.0)
    best_object = xp.argmax(iou, axis=1)  # (B, A)
    matched = xp.where(xp.max(iou, axis=1) >= iou_threshold, best_object, BACKGROUND)

    best_anchor = xp.expand_dims(xp.argmax(iou, axis=2), -1)  # (B, N, 1)
    is_best = best_anchor == xp.arange(num_anchors, dtype=best_anchor.dtype)
    forced_iou = xp.where(is_best, iou, 0.0)  # 0 also where an object touches no anchor
    is_forced = xp.max(forced_iou, axis=1) > 0
    return xp.where(is_forced, xp.argmax(forced_iou, axis=1), matched)
