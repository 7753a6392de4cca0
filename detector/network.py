"""The detection network that a configuration names: one of two heads on one of two backbones."""

from __future__ import annotations

import keras

from configs.schema import ModelConfig
from detector.backbones import TAP_NAMES
from detector.blocks import STOCK_NORM, Norm
from detector.ssdlite import build_ssdlite
from detector.ssdlite_plus import build_ssdlite_plus

KINDS = ("box", "class")
"""What is predicted of each anchor, in the order of the outputs."""

BEHIND_BACKBONE = ("extra_", "neck_", "head_")
"""What the names of all layers behind the backbone begin with."""


def build_detector(
    config: ModelConfig, num_classes: int, norm: Norm = STOCK_NORM, plus_norm: Norm = STOCK_NORM
) -> keras.Model:
    """The network, with random weights, as `detector.ssdlite.build_ssdlite`.

    Args:
        config: of the model.
        num_classes: C, without background.
        norm: the class of its batch norms; None for biases instead.
        plus_norm: likewise of what is `ssdlite_plus`'s own, behind the backbone.
    """
    if config.head == "ssdlite":
        return build_ssdlite(config, num_classes, norm)
    return build_ssdlite_plus(config, num_classes, norm, plus_norm)


def head_of(network: keras.Model) -> str:
    """Which head a network of `build_detector` has, as `ModelConfig.head` names it."""
    has_neck = any(layer.name.startswith("neck_") for layer in network.layers)
    return "ssdlite_plus" if has_neck else "ssdlite"


def tap_names(config: ModelConfig) -> tuple[str, ...]:
    """The layers of the backbone that the head is fed from, the finest first."""
    taps = TAP_NAMES[config.backbone]
    return taps[1:] if config.head == "ssdlite" else taps
