"""Box geometry: conversion between formats, area, clipping, IoU.

Every box array in this project is float32 `(..., 4)` as `x1, y1, x2, y2`, unless its name
says otherwise (`boxes_cxcywh`). A box is a continuous rectangle: its width is `x2 - x1`,
with no `+ 1`. Functions here never alter their arguments, and do not care whether the
coordinates are pixels or fractions of the image.

Each function takes `xp`, the array namespace to compute in: NumPy by default, or `keras.ops`
inside a graph. One body serves both, and the tests run it in both.
"""

from typing import Any

import numpy as np

Array = Any  # np.ndarray, or a tensor of the namespace passed as `xp`


def xyxy_to_cxcywh(boxes: Array, xp: Any = np) -> Array:
    """Corners to centre and size.

    Args:
        boxes: `(..., 4)` as `x1, y1, x2, y2`.
        xp: array namespace.

    Returns:
        `(..., 4)` as `cx, cy, w, h`, in the unit of `boxes`.

    Raises:
        ValueError: the last axis is not 4.
    """
    _require_boxes(boxes)
    top_left, bottom_right = boxes[..., :2], boxes[..., 2:]
    return xp.concatenate([(top_left + bottom_right) / 2, bottom_right - top_left], axis=-1)


def cxcywh_to_xyxy(boxes_cxcywh: Array, xp: Any = np) -> Array:
    """Centre and size to corners; the inverse of `xyxy_to_cxcywh`."""
    _require_boxes(boxes_cxcywh)
    centre, half_size = boxes_cxcywh[..., :2], boxes_cxcywh[..., 2:] / 2
    return xp.concatenate([centre - half_size, centre + half_size], axis=-1)


def xyxy_to_xywh(boxes: Array, xp: Any = np) -> Array:
    """Corners to top left corner and size, as COCO writes boxes."""
    _require_boxes(boxes)
    return xp.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def xywh_to_xyxy(boxes_xywh: Array, xp: Any = np) -> Array:
    """Top left corner and size to corners; the inverse of `xyxy_to_xywh`."""
    _require_boxes(boxes_xywh)
    top_left = boxes_xywh[..., :2]
    return xp.concatenate([top_left, top_left + boxes_xywh[..., 2:]], axis=-1)


def area(boxes: Array) -> Array:
    """Area of each box, `(...,)`, in squared units of `boxes`.

    Raises:
        ValueError: the last axis is not 4.
    """
    _require_boxes(boxes)
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def clip(boxes: Array, height: float, width: float, xp: Any = np) -> Array:
    """Boxes cut at the borders of an image.

    Args:
        boxes: `(..., 4)`.
        height: of the image, in the unit of `boxes` (1 for fractions).
        width: likewise.
        xp: array namespace.

    Returns:
        `(..., 4)`; a box that lies outside keeps no area.
    """
    _require_boxes(boxes)
    limits = xp.array([width, height, width, height], dtype=boxes.dtype)
    return xp.minimum(xp.maximum(boxes, 0.0), limits)


def scale(boxes: Array, height: float, width: float, xp: Any = np) -> Array:
    """Boxes in fractions of an image to boxes in its pixels.

    Args:
        boxes: `(..., 4)`, fractions.
        height: of the image, pixels.
        width: likewise.
        xp: array namespace.

    Returns:
        `(..., 4)`, pixels.
    """
    _require_boxes(boxes)
    return boxes * xp.array([width, height, width, height], dtype=boxes.dtype)


def pairwise_iou(boxes_a: Array, boxes_b: Array, xp: Any = np) -> Array:
    """Intersection over union of every box of A with every box of B.

    Two boxes of zero area have an IoU of 0, not NaN, so that a padded row of zeros
    matches nothing.

    Args:
        boxes_a: `(A, 4)` as `x1, y1, x2, y2`.
        boxes_b: `(B, 4)`, same unit as `boxes_a`.
        xp: array namespace.

    Returns:
        `(A, B)`, each in [0, 1].

    Raises:
        ValueError: the last axis of either is not 4.

    Source:
        the Jaccard overlap by which SSD matches anchors (Liu et al. 2016, section
        "Matching strategy"); the rule for empty boxes is this project's.
    """
    intersection = pairwise_intersection(boxes_a, boxes_b, xp)
    union = area(boxes_a)[:, None] + area(boxes_b)[None, :] - intersection
    return xp.where(union > 0, intersection / xp.where(union > 0, union, 1.0), 0.0)


def pairwise_intersection(boxes_a: Array, boxes_b: Array, xp: Any = np) -> Array:
    """Area that every box of A shares with every box of B.

    Args:
        boxes_a: `(A, 4)` as `x1, y1, x2, y2`.
        boxes_b: `(B, 4)`, same unit as `boxes_a`.
        xp: array namespace.

    Returns:
        `(A, B)`, in squared units.

    Raises:
        ValueError: the last axis of either is not 4.
    """
    _require_boxes(boxes_a)
    _require_boxes(boxes_b)
    # Edge by edge: an axis of 2 or 4 at the end makes every operation several times slower.
    left, top, right, bottom = (boxes_a[:, None, edge] for edge in range(4))
    width = xp.minimum(right, boxes_b[None, :, 2]) - xp.maximum(left, boxes_b[None, :, 0])
    height = xp.minimum(bottom, boxes_b[None, :, 3]) - xp.maximum(top, boxes_b[None, :, 1])
    return xp.maximum(width, 0.0) * xp.maximum(height, 0.0)


def _require_boxes(boxes: Array) -> None:
    if boxes.shape[-1] != 4:
        raise ValueError(f"boxes must end in an axis of 4, got shape {tuple(boxes.shape)}")
