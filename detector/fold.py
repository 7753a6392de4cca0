"""Batch norm folded into the convolution before it, and taken out again.

Where batch norm keeps its statistics it is a factor and a bias for each channel. Folded into the
convolution it costs nothing: an exported graph is spared the operations, and a training step a pass
over each activation and another over its gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from detector.weights.tf_od_api import folded_norm

Arrays = list[np.ndarray]


class Folding:
    """Carries weights between a network with batch norm and one of the same layers without.

    Args:
        stock: of `build_ssdlite` or another builder of `detector.blocks`.
        folded: of the same builder, with `norm=None`; a batch norm that it has keeps its weights.
    """

    def __init__(self, stock: keras.Model, folded: keras.Model) -> None:
        self._folded_names = [(layer.name, len(layer.weights)) for layer in folded.layers]
        convs = {id(layer.output): layer for layer in stock.layers}
        kept = {layer.name for layer in folded.layers}
        norms = [
            one
            for one in stock.layers
            if isinstance(one, keras.layers.BatchNormalization) and one.name not in kept
        ]
        self._stock = stock
        self._norm_of = {convs[id(norm.input)].name: norm for norm in norms}

    def fold(self) -> Arrays:
        """The stock network's weights, as the folded one takes them (`set_weights`).

        Both compute the same in inference, but for rounding.
        """
        weights: Arrays = []
        for name, count in self._folded_names:
            if not count:
                continue
            layer = self._stock.get_layer(name)
            norm = self._norm_of.get(name)
            weights += _with_norm(layer, norm) if norm else layer.get_weights()
        return weights

    def unfold(self, weights: Sequence[Any]) -> None:
        """Give the stock network the weights of the folded one.

        Its batch norms then have mean 0, variance 1 - epsilon and factor 1: what is left of them
        is the bias. To train them again they must be given statistics
        first (`training.model.unfold`).

        Args:
            weights: of the folded network, or averages of them, in its order.
        """
        rest = iter([np.asarray(weight, np.float32) for weight in weights])
        for name, count in self._folded_names:
            given = [next(rest) for _ in range(count)]
            if not count:
                continue
            norm = self._norm_of.get(name)
            if norm:
                norm.set_weights(folded_norm(given.pop()))
            self._stock.get_layer(name).set_weights(given)


def _with_norm(conv: keras.Layer, norm: Any) -> Arrays:
    """Kernel and bias of a convolution with its batch norm."""
    kernel = np.asarray(conv.get_weights()[0], np.float64)
    gamma, beta, mean, variance = (np.float64(array) for array in norm.get_weights())
    factor = gamma / np.sqrt(variance + norm.epsilon)
    if isinstance(conv, keras.layers.DepthwiseConv2D):  # (H, W, C, 1)
        kernel = kernel * factor[:, None]
    else:  # (H, W, C in, C out)
        kernel = kernel * factor
    return [kernel.astype(np.float32), (beta - mean * factor).astype(np.float32)]
