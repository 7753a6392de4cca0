"""SSDLite plus: SSDLite's first heads, and beside them a pyramid from stride 8 with one of its own.

SSDLite finds small objects on a map of stride 16 that has seen no deeper layer. Here the taps at
strides 8, 16 and 32, and SSDLite's first extra map at 64, are brought to one width; what the deep
ones know is added to the fine ones, and back down. The 1x1 convolutions of the head see all cells
of all maps in one go, so that what is learnt of large objects serves small ones; only its depthwise
kernels are each map's own. To what it says are added SSDLite's own heads of the three coarser maps,
with one square anchor in a cell instead of several: they read the wide maps themselves, and bring
what an SSDLite has learnt (`training.model.plus_start`), which the shared head corrects.

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
from detector.ssdlite import EXTRA_FILTERS, extra, heads

_FILTERS = 96  # at width 1; with the kernels chosen by measurement (docs/benchmarks.md)


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
    width = config.width_multiplier
    image = image_input(config.input_size)
    taps = BACKBONES[config.backbone](rescale(image), width, norm)
    coarse = extra(taps.stride_32, "extra_1", EXTRA_FILTERS[0], width, norm)
    maps = _pyramid([*taps, coarse], make_divisible(_FILTERS * width), own_norm)
    known = [taps.stride_16, taps.stride_32, coarse]
    outputs = {}
    for kind, name, channels in (
        ("box", "box_deltas", 4),
        ("class", "class_logits", num_classes + 1),
    ):
        shared = _shared_head(maps, kind, channels, own_norm)
        first = keras.layers.Concatenate(axis=1, name=f"head_first_{kind}")(
            heads(known, kind, channels, (1,) * len(known), norm)
        )
        missing = (shared.shape[1] - first.shape[1], 0)  # the cells of stride 8
        first = keras.layers.ZeroPadding1D(missing, name=f"head_first_{kind}_pad")(first)
        # Losses and box arithmetic stay in float32 whatever the layers compute in.
        outputs[name] = keras.layers.Add(dtype="float32", name=name)([shared, first])
    return keras.Model(image, outputs, name=f"ssdlite_plus_{config.backbone}_{config.input_size}")


def _pyramid(sources: list[Tensor], filters: int, norm: Norm) -> list[Tensor]:
    """Maps of strides 8, 16, 32 and 64, of `filters` channels each."""

    def mix(x: Tensor, name: str, stride: int = 1) -> Tensor:
        units = (Unit.of(f"neck_{name}_depthwise"), Unit.of(f"neck_{name}_project"))
        return separable(x, units, filters, stride, norm)

    def add(x: Tensor, y: Tensor, name: str) -> Tensor:
        return keras.layers.Add(name=f"neck_{name}_add")([x, y])

    maps = [
        conv(source, Unit.of(f"neck_lateral_{level}"), filters, norm=norm)
        for level, source in enumerate(sources)
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
    return maps


def _shared_head(maps: list[Tensor], kind: str, channels: int, norm: Norm) -> Tensor:
    """A depthwise convolution of each map, and 1x1 ones of all cells: `(B, A, channels)`."""
    cells = []
    for level, x in enumerate(maps):
        height, width, filters = x.shape[1:]
        x = depthwise(x, Unit.of(f"head_shared_{level}_{kind}_depthwise"), norm=norm)
        shape = (height * width, 1, filters)
        cells.append(keras.layers.Reshape(shape, name=f"head_shared_{level}_{kind}_reshape")(x))
    x = keras.layers.Concatenate(axis=1, name=f"head_{kind}_cells")(cells)
    x = conv(x, Unit.of(f"head_{kind}_project"), x.shape[-1], norm=norm)
    # At first it adds nothing to what SSDLite's heads say.
    x = keras.layers.Conv2D(channels, 1, kernel_initializer="zeros", name=f"head_{kind}_conv")(x)
    return keras.layers.Reshape((x.shape[1], channels), name=f"head_{kind}_reshape")(x)
