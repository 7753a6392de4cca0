"""What keras-cv does in a training step: thresholds of matching, and smooth L1."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import keras

from training.batches.targets import BACKGROUND, ThresholdMatch

Tensor = Any
ops: Any = keras.ops  # Keras declares no return types
_POSITIVE = 1


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
