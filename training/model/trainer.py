"""The training step on any Keras backend: network, matcher, loss, moving average; the optimizer."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from configs.schema import Config, TrainConfig
from training.batches.loader import Batch
from training.batches.targets import BACKGROUND, ThresholdMatch, assign_targets
from training.model.devices import replica_count, replica_sum, split_by_replica
from training.model.input_sizes import AtSize

Tensor = Any
ops: Any = keras.ops  # Keras declares no return types
_POSITIVE = 1
_REFERENCE_BATCH = 16  # that `TrainConfig.learning_rate` is meant for


class Trainer(keras.Model):
    """Trains a detection network, a batch at a time.

    The network knows nothing of targets; it is saved by itself. Beside it the trainer holds a
    moving average of all its weights, which moves before each step: the decay at step t is
    min(momentum, (1 + t) / (10 + t)), as TensorFlow's `ExponentialMovingAverage(num_updates=t)`.

    Args:
        network: of `detector.ssdlite.build_ssdlite`.
        config: its `model`, `loss` and `train.ema_momentum` count.
        at_other_sizes: the network for images of other sizes, of `training.model.input_sizes`.
    """

    def __init__(
        self, network: keras.Model, config: Config, at_other_sizes: Sequence[keras.Model] = ()
    ) -> None:
        super().__init__(name="trainer")
        self.network = network
        self._variances = config.model.anchors.variances
        self._iou_threshold = config.loss.iou_threshold
        by_keras_cv = has_keras_cv()
        self._threshold_match = make_threshold_match(self._iou_threshold) if by_keras_cv else None
        smooth_l1 = make_smooth_l1() if by_keras_cv else None
        self._at_sizes = {
            one.input_shape[1]: AtSize.of(one, config, smooth_l1)
            for one in (network, *at_other_sizes)
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
        """SSD's loss; `y` is the second part of `as_tensors`."""
        del x, sample_weight
        targets = assign_targets(
            y["boxes_fraction"],
            y["labels"],
            ops.cast(y["is_ignored"], "bool"),
            self._now.anchors,
            self._variances,
            self._iou_threshold,
            ops,
            self._threshold_match,
        )
        losses = self._now.loss(y_pred["box_deltas"], y_pred["class_logits"], targets, replica_sum)
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


def warmup_cosine(
    peak: float, warmup_steps: int, total_steps: int
) -> keras.optimizers.schedules.CosineDecay:
    """Up in a line from peak / `warmup_steps` at step 0, then down in half a cosine to 0.

    The peak is reached at step `warmup_steps` - 1, and 0 at `total_steps`.

    Args:
        peak: the highest learning rate.
        warmup_steps: 0 to `total_steps`; with 0 or 1 it begins with the peak.
        total_steps: at least 1.

    Source: Loshchilov and Hutter 2017 (SGDR), equation 5, without restarts; warm-up as in Goyal
        et al. 2017, section 2.2.
    """
    rising = max(warmup_steps - 1, 0)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / (rising + 1),
        decay_steps=total_steps - rising,
        warmup_target=peak if rising else None,
        warmup_steps=rising,
    )


def scaled_rate(config: TrainConfig, batch_size: int) -> float:
    """The peak learning rate for a batch size, accumulated batches counted in."""
    ratio = batch_size * config.accumulate / _REFERENCE_BATCH
    return config.learning_rate * (ratio if config.optimizer == "sgd" else math.sqrt(ratio))


def make_optimizer(
    config: TrainConfig, batch_size: int, batches: int
) -> keras.optimizers.Optimizer:
    """The optimizer of a run.

    Args:
        config: kind, rate, decay and clipping.
        batch_size: images per batch.
        batches: of the whole run.
    """
    # Over batches: Keras asks the schedule for them, also where gradients are accumulated.
    schedule: Any = warmup_cosine(
        scaled_rate(config, batch_size), round(config.warmup_share * batches), batches
    )
    shared: dict[str, Any] = {
        "weight_decay": config.weight_decay or None,
        "global_clipnorm": config.clip_norm,
        "gradient_accumulation_steps": config.accumulate if config.accumulate > 1 else None,
    }
    if config.optimizer == "sgd":
        return keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, **shared)
    if config.optimizer == "rmsprop":  # as the official config: decay 0.9, momentum 0.9, epsilon 1
        return keras.optimizers.RMSprop(schedule, 0.9, 0.9, epsilon=1.0, **shared)
    return keras.optimizers.AdamW(schedule, **{**shared, "weight_decay": config.weight_decay})


def without_decay(network: keras.Model) -> list[Any]:
    """Variables that weight decay leaves alone: norms, biases and depthwise kernels."""
    kept = []
    for layer in network.layers:
        is_small = isinstance(layer, keras.layers.BatchNormalization | keras.layers.DepthwiseConv2D)
        for variable in layer.trainable_variables:
            if is_small or variable.path.endswith("bias"):
                kept.append(variable)
    return kept
