"""The network that trains, for images of other sizes: the same weights in layers of other shapes.

A network is built for one input size, as static shapes are faster and exact on every backend, and
its weights do not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

from configs.schema import Config
from detector.anchors import model_anchors
from training.model.losses import DetectionLoss

Tensor = Any


@dataclass(frozen=True, eq=False)
class AtSize:
    """What of a training step depends on the size of its images.

    Attributes:
        network: of this input size.
        anchors: its own, float32 `(A, 4)`, xyxy in fractions of the image.
        loss: over these anchors.
    """

    network: keras.Model
    anchors: Tensor
    loss: DetectionLoss

    @classmethod
    def of(
        cls,
        network: keras.Model,
        config: Config,
        smooth_l1: Callable[[Tensor, Tensor], Tensor] | None,
    ) -> AtSize:
        """For a network; its input size alone may differ from the configuration's."""
        size = config.model.at_size(network.input_shape[1])
        anchors: Any = keras.ops.convert_to_tensor(model_anchors(size), "float32")
        variances, activation = size.anchors.variances, size.score_activation
        loss = DetectionLoss(config.loss, anchors, variances, activation, smooth_l1)
        return cls(network, anchors, loss)


def at_other_input_sizes(config: Config) -> Iterator[Config]:
    """The configuration with each of `train.input_sizes` but its own as the model's."""
    for size in sorted({*config.train.input_sizes} - {config.model.input_size}):
        yield config.model_copy(update={"model": config.model.at_size(size)})


def with_layers_of(network: keras.Model, other: keras.Model) -> keras.Model:
    """A network of another input size, with the layers of `network` wherever they have weights.

    Args:
        network: whose weights it shares, and whose layers train or not in both.
        other: the same network, built for the other size; it is left alone.

    Returns:
        of the input size of `other`, whose layers without weights it copies: reshaping and resizing
        are of static sizes.
    """

    def layer_for(layer: Any) -> Any:
        if layer.weights:
            return network.get_layer(layer.name)
        return type(layer).from_config(layer.get_config())

    return keras.models.clone_model(other, clone_function=layer_for)
