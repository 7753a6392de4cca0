"""The optimizer: AdamW, SGD or RMSprop, with linear warm-up and cosine decay."""

from __future__ import annotations

import math
from typing import Any

import keras

from configs.schema import TrainConfig

_REFERENCE_BATCH = 16  # that `TrainConfig.learning_rate` is meant for


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
    steps = max(batches // config.accumulate, 1)
    schedule: Any = warmup_cosine(
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
