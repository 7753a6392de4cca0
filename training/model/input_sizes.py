"""The network that trains, for images of other sizes: the same weights in layers of other shapes.

A network is built for one input size, as static shapes are faster and exact on every backend, and
its weights do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from configs.schema import Config
from detector.anchors import model_anchors
from training.model.assignment import TargetMaker
from training.model.keras_cv_parts import has_keras_cv, make_smooth_l1
from training.model.losses import DetectionLoss


@dataclass(frozen=True, eq=False)
class AtSize:
    """What of a training step depends on the size of its images.

    Attributes:
        network: of this input size.
        targets: over its anchors.
        loss: likewise.
    """

    network: keras.Model
    targets: TargetMaker
    loss: DetectionLoss

    @classmethod
    def of(cls, network: keras.Model, config: Config) -> AtSize:
        """For a network; its input size alone may differ from the configuration's."""
        model = config.model.at_size(network.input_shape[1])
        config = config.model_copy(update={"model": model})
        smooth_l1 = make_smooth_l1() if has_keras_cv() else None
        anchors, variances = model_anchors(model), model.anchors.variances
        loss = DetectionLoss(config.losses, anchors, variances, model.score_activation, smooth_l1)
        return cls(network, TargetMaker(config), loss)


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
