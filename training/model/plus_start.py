"""What `ssdlite_plus` begins with, of the weights of an `ssdlite`: its first heads too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from configs.schema import ModelConfig
from detector.anchors import NUM_PLUS_MAPS, PLUS_CELLS, anchors_per_cell, cell_shapes, feature_sizes
from training.model.anchor_coverage import centred_iou

WeightsByLayer = Mapping[str, Sequence[np.ndarray]]


def plus_weights(theirs: WeightsByLayer, donor: ModelConfig, config: ModelConfig) -> WeightsByLayer:
    """The weights that an `ssdlite` has for an `ssdlite_plus`.

    Of each map that both have, the heads speak for several anchors there and for one here. Taken is
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
    ours, shapes = np.full((1, 2), float(PLUS_CELLS)), cell_shapes(donor.anchors)
    for level, cells in enumerate(feature_sizes(donor)[: NUM_PLUS_MAPS - 1]):
        anchors = shapes[level] * cells
        best = int(np.argmax(centred_iou(anchors, ours)))
        for kind in KINDS:
            layer = f"head_{level}_{kind}_conv"
            kernel, bias = (
                np.array(array).reshape(*array.shape[:-1], len(anchors), -1)[..., best, :]
                for array in theirs[layer]
            )
            if kind == "box":
                kernel, bias = _relative_to(kernel, bias, anchors[best], donor, config)
            found[layer] = [kernel, bias]
    return found


def anchors_left(donor: ModelConfig) -> str:
    """What `plus_weights` leaves behind of the heads that it takes, one line."""
    per_cell = anchors_per_cell(donor)[: NUM_PLUS_MAPS - 1]
    counts = ", ".join(map(str, per_cell))
    return (
        f"of the {counts} anchors in a cell of the first {len(per_cell)} heads one each is taken, "
        "the most like that of ssdlite_plus"
    )


def _relative_to(
    kernel: np.ndarray,
    bias: np.ndarray,
    anchor: np.ndarray,
    donor: ModelConfig,
    config: ModelConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """Deltas of an anchor, its sides in cells, as those of ours (`detector.box_coder`)."""
    ratio = anchor / PLUS_CELLS
    variances, own = (np.array(one.anchors.variances) for one in (donor, config))
    scale = variances / own * np.concatenate([ratio, np.ones(2)])
    shift = np.concatenate([np.zeros(2), np.log(ratio) / own[2:]])
    return kernel * scale, bias * scale + shift
