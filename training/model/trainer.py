"""The training step on any Keras backend: network, matcher, loss, moving average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from configs.schema import Config
from training.batches.loader import Batch
from training.model.devices import (
    has_gpu,
    replica_count,
    replica_scope,
    replica_sum,
    split_by_replica,
)
from training.model.input_sizes import AtSize
from training.model.optimizer import (
    backbone_share,
    backbone_variables,
    make_optimizer,
    without_decay,
)

ops: Any = keras.ops  # Keras declares no return types


class Trainer(keras.Model):
    """Trains a detection network, a batch at a time.

    The network knows nothing of targets; it is saved by itself. Beside it the trainer holds a
    moving average of all its weights, which moves before each step: the decay at step t is
    min(momentum, (1 + t) / (10 + t)), as TensorFlow's `ExponentialMovingAverage(num_updates=t)`.

    Args:
        network: of `detector.ssdlite.build_ssdlite`.
        config: of the run.
        at_other_sizes: the network for images of other sizes, of `training.model.input_sizes`.
    """

    def __init__(
        self, network: keras.Model, config: Config, at_other_sizes: Sequence[keras.Model] = ()
    ) -> None:
        super().__init__(name="trainer")
        self.config = config
        self.network = network
        self._at_sizes = {
            one.input_shape[1]: AtSize.of(one, config) for one in (network, *at_other_sizes)
        }
        self._now = self._at_sizes[config.model.input_size]
        self._compiled: dict[int, Any] = {}  # training steps, by input size
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

    def prepare(self, steps: int, start: str) -> None:
        """Compile it with the optimizer of a run, which knows of no step.

        Args:
            steps: batches of the run.
            start: what the run starts from; "none" for random weights.
        """
        config = self.config.train
        with replica_scope(self):
            slow, share = backbone_variables(self.network), backbone_share(config, steps, start)
            batch_size = self.config.loader.batch_size
            optimizer = make_optimizer(config, batch_size, steps, slow, share)
            spared = without_decay(self.network)
            if config.weight_decay and spared:
                optimizer.exclude_from_weight_decay(var_list=spared)
            optimizer.build(self.trainable_variables)
            # XLA is five times slower on a CPU, and cannot share variables between devices.
            xla: Any = has_gpu() and replica_count() == 1
            self.compile(optimizer=optimizer, jit_compile=xla)
        # Keras would otherwise trace it for shapes, which it can for one device only
        self.built = True

    def step(self, batch: Batch) -> dict[str, float]:
        """One step of gradient descent on a batch; compiled at the first of its input size.

        Returns:
            `loss` and its parts, `classification_loss` and `box_loss`, of this batch.
        """
        size = batch.images.shape[1]
        if self.train_function is None:  # `compile` was called
            self._compiled = {}
        # One function for all sizes would be traced for images of any size, which no layer is.
        self._now, self.train_function = self._at_sizes[size], self._compiled.get(size)
        images, truth = split_by_replica(self, as_tensors(batch))
        losses: Any = self.train_on_batch(images, truth, return_dict=True)
        self._compiled[size] = self.train_function
        return {name: float(value) for name, value in losses.items()}

    @property
    def averaged_weights(self) -> list[np.ndarray]:
        """The moving average, in the order of the network's weights; empty where there is none."""
        return [np.asarray(average) for average in self._average]

    def call(self, images: Any, training: bool | None = None) -> dict[str, Any]:
        """The network's raw outputs, of images of the last step's size."""
        return self._now.network(images, training=training)

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
        targets, loss = self._now.targets(y, y_pred), self._now.loss
        losses = loss(y_pred["box_deltas"], y_pred["class_logits"], targets, replica_sum)
        for metric, value in zip(self._parts, losses[1:], strict=True):
            metric.update_state(value * replica_count())  # the mean of parts of a sum
        if training:
            self._move_average()
        return losses.total

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
