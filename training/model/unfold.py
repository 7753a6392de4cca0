"""Unfold batch norm: give layers that were folded into convolutions statistics to train with.

Weights files often hold convolutions into which batch norm is folded; the layer behind is left
with mean 0, variance 1 - epsilon, a bias and perhaps a factor. As its outputs are right, inference
is too; but in training mode it would replace what the convolution really gives by a mean of 0 and
a variance of 1, and the network would compute something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

_TOLERANCE = 1e-6  # of the stored statistics; those of a fresh layer are off by epsilon


class _Moments(NamedTuple):
    """Of each channel over all places of some images, float64 `(C,)`."""

    images: int
    mean: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, means: np.ndarray, variances: np.ndarray) -> _Moments:
        """Of a batch, from those of each image: float32 `(B, C)`."""
        means, variances = means.astype(np.float64), variances.astype(np.float64)
        return cls(len(means), means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0))

    def with_more(self, more: _Moments) -> _Moments:
        """Of both together (Chan et al. 1979, equation 2.1): nothing large cancels."""
        images = self.images + more.images
        share, step = more.images / images, more.mean - self.mean
        variance = self.variance + share * (more.variance - self.variance)
        variance += share * (1 - share) * step**2
        return _Moments(images, self.mean + share * step, variance)


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
    totals: list[_Moments] = []
    for batch in images:
        news = [_Moments.of(*pair) for pair in observer.predict_on_batch(batch)]
        totals = [a.with_more(b) for a, b in zip(totals, news, strict=True)] if totals else news
    if not totals:
        raise ValueError("need images to unfold batch norm")
    return totals


def _rewrite(layer: Any, moments: _Moments) -> None:
    gamma, beta, mean, variance = map(_array, layer.get_weights())
    factor = gamma / np.sqrt(variance + layer.epsilon)
    bias = beta - factor * mean
    gamma = factor * np.sqrt(moments.variance + layer.epsilon)
    layer.set_weights([gamma, bias + factor * moments.mean, moments.mean, moments.variance])


def _array(variable: Any) -> np.ndarray:
    return np.asarray(variable, np.float64)
