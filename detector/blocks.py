"""The blocks that MobileNets and SSDLite are made of. Every layer has an explicit name.

Automatic names count up with every model built in a process, and weights would then load into
the wrong layers. Each block takes a tensor and returns one.
"""

from typing import Any, NamedTuple

import keras

Tensor = Any  # a keras.KerasTensor, `(B, H, W, C)`
# The batch norm of a network: training passes a faster one with the same weights, or None for
# convolutions with a bias instead, into which batch norm was folded.
Norm = type[keras.layers.BatchNormalization] | None
STOCK_NORM: Norm = keras.layers.BatchNormalization

# TF OD API's and keras.applications' value; Keras' own default is the same.
BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.999  # keras.applications.MobileNetV2


class Unit(NamedTuple):
    """The layer names of one convolution, its batch norm and its ReLU6."""

    conv: str
    norm: str
    relu: str

    @classmethod
    def of(cls, name: str, norm_suffix: str = "_BN") -> "Unit":
        """`name`, `name_BN` and `name_relu`."""
        return cls(name, f"{name}{norm_suffix}", f"{name}_relu")


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, but at least 90 % of it.

    Source: TensorFlow slim `nets/mobilenet/mobilenet.py`, by which MobileNetV2 rounds widths.
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def relu6(x: Tensor, name: str) -> Tensor:
    """min(max(x, 0), 6): bounded, so it survives 8-bit arithmetic (MobileNetV2, section 4)."""
    return keras.layers.ReLU(6.0, name=name)(x)


def batch_norm(x: Tensor, name: str, norm: Norm = STOCK_NORM) -> Tensor:
    """Batch normalisation over the channels; with None, nothing."""
    if norm is None:
        return x
    return norm(epsilon=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM, name=name)(x)


def conv(
    x: Tensor,
    unit: Unit,
    filters: int,
    kernel_size: int = 1,
    stride: int = 1,
    linear: bool = False,
    norm: Norm = STOCK_NORM,
) -> Tensor:
    """Convolution, batch norm in place of a bias, and ReLU6 unless `linear`."""
    layer = keras.layers.Conv2D(
        filters, kernel_size, stride, padding="same", use_bias=norm is None, name=unit.conv
    )
    x = batch_norm(layer(x), unit.norm, norm)
    return x if linear else relu6(x, unit.relu)


def depthwise(x: Tensor, unit: Unit, stride: int = 1, norm: Norm = STOCK_NORM) -> Tensor:
    """3x3 convolution of each channel by itself, batch norm, ReLU6."""
    layer = keras.layers.DepthwiseConv2D(
        3, stride, padding="same", use_bias=norm is None, name=unit.conv
    )
    return relu6(batch_norm(layer(x), unit.norm, norm), unit.relu)


def separable(
    x: Tensor, units: tuple[Unit, Unit], filters: int, stride: int = 1, norm: Norm = STOCK_NORM
) -> Tensor:
    """Depthwise-separable convolution: 3x3 per channel, then 1x1 across channels.

    Costs 1/filters + 1/9 of a standard 3x3 convolution (MobileNetV1, section 3.1).
    """
    return conv(depthwise(x, units[0], stride, norm), units[1], filters, norm=norm)


def inverted_residual(
    x: Tensor,
    prefix: str,
    filters: int,
    stride: int,
    expansion: int,
    norm: Norm = STOCK_NORM,
) -> tuple[Tensor, Tensor]:
    """Expand, filter depthwise, project linearly; add the input where shapes agree.

    The projection has no ReLU6: on few channels it would destroy information (MobileNetV2,
    section 3.2).

    Args:
        x: `(B, H, W, C)`.
        prefix: of the layer names, with its underscore.
        filters: output channels.
        stride: 1 or 2, of the depthwise convolution.
        expansion: factor on C inside the block; with 1 there is no expansion layer.
        norm: the class of its batch norms; None for none.

    Returns:
        the block's output `(B, H / stride, W / stride, filters)` and the expanded tensor
        `(B, H, W, expansion * C)` between its first two convolutions, which SSDLite taps.
    """
    channels = x.shape[-1]
    expanded = x
    if expansion != 1:
        expanded = conv(x, Unit.of(f"{prefix}expand"), expansion * channels, norm=norm)
    y = depthwise(expanded, Unit.of(f"{prefix}depthwise"), stride, norm)
    y = conv(y, Unit.of(f"{prefix}project"), filters, linear=True, norm=norm)
    if stride == 1 and channels == filters:
        y = keras.layers.Add(name=f"{prefix}add")([x, y])
    return y, expanded
