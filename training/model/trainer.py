"""The training step on any Keras backend: network, matcher, loss, moving average."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from configs.schema import Config
from detector.anchors import model_anchors
from detector.box_coder import decode
from training.batches.loader import Batch
from training.batches.targets import (
    BACKGROUND,
    Targets,
    ThresholdMatch,
    assign_targets,
    targets_of,
)
from training.model.assigners import Assigner, Found, Objects
from training.model.devices import replica_count, replica_sum, split_by_replica
from training.model.losses import DetectionLoss

Tensor = Any
ops: Any = keras.ops  # Keras declares no return types
_POSITIVE = 1


class Trainer(keras.Model):
    """Trains a detection network, a batch at a time.

    The network knows nothing of targets; it is saved by itself. Beside it the trainer holds a
    moving average of all its weights, which moves before each step: the decay at step t is
    min(momentum, (1 + t) / (10 + t)), as TensorFlow's `ExponentialMovingAverage(num_updates=t)`.

    Args:
        network: of `detector.ssdlite.build_ssdlite`.
        config: its `model`, `loss` and `train.ema_momentum` count.
    """

    def __init__(self, network: keras.Model, config: Config) -> None:
        super().__init__(name="trainer")
        self.network = network
        anchors = model_anchors(config.model)
        self._anchors = ops.convert_to_tensor(anchors, "float32")
        self._variances = config.model.anchors.variances
        losses = config.losses
        self._iou_threshold = losses.iou_threshold
        self._assigner = None
        if losses.matcher != "iou":
            self._assigner = Assigner(losses.matcher, config.model)
        by_keras_cv = has_keras_cv()
        self._threshold_match = make_threshold_match(self._iou_threshold) if by_keras_cv else None
        self._loss = DetectionLoss(
            losses,
            anchors,
            self._variances,
            config.model.score_activation,
            make_smooth_l1() if by_keras_cv else None,
        )
        names = ("classification_loss", "box_loss")
        self._parts = [keras.metrics.Mean(name=name) for name in names]
        self._momentum = config.train.ema_momentum
        self._steps = self._own_variable(np.zeros(()), "steps")
        self._average = [
            self._own_variable(weight, f"average_{number}")
            for number, weight in enumerate(network.weights if self._momentum else [])
        ]

    def _own_variable(self, value: Any, name: str) -> Any:
        """One that no gradient reaches, and that is the same on every device."""
        array = np.asarray(value, np.float32)
        variable: Any = self.add_weight(
            shape=array.shape,
            initializer="zeros",
            dtype="float32",
            trainable=False,
            aggregation="only_first_replica",
            name=name,
        )
        variable.assign(array)
        return variable

    def step(self, batch: Batch) -> dict[str, float]:
        """One step of gradient descent on a batch; compiled at the first.

        Returns:
            `loss` and its parts, `classification_loss` and `box_loss`, of this batch.
        """
        images, truth = split_by_replica(self, as_tensors(batch))
        losses: Any = self.train_on_batch(images, truth, return_dict=True)
        return {name: float(value) for name, value in losses.items()}

    @property
    def averaged_weights(self) -> list[np.ndarray]:
        """The moving average, in the order of the network's weights; empty where there is none."""
        return [np.asarray(average) for average in self._average]

    def call(self, images: Any, training: bool | None = None) -> dict[str, Any]:
        """The network's raw outputs."""
        return self.network(images, training=training)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The losses of a step."""
        return [*super().metrics, *self._parts]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss; `y` is the second part of `as_tensors`."""
        del x, sample_weight
        targets = self._assigned(y, y_pred) if self._assigner else self._matched(y)
        losses = self._loss(y_pred["box_deltas"], y_pred["class_logits"], targets, replica_sum)
        for metric, value in zip(self._parts, losses[1:], strict=True):
            metric.update_state(value * replica_count())  # the mean of parts of a sum
        if training:
            self._move_average()
        return losses.total

    def _matched(self, y: Any) -> Targets:
        """By SSD's matcher."""
        return assign_targets(
            y["boxes_fraction"],
            y["labels"],
            ops.cast(y["is_ignored"], "bool"),
            self._anchors,
            self._variances,
            self._iou_threshold,
            ops,
            self._threshold_match,
        )

    def _assigned(self, y: Any, y_pred: Any) -> Targets:
        """By an assigner, which looks at what the network says."""
        assert self._assigner
        boxes, labels = y["boxes_fraction"], y["labels"]
        is_ignored = ops.cast(y["is_ignored"], "bool")
        deltas, logits = (
            ops.stop_gradient(ops.cast(y_pred[name], "float32"))
            for name in ("box_deltas", "class_logits")
        )
        found = Found(
            decode(deltas, self._anchors, self._variances, ops), ops.sigmoid(logits[..., 1:])
        )
        valid = (labels >= 0) & ops.logical_not(is_ignored)
        assignment = self._assigner(Objects(boxes, labels, valid), found)
        covered = self._assigner.covered(boxes, is_ignored)
        rows = assignment.rows
        targets = targets_of(rows, boxes, labels, covered, self._anchors, self._variances, ops)
        return targets._replace(quality=assignment.quality)

    def _move_average(self) -> None:
        if not self._average:
            return
        step = self._steps + 1.0
        self._steps.assign(step)
        share = 1.0 - ops.minimum(self._momentum, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self._average, self.network.weights, strict=True):
            now = ops.cast(ops.stop_gradient(ops.convert_to_tensor(weight)), "float32")
            average.assign(average + share * (now - average))


def as_tensors(batch: Batch) -> tuple[Any, dict[str, Any]]:
    """The images of a batch, and the ground truth."""
    truth = {
        "boxes_fraction": batch.boxes_fraction,
        "labels": batch.labels.astype("int32"),
        # Several devices take means of what they share, and there is none of truth values.
        "is_ignored": batch.is_ignored.astype("int32"),
    }
    return batch.images, truth


def has_keras_cv() -> bool:
    """Whether keras-cv does matching and smooth L1: it is installed, and Keras runs on TensorFlow.

    Elsewhere our own stand in. Its forced matching is left switched off: a padded row would force
    anchor 0, and of two objects that want one anchor the lower IoU may win.
    """
    found = importlib.util.find_spec("keras_cv") is not None
    return found and keras.backend.backend() == "tensorflow"


def make_threshold_match(iou_threshold: float) -> ThresholdMatch:
    """Rule 2 of `training.batches.targets.match` by `keras_cv.layers.BoxMatcher`."""
    # Imported late: it takes half a second, and is made for no type checker.
    matcher = importlib.import_module("keras_cv").layers.BoxMatcher(
        thresholds=[iou_threshold],
        match_values=[BACKGROUND, _POSITIVE],
        force_match_for_each_col=False,
    )

    def threshold_match(iou: Tensor) -> Tensor:
        rows, values = matcher(ops.transpose(iou, (0, 2, 1)))
        return ops.where(values == _POSITIVE, rows, BACKGROUND)

    return threshold_match


def make_smooth_l1() -> Callable[[Tensor, Tensor], Tensor]:
    """`training.model.losses.summed_smooth_l1` by `keras_cv.losses.SmoothL1Loss`."""
    loss = importlib.import_module("keras_cv").losses.SmoothL1Loss(l1_cutoff=1.0, reduction=None)

    def summed_smooth_l1(wanted: Tensor, found: Tensor) -> Tensor:
        return loss.call(wanted, found) * wanted.shape[-1]  # its mean over the last axis

    return summed_smooth_l1
