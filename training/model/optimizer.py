"""The optimizer of a run: its kinds, the course of its learning rate, and who learns how fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from configs.schema import TrainConfig
from detector.network import BEHIND_BACKBONE

_REFERENCE_BATCH = 16  # that `TrainConfig.learning_rate` is meant for
# Steps that a backbone learns at the whole rate, and the least share of it in longer runs: a tenth,
# as in DETR (Carion et al. 2020, section 4). Measured on two sets (docs/benchmarks.md).
_WHOLE_STEPS = 500
_LEAST_SHARE = 0.1


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


def backbone_share(config: TrainConfig, batches: int, start: str) -> float:
    """The share of the learning rate that the backbone gets.

    With `auto` it falls as the run gets longer, so that the backbone goes about as far from what it
    knew: a few hundred images need that, and with thousands the rest has the time to learn more.

    Args:
        config: of the run.
        batches: of the whole run.
        start: what the run starts from; "none" for random weights, which nothing is lost of.
    """
    if config.backbone_rate != "auto":
        return config.backbone_rate
    steps = batches / config.accumulate
    return 1.0 if start == "none" else max(_LEAST_SHARE, min(1.0, _WHOLE_STEPS / steps))


def make_optimizer(
    config: TrainConfig,
    batch_size: int,
    batches: int,
    slow: Sequence[Any] = (),
    share: float = 1.0,
) -> keras.optimizers.Optimizer:
    """The optimizer of a run.

    Args:
        config: kind, rate, decay and clipping.
        batch_size: images per batch.
        batches: of the whole run.
        slow: variables that learn at a share of the rate.
        share: of it, over 0.
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
    kinds = {
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
        "adamw": keras.optimizers.AdamW,
    }
    own = {
        "sgd": {"momentum": 0.9, "nesterov": True},
        "rmsprop": {"rho": 0.9, "momentum": 0.9, "epsilon": 1.0},  # the official config
        "adamw": {"weight_decay": config.weight_decay},
    }
    kind = kinds[config.optimizer]
    if slow and share != 1:
        kind = _with_two_rates(kind, slow, share)
    return kind(schedule, **{**shared, **own[config.optimizer]})


def _with_two_rates(kind: Any, slow: Sequence[Any], share: float) -> Any:
    """A class of optimizer with which some variables learn at a share of the rate.

    Keras has no such thing; this is the place where its own optimizers add theirs (`Nadam`).
    """
    slow_ids = {id(variable) for variable in slow}

    class TwoRates(kind):
        def _backend_update_step(self, grads: Any, trainable_variables: Any, rate: Any) -> None:
            pairs = list(zip(grads, trainable_variables, strict=True))
            for is_slow, factor in ((True, share), (False, 1.0)):
                part = [pair for pair in pairs if (id(pair[1]) in slow_ids) == is_slow]
                if part:
                    super()._backend_update_step(*map(list, zip(*part, strict=True)), factor * rate)

    return TwoRates


def backbone_variables(network: keras.Model) -> list[Any]:
    """What trains of a detector's backbone."""
    layers = (one for one in network.layers if not one.name.startswith(BEHIND_BACKBONE))
    return [variable for layer in layers for variable in layer.trainable_variables]


def without_decay(network: keras.Model) -> list[Any]:
    """Variables that weight decay leaves alone: norms, biases and depthwise kernels."""
    kept = []
    for layer in network.layers:
        is_small = isinstance(layer, keras.layers.BatchNormalization | keras.layers.DepthwiseConv2D)
        for variable in layer.trainable_variables:
            if is_small or variable.path.endswith("bias"):
                kept.append(variable)
    return kept
