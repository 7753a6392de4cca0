"""SSDLite: a MobileNet with two taps, four extra feature maps, and six separable heads.

Source: Sandler et al. 2018, section 6.2, laid out as TF OD API's `ssdlite_mobilenet_v2_coco`
(`models/ssd_mobilenet_v2_feature_extractor.py`, `predictors/convolutional_box_predictor.py`).
"""

from collections.abc import Sequence
from typing import Any

import keras

from configs.schema import ModelConfig
from detector.anchors import anchors_per_cell
from detector.backbones import BACKBONES, image_input, rescale
from detector.blocks import STOCK_NORM, Norm, Tensor, Unit, conv, depthwise

# Channels of the four extra feature maps at width 1 (`layer_depth` of the feature extractor).
EXTRA_FILTERS = (512, 256, 256, 128)
_MIN_FILTERS = 16  # `min_depth` of the official config
# `truncated_normal_initializer` of the official config. Any: Keras annotates its default only.
HEAD_INITIALIZER: Any = {"class_name": "TruncatedNormal", "config": {"stddev": 0.03}}


def build_ssdlite(config: ModelConfig, num_classes: int, norm: Norm = STOCK_NORM) -> keras.Model:
    """The detection network, with random weights.

    Args:
        config: backbone, width, input size and anchors.
        num_classes: C, without background.
        norm: the class of its batch norms; None for biases instead.

    Returns:
        a model from uint8 `(B, S, S, 3)` RGB to a dict of `box_deltas` `(B, A, 4)`
        (`detector.box_coder`) and `class_logits` `(B, A, C + 1)`, channel 0 the background,
        over the A anchors of `detector.anchors.model_anchors`.
    """
    image = image_input(config.input_size)
    taps = BACKBONES[config.backbone](rescale(image), config.width_multiplier, norm)
    maps = [taps.stride_16, taps.stride_32]
    for number, filters in enumerate(EXTRA_FILTERS, start=1):
        maps.append(extra(maps[-1], f"extra_{number}", filters, config.width_multiplier, norm))
    # Losses and box arithmetic stay in float32 whatever the layers compute in.
    outputs = {
        name: keras.layers.Concatenate(axis=1, dtype="float32", name=name)(
            heads(maps, kind, channels, anchors_per_cell(config), norm)
        )
        for name, kind, channels in (
            ("box_deltas", "box", 4),
            ("class_logits", "class", num_classes + 1),
        )
    }
    name = f"ssdlite_{config.backbone}_{config.input_size}"
    return keras.Model(image, outputs, name=name)


def extra(x: Tensor, name: str, filters: int, width_multiplier: float, norm: Norm) -> Tensor:
    """1x1 to half the depth, depthwise 3x3 of stride 2, 1x1 to the full depth."""
    reduced, full = (
        max(int(depth * width_multiplier), _MIN_FILTERS) for depth in (filters // 2, filters)
    )
    x = conv(x, Unit.of(f"{name}_reduce"), reduced, norm=norm)
    x = depthwise(x, Unit.of(f"{name}_depthwise"), 2, norm)
    return conv(x, Unit.of(f"{name}_project"), full, norm=norm)


def heads(
    maps: list[Tensor], kind: str, channels: int, anchors: Sequence[int], norm: Norm
) -> list[Tensor]:
    """One head per feature map: `(B, A, channels)` of each, its cells' anchors in order.

    `anchors` is their number in a cell of each map.
    """
    found = []
    for level, (x, per_cell) in enumerate(zip(maps, anchors, strict=True)):
        name = f"head_{level}_{kind}"
        x = head(x, name, per_cell * channels, norm)
        height, width = x.shape[1:3]
        shape = (height * width * per_cell, channels)
        found.append(keras.layers.Reshape(shape, name=f"{name}_reshape")(x))
    return found


def head(x: Tensor, name: str, filters: int, norm: Norm) -> Tensor:
    """Depthwise 3x3 with batch norm and ReLU6, then 1x1 with a bias and nothing after it."""
    x = depthwise(x, Unit.of(f"{name}_depthwise"), norm=norm)
    layer = keras.layers.Conv2D(
        filters, 1, kernel_initializer=HEAD_INITIALIZER, name=f"{name}_conv"
    )
    return layer(x)
