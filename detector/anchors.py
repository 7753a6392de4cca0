"""Anchors: the boxes that the network's outputs are relative to. A constant of the model."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from configs.schema import AnchorConfig, ModelConfig
from detector.boxes import cxcywh_to_xyxy

NUM_FEATURE_MAPS = 6
"""Of `ssdlite`."""
NUM_PLUS_MAPS = 5
"""Of `ssdlite_plus`."""
PLUS_CELLS = 4
"""Side of the one square anchor in a cell of `ssdlite_plus`."""


def model_anchors(config: ModelConfig) -> np.ndarray:
    """The anchors of a model, in the order of its outputs: feature map, y, x, shape.

    Returns:
        float32 `(A, 4)`, xyxy in fractions of the image; anchors at the border reach outside.

    Source:
        TF OD API `anchor_generators/multiple_grid_anchor_generator.py` (with
        `reduce_boxes_in_lowest_layer`) and `grid_anchor_generator.py`; one square anchor in a
        cell, as `ssdlite_plus` has it: Zhang et al. 2020 (ATSS), section 3.
    """
    sizes = feature_sizes(config)
    if config.head == "ssdlite":
        shapes = cell_shapes(config.anchors)
    else:
        shapes = [np.full((1, 2), PLUS_CELLS / size) for size in sizes]
    maps = [_grid(size, each) for size, each in zip(sizes, shapes, strict=True)]
    return cxcywh_to_xyxy(np.concatenate(maps)).astype(np.float32)


def feature_sizes(config: ModelConfig) -> tuple[int, ...]:
    """Cells per side of each feature map: every stride-2 convolution halves, rounding up.

    300 px give 19, 10, 5, 3, 2, 1, or 38, 19, 10, 5, 3 with `ssdlite_plus`.
    """
    count = NUM_FEATURE_MAPS if config.head == "ssdlite" else NUM_PLUS_MAPS
    sizes = [math.ceil(config.input_size / finest_stride(config))]
    while len(sizes) < count:
        sizes.append(math.ceil(sizes[-1] / 2))
    return tuple(sizes)


def finest_stride(config: ModelConfig) -> int:
    """Side of a cell of the finest feature map, in pixels at the input size."""
    return 16 if config.head == "ssdlite" else 8


def anchors_per_cell(config: ModelConfig) -> tuple[int, ...]:
    """Anchors in each cell of the feature maps.

    3, then one per aspect ratio and one more; always 1 with `ssdlite_plus`.
    """
    if config.head == "ssdlite":
        return tuple(len(shapes) for shapes in cell_shapes(config.anchors))
    return (1,) * NUM_PLUS_MAPS


def cell_shapes(config: AnchorConfig) -> list[np.ndarray]:
    """Width and height of the anchors in a cell of `ssdlite`, in fractions: `(K, 2)` for each."""
    scales = [*np.linspace(config.min_scale, config.max_scale, NUM_FEATURE_MAPS).tolist(), 1.0]
    # The finest map has only three: half the smallest scale, and the smallest in 2:1 and 1:2.
    smallest = _shapes([(config.min_scale / 2, 1.0), (scales[0], 2.0), (scales[0], 0.5)])
    shapes = [smallest if config.finest is None else np.array(config.finest)]
    for this, following in itertools.pairwise(scales[1:]):
        pairs = [(this, ratio) for ratio in config.aspect_ratios]
        shapes.append(_shapes([*pairs, (math.sqrt(this * following), 1.0)]))
    return shapes


def _shapes(scales_and_ratios: Sequence[tuple[float, float]]) -> np.ndarray:
    return np.array([(s * math.sqrt(r), s / math.sqrt(r)) for s, r in scales_and_ratios])


def _grid(size: int, shapes: np.ndarray) -> np.ndarray:
    """The shapes centred on each cell of a grid, `(size * size * K, 4)` as cxcywh."""
    centres = (np.arange(size) + 0.5) / size
    cy, cx = np.meshgrid(centres, centres, indexing="ij")
    centre = np.stack([cx, cy], axis=-1).reshape(-1, 1, 2)
    shape = np.broadcast_to(shapes, (len(centre), *shapes.shape))
    return np.concatenate([np.broadcast_to(centre, shape.shape), shape], axis=-1).reshape(-1, 4)
