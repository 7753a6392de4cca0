"""SSD's loss: cross entropy on hard negatives, smooth L1 on matched anchors. In `keras.ops`.

Everything is computed in float32, whatever the network computes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from configs.schema import LossConfig
from detector.box_coder import decode
from training.batches.targets import IGNORED, Targets

Tensor = Any
ops: Any = keras.ops  # Keras declares no return types


class Losses(NamedTuple):
    """Scalars, float32; `total` is the weighted sum of the two others."""

    total: Tensor
    classification: Tensor
    box: Tensor


class DetectionLoss:
    """Compares raw outputs with targets.

    Args:
        config: which losses, and their weights.
        anchors: float32 `(A, 4)`, xyxy in fractions.
        variances: of the box coder.
        score_activation: "sigmoid" or "softmax", as the model's.
        smooth_l1: does what `summed_smooth_l1` does in its own way.
    """

    def __init__(
        self,
        config: LossConfig,
        anchors: Any,
        variances: Any,
        score_activation: str,
        smooth_l1: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self._config = config
        self._smooth_l1 = smooth_l1 or summed_smooth_l1
        self._anchors = ops.convert_to_tensor(anchors, "float32")
        self._variances = variances
        self._score_activation = score_activation

    def __call__(
        self,
        box_deltas: Tensor,
        class_logits: Tensor,
        targets: Targets,
        in_whole_batch: Callable[[Tensor], Tensor] = lambda count: count,
    ) -> Losses:
        """The losses of a batch, divided by its matched anchors or their qualities (at least 1).

        Args:
            box_deltas: `(B, A, 4)`.
            class_logits: `(B, A, C + 1)`, channel 0 the background.
            targets: of the batch.
            in_whole_batch: from matched anchors here to those of the batch, of which these
                images may be a part. The losses of all parts add up to those of the batch.
        """
        deltas, logits = (ops.cast(one, "float32") for one in (box_deltas, class_logits))
        is_positive = targets.class_targets > 0
        weight = ops.cast(is_positive, "float32") if targets.quality is None else targets.quality
        matched = ops.maximum(in_whole_batch(ops.sum(weight)), 1.0)
        per_anchor = self._classification_loss(logits, targets)
        if self._config.classification == "hard_negatives":
            chosen = is_positive | hard_negatives(per_anchor, targets.class_targets)
        else:
            chosen = targets.class_targets != IGNORED
        classification = _sum_where(chosen, per_anchor) / matched
        box_loss = weight * self._box_loss(deltas, targets.box_targets)
        box = _sum_where(is_positive, box_loss) / matched
        total = classification + self._config.box_weight * box
        return Losses(total, classification, box)

    def _classification_loss(self, logits: Tensor, targets: Targets) -> Tensor:
        """Of each anchor, `(B, A)`."""
        kind = self._config.classification
        if kind == "hard_negatives":
            return _cross_entropy(logits, targets.class_targets, self._score_activation)
        if kind == "focal":
            return focal_loss(logits, targets.class_targets)
        loss = varifocal_loss if kind == "varifocal" else quality_focal_loss
        return loss(logits, targets.class_targets, targets.quality)

    def _box_loss(self, deltas: Tensor, box_targets: Tensor) -> Tensor:
        """Of each anchor, `(B, A)`."""
        if self._config.box == "smooth_l1":
            return self._smooth_l1(box_targets, deltas)
        found = decode(deltas, self._anchors, self._variances, ops)
        wanted = decode(box_targets, self._anchors, self._variances, ops)
        return 1.0 - complete_iou(found, wanted)


def hard_negatives(per_anchor: Tensor, class_targets: Tensor) -> Tensor:
    """The background anchors that cost most: three for each positive one of their image.

    At least three in an image, also in one without objects.

    Args:
        per_anchor: float32 `(B, A)`, classification loss.
        class_targets: int `(B, A)`; 0 is background.

    Returns:
        bool `(B, A)`. Of equal losses the lower anchor is taken.

    Source: Liu et al. 2016, section 2.2; TF OD API `min_negatives_per_image`.
    """
    is_negative = class_targets == 0
    losses = ops.where(is_negative, ops.stop_gradient(per_anchor), -1.0)
    positives = ops.sum(ops.cast(class_targets > 0, "int32"), axis=1, keepdims=True)
    wanted = ops.maximum(3 * positives, 3)
    order = ops.argsort(-losses, axis=1)  # stable in every backend
    rank = ops.argsort(order, axis=1)
    return is_negative & (ops.cast(rank, "int32") < wanted)


def summed_smooth_l1(wanted: Tensor, found: Tensor) -> Tensor:
    """Quadratic up to 1, linear beyond, summed over the last axis (Girshick 2015, equation 3)."""
    size = ops.abs(found - wanted)
    return ops.sum(ops.where(size < 1.0, 0.5 * size * size, size - 0.5), axis=-1)


def focal_loss(logits: Tensor, class_targets: Tensor) -> Tensor:
    """Sigmoid focal loss of each anchor, `(B, A)`; of the classes without background.

    Source: Lin et al. 2017, equation 5 and section 5.1.
    """
    alpha, gamma = 0.25, 2.0
    truth = ops.one_hot(class_targets - 1, logits.shape[-1] - 1, dtype="float32")
    classes = logits[..., 1:]
    probability = ops.sigmoid(classes)
    miss = ops.where(truth > 0, 1.0 - probability, probability)
    weight = ops.where(truth > 0, alpha, 1.0 - alpha) * ops.power(miss, gamma)
    return ops.sum(weight * _binary_entropy(classes, truth), axis=-1)


def quality_focal_loss(logits: Tensor, class_targets: Tensor, quality: Tensor) -> Tensor:
    """Cross entropy with the quality, weighted by the squared distance from it, `(B, A)`.

    Source: Li et al. 2020 (Generalized Focal Loss), equation 2, beta 2.
    """
    classes, truth = _class_qualities(logits, class_targets, quality)
    distance = ops.stop_gradient(ops.abs(truth - ops.sigmoid(classes)))
    return ops.sum(distance**2 * _binary_entropy(classes, truth), axis=-1)


def varifocal_loss(logits: Tensor, class_targets: Tensor, quality: Tensor) -> Tensor:
    """Cross entropy with the quality: weighted by it where there is one, else played down.

    Source: Zhang et al. 2021 (VarifocalNet), equation 2, alpha 0.75, gamma 2.
    """
    classes, truth = _class_qualities(logits, class_targets, quality)
    probability = ops.stop_gradient(ops.sigmoid(classes))
    weight = ops.where(truth > 0, truth, 0.75 * probability**2)
    return ops.sum(weight * _binary_entropy(classes, truth), axis=-1)


def _class_qualities(
    logits: Tensor, class_targets: Tensor, quality: Tensor
) -> tuple[Tensor, Tensor]:
    """Logits without background, and what their sigmoids should be, `(B, A, C)` each."""
    own = ops.one_hot(class_targets - 1, logits.shape[-1] - 1, dtype="float32")
    return logits[..., 1:], own * ops.expand_dims(quality, -1)


def complete_iou(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """IoU less the distance of the centres and the difference of the shapes, `(...)`.

    Args:
        boxes_a: `(..., 4)`, xyxy.
        boxes_b: likewise.

    keras-cv 0.9's `CIoULoss` is another function: up to 0.19 off the paper's on random boxes.

    Source: Zheng et al. 2020 (Distance-IoU Loss), equations 7 to 11.
    """
    epsilon = 1e-9
    size_a, size_b = boxes_a[..., 2:] - boxes_a[..., :2], boxes_b[..., 2:] - boxes_b[..., :2]
    shared = ops.minimum(boxes_a[..., 2:], boxes_b[..., 2:]) - ops.maximum(
        boxes_a[..., :2], boxes_b[..., :2]
    )
    intersection = ops.prod(ops.maximum(shared, 0.0), axis=-1)
    union = ops.prod(size_a, axis=-1) + ops.prod(size_b, axis=-1) - intersection
    iou = intersection / (union + epsilon)
    hull = ops.maximum(boxes_a[..., 2:], boxes_b[..., 2:]) - ops.minimum(
        boxes_a[..., :2], boxes_b[..., :2]
    )
    offset = (boxes_a[..., :2] + boxes_a[..., 2:] - boxes_b[..., :2] - boxes_b[..., 2:]) / 2
    distance = ops.sum(offset**2, axis=-1) / (ops.sum(hull**2, axis=-1) + epsilon)
    angle_a, angle_b = (ops.arctan2(one[..., 0], one[..., 1]) for one in (size_a, size_b))
    shape = (4 / 3.141592653589793**2) * (angle_a - angle_b) ** 2
    weight = ops.stop_gradient(shape / (1.0 - iou + shape + epsilon))
    return iou - distance - weight * shape


def _cross_entropy(logits: Tensor, class_targets: Tensor, score_activation: str) -> Tensor:
    truth = ops.one_hot(class_targets, logits.shape[-1], dtype="float32")
    if score_activation == "softmax":
        return -ops.sum(truth * ops.log_softmax(logits, axis=-1), axis=-1)
    # Over all channels: the official model learns background as one more class.
    return ops.sum(_binary_entropy(logits, truth), axis=-1)


def _binary_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    # log(1 + exp(x)) - x * truth, which neither overflows nor loses small probabilities
    return ops.softplus(logits) - logits * truth


def _sum_where(mask: Tensor, values: Tensor) -> Tensor:
    return ops.sum(ops.where(mask, values, 0.0))
