"""The model that `fit` trains: a network, its targets and its loss, on any Keras backend."""

from __future__ import annotations

from typing import Any

import keras

from configs.schema import Config
from detector.anchors import model_anchors
from training.batch import Batch
from training.losses import DetectionLoss
from training.targets import assign_targets

ops: Any = keras.ops  # Keras declares no return types


class Trainer(keras.Model):
    """Trains a detection network with `fit` on what `as_fit_data` makes of batches.

    The network knows nothing of targets; it is saved by itself.

    Args:
        network: of `detector.ssdlite.build_ssdlite`.
        config: its `model` and `loss` sections count.
    """

    def __init__(self, network: keras.Model, config: Config) -> None:
        super().__init__(name="trainer")
        self.network = network
        anchors = model_anchors(config.model)
        self._anchors = ops.convert_to_tensor(anchors, "float32")
        self._variances = config.model.anchors.variances
        self._iou_threshold = config.loss.iou_threshold
        self._loss = DetectionLoss(
            config.loss, anchors, self._variances, config.model.score_activation
        )
        self._parts = [
            keras.metrics.Mean(name="classification_loss"),
            keras.metrics.Mean(name="box_loss"),
        ]

    def call(self, images: Any, training: bool | None = None) -> dict[str, Any]:
        """The network's raw outputs."""
        return self.network(images, training=training)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The mean losses of the epoch."""
        return [*super().metrics, *self._parts]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """SSD's loss; `y` is the second part of `as_fit_data`."""
        del x, sample_weight, training
        targets = assign_targets(
            y["boxes_fraction"],
            y["labels"],
            y["is_ignored"],
            self._anchors,
            self._variances,
            self._iou_threshold,
            ops,
        )
        losses = self._loss(y_pred["box_deltas"], y_pred["class_logits"], targets)
        for metric, value in zip(self._parts, losses[1:], strict=True):
            metric.update_state(value)
        return losses.total


def as_fit_data(batch: Batch) -> tuple[Any, dict[str, Any]]:
    """A batch as `fit` takes it: pictures, and what is in them."""
    truth = {
        "boxes_fraction": batch.boxes_fraction,
        "labels": batch.labels.astype("int32"),
        "is_ignored": batch.is_ignored,
    }
    return batch.images, truth
