"""SSDLite plus: SSDLite's own first heads, corrected by a pyramid that begins at stride 8.

SSDLite finds small objects on a map of stride 16 that has seen no deeper layer. Here the taps at
strides 8, 16 and 32, and SSDLite's first two extra maps, are brought to one width, and what the
coarse ones know is added to the fine ones. The 1x1 convolutions of the head see all cells of all
maps in one go, so that what is learnt of large objects serves small ones; only its depthwise
kernels are each map's own. To what it says are added SSDLite's own heads of the maps from stride 16
on, with one square anchor in a cell instead of several: they read the wide maps themselves, and
bring what an SSDLite has learnt (`training.model.plus_start`). The map of stride 16 has a second
one, for the anchors of stride 8: between its cells, what it says is interpolated. Of box deltas
that is right too: two cells that say the same of one object have centres that far apart.

Sources: Lin et al. 2017 (Feature Pyramid Networks), section 3; sums of separable convolutions: Tan
et al. 2020 (EfficientDet), section 3.
"""

import keras

from configs.schema import ModelConfig
from detector.anchors import NUM_PLUS_MAPS
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
from detector.ssdlite import EXTRA_FILTERS, extra, head, heads

_FILTERS = 72  # at width 1: with 80 classes 0.75 G multiply-adds at 300 px (docs/benchmarks.md)
_EXTRAS = NUM_PLUS_MAPS - 3


def build_ssdlite_plus(
    config: ModelConfig, num_classes: int, norm: Norm = STOCK_NORM, own_norm: Norm = STOCK_NORM
) -> keras.Model:
    """The detection network, with random weights.

    Args:
        config: backbone, width and input size.
        num_classes: C, without background.
        norm: the class of the batch norms of the backbone and of what is SSDLite's; None for
            biases instead.
        own_norm: likewise of the pyramid and the shared head.

    Returns:
        a model of the form of `detector.ssdlite.build_ssdlite`. Nothing is taught to channel 0 of
        `class_logits`, and no detection comes of it.
    """
    width = config.width_multiplier
    image = image_input(config.input_size)
    taps = BACKBONES[config.backbone](rescale(image), width, norm)
    sources = [*taps]
    for number, filters in enumerate(EXTRA_FILTERS[:_EXTRAS], start=1):
        sources.append(extra(sources[-1], f"extra_{number}", filters, width, norm))
    maps = _pyramid(sources, make_divisible(_FILTERS * width), own_norm)
    outputs = {}
    for kind, name, channels in (
        ("box", "box_deltas", 4),
        ("class", "class_logits", num_classes + 1),
    ):
        shared = _shared_head(maps, kind, channels, own_norm)
        first = keras.layers.Concatenate(axis=1, name=f"head_first_{kind}")(
            [
                _finer_head(sources[1], sources[0].shape[1:3], kind, channels, norm),
                *heads(sources[1:], kind, channels, (1,) * len(sources[1:]), norm),
            ]
        )
        # Losses and box arithmetic stay in float32 whatever the layers compute in.
        outputs[name] = keras.layers.Add(dtype="float32", name=name)([shared, first])
    return keras.Model(image, outputs, name=f"ssdlite_plus_{config.backbone}_{config.input_size}")


def _finer_head(x: Tensor, size: tuple[int, int], kind: str, channels: int, norm: Norm) -> Tensor:
    """SSDLite's head of a map, for the cells of a finer map of this size."""
    name = f"head_finer_{kind}"
    x = head(x, name, channels, norm)
    x = keras.layers.Resizing(*size, interpolation="bilinear", name=f"{name}_resize")(x)
    return keras.layers.Reshape((size[0] * size[1], channels), name=f"{name}_reshape")(x)


def _pyramid(sources: list[Tensor], filters: int, norm: Norm) -> list[Tensor]:
    """Maps of the same sizes, of `filters` channels each."""
    maps = [
        conv(source, Unit.of(f"neck_lateral_{level}"), filters, norm=norm)
        for level, source in enumerate(sources)
    ]
    for level in reversed(range(len(maps) - 1)):  # from coarse to fine
        name, (height, width) = f"neck_up_{level}", maps[level].shape[1:3]
        above = keras.layers.Resizing(
            height, width, interpolation="bilinear", name=f"{name}_resize"
        )(maps[level + 1])
        both = keras.layers.Add(name=f"{name}_add")([maps[level], above])
        units = (Unit.of(f"{name}_depthwise"), Unit.of(f"{name}_project"))
        maps[level] = separable(both, units, filters, norm=norm)
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
