"""What `ssdlite_plus` begins with, of the weights of an `ssdlite`: its first heads too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from configs.schema import ModelConfig
from detector.anchors import NUM_PLUS_MAPS, PLUS_CELLS, anchors_per_cell, cell_shapes, feature_sizes
from training.model.anchor_coverage import centred_iou

_SHARED_MAPS = NUM_PLUS_MAPS - 1  # all but the finest
_LEVELS = (0, *range(_SHARED_MAPS))  # of theirs, that each of our heads takes
_NAMES = ("finer", *map(str, range(_SHARED_MAPS)))  # of ours

WeightsByLayer = Mapping[str, Sequence[np.ndarray]]


def plus_weights(theirs: WeightsByLayer, donor: ModelConfig, config: ModelConfig) -> WeightsByLayer:
    """The weights that an `ssdlite` has for an `ssdlite_plus`.

    Of each map that both have, the heads speak for several anchors there and for one here, or of
    the first map for two, as what is said there of small objects begins the finer map. Taken is
    what they say of the anchor most like ours, counted in cells, whatever the input sizes; and its
    boxes are made relative to ours, which is exact.

    Args:
        theirs: weights by layer of an `ssdlite`.
        donor: its configuration.
        config: of an `ssdlite_plus` of the same backbone and width.

    Returns:
        by layer, in the shapes of the `ssdlite_plus`.
    """
    from detector.network import KINDS  # loads Keras, which a dry run does without

    found = dict(theirs)  # of layers that the other has not, too, which find no place
    shapes, sizes = cell_shapes(donor.anchors), feature_sizes(donor)
    ours = [PLUS_CELLS * _finer_cell(config), *[float(PLUS_CELLS)] * _SHARED_MAPS]
    for level, name, side in zip(_LEVELS, _NAMES, ours, strict=True):
        anchors = shapes[level] * sizes[level]
        best = _most_alike(anchors, side)
        for kind in KINDS:
            layer = f"head_{level}_{kind}"
            found |= {
                other.replace(layer, f"head_{name}_{kind}"): theirs[other]
                for other in theirs
                if other.startswith(f"{layer}_depthwise")
            }
            kernel, bias = (
                np.array(array).reshape(*array.shape[:-1], len(anchors), -1)[..., best, :]
                for array in theirs[f"{layer}_conv"]
            )
            if kind == "box":
                kernel, bias = _relative_to(kernel, bias, anchors[best] / side, donor, config)
            found[f"head_{name}_{kind}_conv"] = [kernel, bias]
    return found


def anchors_left(donor: ModelConfig) -> str:
    """What `plus_weights` leaves behind of the heads that it takes, one line."""
    per_cell = anchors_per_cell(donor)[:_SHARED_MAPS]
    there, here = (
        ", ".join(map(str, counts))
        for counts in (per_cell, [_LEVELS.count(level) for level in range(_SHARED_MAPS)])
    )
    return (
        f"of the {there} anchors in a cell of the first {_SHARED_MAPS} heads {here} are taken, "
        "the most like those of ssdlite_plus"
    )


def _finer_cell(config: ModelConfig) -> float:
    """Side of a cell of the finest map, in cells of the next."""
    finest, following = feature_sizes(config)[:2]
    return following / finest


def _most_alike(anchors: np.ndarray, side: float) -> int:
    """Which of a cell's anchors, of a wide and a tall one that are equally like it the tall one.

    People are tall: without a step of training the weights of 20 classes have AP 0.302 on COCO with
    it, and 0.256 with the wide one.
    """
    alike = centred_iou(anchors, np.full((1, 2), side)).round(6)[:, 0]
    return max(range(len(anchors)), key=lambda one: (alike[one], anchors[one, 1]))


def _relative_to(
    kernel: np.ndarray,
    bias: np.ndarray,
    ratio: np.ndarray,
    donor: ModelConfig,
    config: ModelConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """Deltas of an anchor of `ratio` times our sides as those of ours (`detector.box_coder`)."""
    variances, own = (np.array(one.anchors.variances) for one in (donor, config))
    scale = variances / own * np.concatenate([ratio, np.ones(2)])
    shift = np.concatenate([np.zeros(2), np.log(ratio) / own[2:]])
    return kernel * scale, bias * scale + shift
