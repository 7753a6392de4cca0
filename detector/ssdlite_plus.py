"""SSDLite plus: a pyramid from stride 8 and one separable head for all of its maps.

SSDLite finds small objects on a map of stride 16 that has seen no deeper layer. Here the taps at
strides 8, 16 and 32 are brought to one width; what the deep ones know is added to the fine ones,
and back down; one more map has stride 64. The head's 1x1 convolutions see all cells of all maps
in one go, so that what is learnt of large objects serves small ones; only its depthwise kernels
are each map's own. Outputs have the form of SSDLite's, with one square anchor in a cell.

Sources: Lin et al. 2017 (Feature Pyramid Networks), section 3; the way back down: Liu et al. 2018
(Path Aggregation Network), section 3.1; sums of separable convolutions: Tan et al. 2020
(EfficientDet), section 3.
"""

import keras

from configs.schema import ModelConfig
from detector.backbones import BACKBONES, image_input, rescale
from detector.blocks import (
    STOCK_NORM,
    Norm,
    Tensor,
    Unit,
    conv,
    depthwise,
    make_divisible,
    separable,
)
from detector.ssdlite import HEAD_INITIALIZER

_FILTERS = 96  # at width 1; with the kernels chosen by measurement (docs/benchmarks.md)
_NECK_KERNEL, _HEAD_KERNEL = 3, 5
_OUTPUTS = {"box": "box_deltas", "class": "class_logits"}


def build_ssdlite_plus(
    config: ModelConfig, num_classes: int, norm: Norm = STOCK_NORM, own_norm: Norm = STOCK_NORM
) -> keras.Model:
    """The detection network, with random weights.

    Args:
        config: backbone, width and input size.
        num_classes: C, without background.
        norm: the class of the backbone's batch norms; None for biases instead.
        own_norm: likewise of the pyramid and the head.

    Returns:
        a model of the form of `detector.ssdlite.build_ssdlite`. Nothing is taught to channel 0 of
        `class_logits`, and no detection comes of it.
    """
    image = image_input(config.input_size)
    taps = BACKBONES[config.backbone](rescale(image), config.width_multiplier, norm)
    filters = make_divisible(_FILTERS * config.width_multiplier)
    maps = _pyramid(taps, filters, own_norm)
    outputs = {
        _OUTPUTS[kind]: _head(maps, kind, channels, filters, own_norm)
        for kind, channels in (("box", 4), ("class", num_classes + 1))
    }
    return keras.Model(image, outputs, name=f"ssdlite_plus_{config.backbone}_{config.input_size}")


def _pyramid(taps: tuple[Tensor, ...], filters: int, norm: Norm) -> list[Tensor]:
    """Maps of strides 8, 16, 32 and 64, of `filters` channels each."""

    def mix(x: Tensor, name: str, stride: int = 1) -> Tensor:
        units = (Unit.of(f"neck_{name}_depthwise"), Unit.of(f"neck_{name}_project"))
        return separable(x, units, filters, stride, norm, _NECK_KERNEL)

    def add(x: Tensor, y: Tensor, name: str) -> Tensor:
        return keras.layers.Add(name=f"neck_{name}_add")([x, y])

    maps = [
        conv(tap, Unit.of(f"neck_lateral_{level}"), filters, norm=norm)
        for level, tap in enumerate(taps)
    ]
    for level in reversed(range(len(maps) - 1)):  # from coarse to fine
        height, width = maps[level].shape[1:3]
        above = keras.layers.Resizing(
            height, width, interpolation="bilinear", name=f"neck_up_{level}_resize"
        )(maps[level + 1])
        maps[level] = mix(add(maps[level], above, f"up_{level}"), f"up_{level}")
    for level in range(1, len(maps)):  # and back
        below = mix(maps[level - 1], f"down_{level}_half", stride=2)
        maps[level] = mix(add(maps[level], below, f"down_{level}"), f"down_{level}")
    return [*maps, mix(maps[-1], f"down_{len(maps)}_half", stride=2)]


def _head(maps: list[Tensor], kind: str, channels: int, filters: int, norm: Norm) -> Tensor:
    """A depthwise convolution of each map, and 1x1 ones of all cells: `(B, A, channels)`."""
    cells = []
    for level, x in enumerate(maps):
        height, width = x.shape[1:3]
        unit = Unit.of(f"head_{level}_{kind}_depthwise")
        x = depthwise(x, unit, norm=norm, kernel_size=_HEAD_KERNEL)
        shape = (height * width, 1, filters)
        cells.append(keras.layers.Reshape(shape, name=f"head_{level}_{kind}_reshape")(x))
    x = keras.layers.Concatenate(axis=1, name=f"head_{kind}_cells")(cells)
    x = conv(x, Unit.of(f"head_{kind}_project"), filters, norm=norm)
    x = keras.layers.Conv2D(
        channels, 1, kernel_initializer=HEAD_INITIALIZER, name=f"head_{kind}_conv"
    )(x)
    # Losses and box arithmetic stay in float32 whatever the layers compute in.
    shape = (x.shape[1], channels)
    return keras.layers.Reshape(shape, dtype="float32", name=_OUTPUTS[kind])(x)
