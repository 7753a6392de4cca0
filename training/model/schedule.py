"""The learning rate over a run."""

from __future__ import annotations

import math
from typing import Any

import keras

from configs.schema import TrainConfig

ops: Any = keras.ops  # Keras declares no return types

_REFERENCE_BATCH = 16  # that `TrainConfig.learning_rate` is meant for


@keras.saving.register_keras_serializable("ssdlite")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Up in a line from near 0, then down in half a cosine to 0.

    Args:
        peak: the highest learning rate.
        warmup_steps: in which it is reached; 0 to begin with it.
        total_steps: after which it is 0.

    Source: Loshchilov and Hutter 2017 (SGDR), equation 5, without restarts; warm-up as in Goyal
        et al. 2017, section 2.2.
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int) -> None:
        self.peak, self.warmup_steps, self.total_steps = peak, warmup_steps, total_steps

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step; 0 is the first."""
        step = ops.cast(step, "float32")
        rising = (step + 1) / max(self.warmup_steps, 1)
        left = max(self.total_steps - self.warmup_steps, 1)
        done = ops.clip((step - self.warmup_steps) / left, 0.0, 1.0)
        falling = 0.5 * (1 + ops.cos(math.pi * done))
        return self.peak * ops.where(step < self.warmup_steps, rising, falling)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }


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
    steps = max(batches // config.accumulate, 1)
    schedule: Any = WarmupCosine(
        scaled_rate(config, batch_size), round(config.warmup_share * steps), steps
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
