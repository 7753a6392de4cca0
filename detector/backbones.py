"""MobileNetV1 and MobileNetV2 as tables of rows: classifiers, and backbones with taps.

Layer names and shapes are those of `keras.applications`, so its weights can be carried over by
name. Where it pads by hand and then convolves "valid", these convolve "same": equal results
wherever `keras.applications` pads as "same" does (V2: any size; V1: stride-2 inputs of even
size). The resolution multiplier of the V1 paper is `resolution / 224`.
"""

from typing import NamedTuple

import keras

from detector.blocks import (
    STOCK_NORM,
    Norm,
    Tensor,
    Unit,
    conv,
    inverted_residual,
    make_divisible,
    separable,
)

# Howard et al. 2017, table 1: (filters, stride) of each depthwise-separable block.
V1_ROWS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
# Sandler et al. 2018, table 2: (expansion t, filters c, repeats n, stride s of the first).
V2_ROWS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_V1_STRIDE_8_BLOCK, _V1_STRIDE_16_BLOCK = 5, 11  # the last before the stride grows
_V2_STRIDE_8_BLOCK = 6  # its expansion still has stride 8: 192 channels
_V2_STRIDE_16_BLOCK = 13  # likewise stride 16: 576 channels
_V1_DROPOUT = 1e-3  # keras.applications.MobileNet


class Taps(NamedTuple):
    """The backbone outputs that a head can be fed from, the finest first."""

    stride_8: Tensor
    stride_16: Tensor
    stride_32: Tensor


def rescale(image: Tensor) -> Tensor:
    """Pixels 0 ... 255 to -1 ... 1: the first layer of every network here.

    In the graph, so that every runtime takes raw RGB uint8.
    """
    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(image)


def mobilenet_v1(x: Tensor, width_multiplier: float, norm: Norm = STOCK_NORM) -> Taps:
    """MobileNetV1 (Howard et al. 2017) without its classifier.

    Args:
        x: `(B, H, W, 3)`, -1 ... 1.
        width_multiplier: alpha.
        norm: the class of its batch norms; None for biases instead.

    Returns:
        `conv_pw_5_relu` (stride 8), `conv_pw_11_relu` (16) and `conv_pw_13_relu` (32).
    """

    def width(filters: int) -> int:
        return max(1, int(filters * width_multiplier))

    x = conv(x, Unit.of("conv1", "_bn"), width(32), kernel_size=3, stride=2, norm=norm)
    outputs = [x]
    for block, (filters, stride) in enumerate(V1_ROWS, start=1):
        units = (Unit.of(f"conv_dw_{block}", "_bn"), Unit.of(f"conv_pw_{block}", "_bn"))
        outputs.append(separable(outputs[-1], units, width(filters), stride, norm))
    return Taps(outputs[_V1_STRIDE_8_BLOCK], outputs[_V1_STRIDE_16_BLOCK], outputs[-1])


def mobilenet_v2(x: Tensor, width_multiplier: float, norm: Norm = STOCK_NORM) -> Taps:
    """MobileNetV2 (Sandler et al. 2018) without its classifier.

    Args:
        x: `(B, H, W, 3)`, -1 ... 1.
        width_multiplier: alpha; the last convolution keeps 1280 channels below 1.
        norm: the class of its batch norms; None for biases instead.

    Returns:
        `block_6_expand_relu` (stride 8), `block_13_expand_relu` (16) and `out_relu` (32).
    """
    first = Unit("Conv1", "bn_Conv1", "Conv1_relu")
    x = conv(x, first, make_divisible(32 * width_multiplier), kernel_size=3, stride=2, norm=norm)
    expansions = []
    for expansion, filters, repeats, first_stride in V2_ROWS:
        for repeat in range(repeats):
            prefix = f"block_{len(expansions)}_" if expansions else "expanded_conv_"
            stride = first_stride if repeat == 0 else 1
            width = make_divisible(filters * width_multiplier)
            x, expanded = inverted_residual(x, prefix, width, stride, expansion, norm)
            expansions.append(expanded)
    last = 1280 if width_multiplier <= 1 else make_divisible(1280 * width_multiplier)
    x = conv(x, Unit("Conv_1", "Conv_1_bn", "out_relu"), last, norm=norm)
    return Taps(expansions[_V2_STRIDE_8_BLOCK], expansions[_V2_STRIDE_16_BLOCK], x)


TAP_NAMES = {
    "mobilenet_v1": ("conv_pw_5_relu", "conv_pw_11_relu", "conv_pw_13_relu"),
    "mobilenet_v2": ("block_6_expand_relu", "block_13_expand_relu", "out_relu"),
}
"""The layers of `Taps`."""
BACKBONES = {"mobilenet_v1": mobilenet_v1, "mobilenet_v2": mobilenet_v2}


def build_classifier(
    name: str,
    num_classes: int,
    width_multiplier: float = 1.0,
    resolution: int = 224,
    norm: Norm = STOCK_NORM,
) -> keras.Model:
    """MobileNetV1 or V2 as a classifier.

    MobileNetV1 for CIFAR-10 (32x32, 10 classes, width 1) has 3,239,114 parameters; the
    3,238,986 that an often-copied tutorial prints leaves out the first batch norm (4 x 32).

    Returns:
        a model from uint8 `(B, resolution, resolution, 3)` RGB to softmax probabilities
        `(B, num_classes)`.
    """
    image = image_input(resolution)
    features = BACKBONES[name](rescale(image), width_multiplier, norm).stride_32
    top = _v1_top if name == "mobilenet_v1" else _v2_top
    return keras.Model(image, top(features, num_classes), name=f"{name}_classifier")


def image_input(resolution: int) -> Tensor:
    """The input of every network here: uint8 RGB, named `image`."""
    return keras.Input((resolution, resolution, 3), dtype="uint8", name="image")


def _v1_top(x: Tensor, num_classes: int) -> Tensor:
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="global_average_pooling2d")(x)
    x = keras.layers.Dropout(_V1_DROPOUT, name="dropout")(x)
    x = keras.layers.Conv2D(num_classes, 1, name="conv_preds")(x)
    x = keras.layers.Reshape((num_classes,), name="reshape_2")(x)
    return keras.layers.Softmax(name="predictions")(x)


def _v2_top(x: Tensor, num_classes: int) -> Tensor:
    x = keras.layers.GlobalAveragePooling2D(name="global_average_pooling2d")(x)
    return keras.layers.Dense(num_classes, activation="softmax", name="predictions")(x)
