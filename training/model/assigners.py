"""Assigners that look at what the network predicts, or at an object's own anchors. In `keras.ops`.

SSD's matcher (`training.batches.targets`) gives an object the anchors that overlap it by half,
and a small object none but the one that is forced. Those here choose among the anchors whose
centre lies in the object, as many for a small one as for a large one, and say how good each is:
its *quality*, 0 ... 1, which the class score is taught to be.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras

from configs.schema import ModelConfig
from detector.anchors import anchors_per_cell, feature_sizes, model_anchors
from training.batches.candidates import REACH
from training.batches.targets import BACKGROUND

Tensor = Any
ops: Any = keras.ops  # Keras declares no return types

LEAST_QUALITY = 0.1
"""Of the anchor that an object forces, so that it is learnt however bad it still is."""

_TIE, _TINY = 1e-4, 1e-9  # of closeness: relative to the merit, and where there is none


class Objects(NamedTuple):
    """The ground truth of a batch, padded."""

    boxes: Tensor  # float32 (B, N, 4), xyxy in fractions; N at least 1
    labels: Tensor  # int (B, N)
    valid: Tensor  # bool (B, N); False for rows that get no anchor


class Found(NamedTuple):
    """What the network predicts for each anchor; no gradient goes through it."""

    boxes: Tensor  # float32 (B, A, 4), xyxy in fractions
    probabilities: Tensor  # float32 (B, A, C), without background


class Assignment(NamedTuple):
    """Which anchor is whose."""

    rows: Tensor  # int (B, A), of the objects; `BACKGROUND` for none
    quality: Tensor  # float32 (B, A), 0 ... 1; 0 for background


class Assigner:
    """Gives anchors to objects by one of three rules.

    Candidates of an object are the anchors whose centre lies in it, or in a square about its
    centre of two cells of the finest map where it is smaller. Every object forces its best
    candidate, so that it has one whatever the rule says; where two force the same, the higher IoU
    has it. An anchor that several objects want goes to the one that forces it, then to the one
    with the highest IoU. Ties go to the lower index.

    Args:
        matcher: "atss", "simota" or "task_aligned".
        config: of the model.

    Sources:
        ATSS: Zhang et al. 2020, algorithm 1 (k = 9). SimOTA: Ge et al. 2021 (YOLOX), section 2.1,
        with its code's weights. Task-aligned: Feng et al. 2021 (TOOD), section 3.2 (alpha 1,
        beta 6, k = 13).
    """

    def __init__(self, matcher: str, config: ModelConfig) -> None:
        rules = {"atss": self._atss, "simota": self._simota, "task_aligned": self._task_aligned}
        self._rule = rules[matcher]
        sizes = feature_sizes(config)
        each = zip(sizes, anchors_per_cell(config), strict=True)
        self._counts = [size * size * per_cell for size, per_cell in each]
        self._per_cell = anchors_per_cell(config)
        self._anchors = ops.convert_to_tensor(model_anchors(config), "float32")
        self._centres = (self._anchors[:, :2] + self._anchors[:, 2:]) / 2
        self._cell = 1.0 / sizes[0]

    def __call__(self, objects: Objects, found: Found) -> Assignment:
        """Assign the anchors of a batch."""
        overlap = _pairwise_iou(objects.boxes, found.boxes)
        distance = self._distances(objects.boxes)
        candidate = self._inside(objects.boxes) & ops.expand_dims(objects.valid, -1)
        merit, chosen = self._rule(objects, found, overlap, distance, candidate)
        # Closeness decides among equals: a tiny object lies in several anchors just alike.
        closeness = 1.0 / (1.0 + distance / self._cell)
        forced = _is_best(merit * (1.0 + _TIE * closeness) + _TINY * closeness, candidate)
        chosen = chosen | forced
        quality = self._quality(merit, overlap, chosen)
        quality = ops.where(forced, ops.maximum(quality, LEAST_QUALITY), quality)
        claim = ops.where(chosen, 1.0 + overlap + 2.0 * ops.cast(forced, "float32"), 0.0)
        rows = ops.argmax(claim, axis=1)
        has_object = ops.max(claim, axis=1) > 0
        own = ops.expand_dims(rows, 1) == ops.reshape(ops.arange(claim.shape[1]), (1, -1, 1))
        quality = ops.sum(ops.where(own & chosen, quality, 0.0), axis=1)
        return Assignment(ops.where(has_object, rows, BACKGROUND), quality)

    def covered(self, boxes: Tensor, is_ignored: Tensor) -> Tensor:
        """Whether an anchor's centre lies in a box that is ignored: bool `(B, A)`."""
        return ops.any(self._inside(boxes, 0.0) & ops.expand_dims(is_ignored, -1), axis=1)

    def _inside(self, boxes: Tensor, reach: float = REACH) -> Tensor:
        """Whether an anchor's centre lies in an object, `(B, N, A)`."""
        inside = True
        for axis in range(2):
            low, high = boxes[..., axis, None], boxes[..., axis + 2, None]
            half = ops.maximum((high - low) / 2, reach * self._cell / 2)
            inside &= ops.abs(self._centres[:, axis] - (low + high) / 2) < half
        return inside

    def _distances(self, boxes: Tensor) -> Tensor:
        """From the centres of objects to those of anchors, `(B, N, A)`."""
        x, y = ((boxes[..., axis, None] + boxes[..., axis + 2, None]) / 2 for axis in range(2))
        return ops.sqrt((self._centres[:, 0] - x) ** 2 + (self._centres[:, 1] - y) ** 2)

    def _quality(self, merit: Tensor, overlap: Tensor, chosen: Tensor) -> Tensor:
        """IoU; of the task-aligned the merit, scaled so that an object's best has its best IoU."""
        if self._rule != self._task_aligned:
            return overlap
        best, best_overlap = (
            ops.max(ops.where(chosen, one, 0.0), axis=-1, keepdims=True) for one in (merit, overlap)
        )
        return merit / ops.maximum(best, _TINY**2) * best_overlap

    def _task_aligned(
        self, objects: Objects, found: Found, overlap: Tensor, distance: Tensor, candidate: Tensor
    ) -> tuple[Tensor, Tensor]:
        del distance
        merit = ops.where(candidate, _own_scores(objects, found) * overlap**6, 0.0)
        least = ops.top_k(merit, min(13, merit.shape[-1]))[0][..., -1:]
        return merit, candidate & (merit >= least) & (merit > 0)

    def _simota(
        self, objects: Objects, found: Found, overlap: Tensor, distance: Tensor, candidate: Tensor
    ) -> tuple[Tensor, Tensor]:
        del distance
        score = ops.clip(_own_scores(objects, found), 1e-6, 1.0)
        cost = -ops.log(score) - 3.0 * ops.log(ops.maximum(overlap, 1e-6))
        merit = ops.where(candidate, ops.exp(-cost), 0.0)
        most = min(10, merit.shape[-1])
        inside = ops.where(candidate, overlap, 0.0)
        wanted = ops.cast(ops.sum(ops.top_k(inside, most)[0], axis=-1, keepdims=True), "int32")
        place = ops.clip(wanted, 1, most) - 1
        least = ops.take_along_axis(ops.top_k(merit, most)[0], place, axis=-1)
        return merit, candidate & (merit >= least)

    def _atss(
        self, objects: Objects, found: Found, overlap: Tensor, distance: Tensor, candidate: Tensor
    ) -> tuple[Tensor, Tensor]:
        del found, overlap
        anchors = ops.broadcast_to(self._anchors, (objects.boxes.shape[0], *self._anchors.shape))
        fit = _pairwise_iou(objects.boxes, anchors)
        near, start = [], 0
        for count, per_cell in zip(self._counts, self._per_cell, strict=True):
            of_map = distance[..., start : start + count]
            closest = ops.top_k(-of_map, min(9 * per_cell, count))[0][..., -1:]
            near.append(-of_map >= closest)
            start += count
        is_near = ops.cast(ops.concatenate(near, axis=-1), "float32")
        number = ops.sum(is_near, axis=-1, keepdims=True)
        mean = ops.sum(is_near * fit, axis=-1, keepdims=True) / number
        variance = ops.sum(is_near * (fit - mean) ** 2, axis=-1, keepdims=True) / (number - 1.0)
        merit = ops.where(candidate, fit, 0.0)
        return merit, candidate & (is_near > 0) & (fit >= mean + ops.sqrt(variance))


