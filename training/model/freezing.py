"""Which layers of a detector or classifier train, and which stay as they are."""

from __future__ import annotations

import math
from typing import Literal

import keras

from detector.backbones import TAP_NAMES

Upto = Literal["none", "backbone", "tap"]


def freeze(network: keras.Model, upto: Upto) -> str:
    """Choose what trains; whatever was chosen before is forgotten.

    A frozen batch norm runs in inference mode also while training (`keras.layers.
    BatchNormalization`), so that nothing in a frozen part changes. Compile the model after this.

    Args:
        network: a detector or classifier of this project.
        upto: "none"; "backbone", all that comes before the heads and extras; "tap", all up to the
            first feature map that a head is fed from.

    Returns:
        in words, what trains and what does not, with counts of parameters.

    Raises:
        ValueError: the network has no backbone that is known here.
    """
    for layer in network.layers:
        layer.trainable = True
    everything = _parameters(network)
    for layer in layers_up_to(network, upto):
        layer.trainable = False
    frozen = {"backbone": "the backbone", "tap": "all up to the first tap"}.get(upto)
    frozen = f"{frozen} ({everything - _parameters(network):,})" if frozen else "nothing"
    return f"{_parameters(network):,} of {everything:,} parameters train; frozen: {frozen}"


def layers_up_to(network: keras.Model, upto: Upto) -> list[keras.Layer]:
    """The layers that `freeze` means, input to output.

    Raises:
        ValueError: the network has no backbone that is known here.
    """
    if upto == "none":
        return []
    names = {layer.name for layer in network.layers}
    taps = next((taps for taps in TAP_NAMES.values() if names.issuperset(taps)), None)
    if taps is None:
        raise ValueError(f"{network.name} has none of the backbones {', '.join(TAP_NAMES)}")
    last = taps[0] if upto == "tap" else taps[-1]
    return keras.Model(network.input, network.get_layer(last).output).layers


def _parameters(network: keras.Model) -> int:
    """Those that train; statistics of batch norm are none."""
    return sum(math.prod(weight.shape) for weight in network.trainable_weights)
