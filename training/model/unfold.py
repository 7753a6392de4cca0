"""Unfold batch norm: give layers that were folded into convolutions statistics to train with.

Weights files often hold convolutions into which batch norm is folded; the layer behind is left
with mean 0, variance 1 - epsilon, a bias and perhaps a factor. As its outputs are right, inference
is too; but in training mode it would replace what the convolution really gives by a mean of 0 and
a variance of 1, and the network would compute something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

_TOLERANCE = 1e-6  # of the stored statistics; those of a fresh layer are off by epsilon


_Moments = tuple[np.ndarray, np.ndarray]
"""Mean and variance of each channel over all places of some images, float64 `(C,)`."""


def is_folded(layer: keras.Layer) -> bool:
    """Whether it is a batch norm whose statistics were folded away: mean 0, variance 1 - epsilon.

    A fresh one is not: its variance is 1.
    """
    if not isinstance(layer, keras.layers.BatchNormalization) or not layer.built:
        return False
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    return not mean.any() and bool(np.all(np.abs(variance - (1 - layer.epsilon)) < _TOLERANCE))


def unfold(network: keras.Model, images: Iterable[np.ndarray]) -> list[str]:
    """Give folded batch norms the statistics of real images; the outputs stay the same.

    Each becomes, with mean m and variance v of what goes into it, the same function written
    otherwise: `g * x + b` is `g * sqrt(v + epsilon) * (x - m) / sqrt(v + epsilon) + b + g * m`.
    In training mode the network then computes nearly what it does in inference. A channel that
    never changes (v = 0) keeps its value in both modes.

    Args:
        network: from uint8 `(B, S, S, 3)`; each folded layer is used once in it.
        images: batches of training images, uint8 `(B, S, S, 3)`, RGB, not augmented beyond what
            training sees; of 200 images or more, statistics hold for others too. All are gone
            through once.

    Returns:
        the names of the layers changed, input to output; none where nothing is folded, and then
        no image is looked at.

    Raises:
        ValueError: something is folded, and there is no image.
    """
    layers = [layer for layer in network.layers if is_folded(layer)]
    if layers:
        for layer, moments in zip(layers, _input_moments(network, layers, images), strict=True):
            _rewrite(layer, moments)
    return [layer.name for layer in layers]


def _input_moments(
    network: keras.Model, layers: Sequence[Any], images: Iterable[np.ndarray]
) -> list[_Moments]:
    """What goes into each layer, over all images and places.

    One forward pass gives all: the moments are part of its graph, so that no activation outlives
    its use.
    """
    inputs = [keras.ops.cast(layer.input, "float32") for layer in layers]
    observer = keras.Model(network.input, [keras.ops.moments(x, axes=(1, 2)) for x in inputs])
    batches = [observer.predict_on_batch(batch) for batch in images]
    if not batches:
        raise ValueError("need images to unfold batch norm")
    found = []
    for of_layer in zip(*batches, strict=True):
        parts = map(np.concatenate, zip(*of_layer, strict=True))
        means, variances = (part.astype(np.float64) for part in parts)  # of each image, (N, C)
        found.append((means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)))
    return found


def _rewrite(layer: Any, moments: _Moments) -> None:
    new_mean, new_variance = moments
    gamma, beta, mean, variance = map(_array, layer.get_weights())
    factor = gamma / np.sqrt(variance + layer.epsilon)
    bias = beta - factor * mean
    gamma = factor * np.sqrt(new_variance + layer.epsilon)
    layer.set_weights([gamma, bias + factor * new_mean, new_mean, new_variance])


def _array(variable: Any) -> np.ndarray:
    return np.asarray(variable, np.float64)
