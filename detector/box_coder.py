"""The box coder: boxes to deltas relative to anchors, and back.

A delta is (dx, dy) = centre offset / anchor size and (dw, dh) = log of the size ratio, each
divided by its variance (Liu et al. 2016, equation 2; TF OD API
`box_coders/faster_rcnn_box_coder.py`, whose scale factors 10, 10, 5, 5 are 1 / variance).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from detector.boxes import Array, cxcywh_to_xyxy, xyxy_to_cxcywh

# No decoded side exceeds its anchor's 10,000 times: keeps an untrained network's exp() finite.
_MAX_LOG_RATIO = math.log(1e4)
_SMALLEST_SIDE = 1e-8  # EPSILON of the reference: a box without area stays encodable


def encode(boxes: Array, anchors: Array, variances: Sequence[float], xp: Any = np) -> Array:
    """Boxes to deltas.

    Args:
        boxes: `(..., 4)`, xyxy.
        anchors: broadcastable to `boxes`, xyxy in the same unit, of positive size.
        variances: of cx, cy, w, h.
        xp: array namespace.

    Returns:
        `(..., 4)` as `dx, dy, dw, dh`.
    """
    box, anchor = xyxy_to_cxcywh(boxes, xp), xyxy_to_cxcywh(anchors, xp)
    offset = (box[..., :2] - anchor[..., :2]) / anchor[..., 2:]
    ratio = xp.log(xp.maximum(box[..., 2:], _SMALLEST_SIDE) / anchor[..., 2:])
    return xp.concatenate([offset, ratio], axis=-1) / xp.array(variances, dtype=boxes.dtype)


def decode(deltas: Array, anchors: Array, variances: Sequence[float], xp: Any = np) -> Array:
    """Deltas to boxes; the inverse of `encode`.

    Args:
        deltas: `(..., 4)` as `dx, dy, dw, dh`.
        anchors: broadcastable to `deltas`, xyxy.
        variances: of cx, cy, w, h.
        xp: array namespace.

    Returns:
        `(..., 4)`, xyxy in the unit of `anchors`.
    """
    anchor = xyxy_to_cxcywh(anchors, xp)
    scaled = deltas * xp.array(variances, dtype=deltas.dtype)
    centre = scaled[..., :2] * anchor[..., 2:] + anchor[..., :2]
    size = xp.exp(xp.minimum(scaled[..., 2:], _MAX_LOG_RATIO)) * anchor[..., 2:]
    return cxcywh_to_xyxy(xp.concatenate([centre, size], axis=-1), xp)