def _pairwise_iou(boxes: Tensor, found: Tensor) -> Tensor:
    """IoU of every object with every anchor's box in its image: `(B, N, 4)`, `(B, A, 4)`."""
    left, top, right, bottom = (boxes[..., edge, None] for edge in range(4))
    x1, y1, x2, y2 = (found[:, None, :, edge] for edge in range(4))
    width = ops.maximum(ops.minimum(right, x2) - ops.maximum(left, x1), 0.0)
    height = ops.maximum(ops.minimum(bottom, y2) - ops.maximum(top, y1), 0.0)
    shared = width * height
    union = (right - left) * (bottom - top) + (x2 - x1) * (y2 - y1) - shared
    return shared / ops.maximum(union, 1e-12)


def _own_scores(objects: Objects, found: Found) -> Tensor:
    """Each anchor's score for the class of each object, `(B, N, A)`."""
    classes = found.probabilities.shape[-1]
    own = ops.one_hot(ops.maximum(objects.labels, 0), classes, dtype="float32")
    return ops.matmul(own, ops.transpose(found.probabilities, (0, 2, 1)))


def _is_best(merit: Tensor, candidate: Tensor) -> Tensor:
    """Whether an anchor is the best candidate of an object, `(B, N, A)`."""
    best = ops.argmax(ops.where(candidate, merit, -1.0), axis=-1)
    return (ops.expand_dims(best, -1) == ops.arange(merit.shape[-1])) & candidate
