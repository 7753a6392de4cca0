"""Fit the anchors of the finest feature map to the small objects of a data set, by k-means.

The official ones are a square of a tenth of the image, and 2:1 and 1:2 twice as large. Objects
of another size are then matched badly: their one anchor, forced, overlaps them by less than half.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.schema import AnchorConfig
from detector.anchors import cell_shapes
from detector.data.usable import usable
from detector.types import Sample

if TYPE_CHECKING:
    import keras

_SHAPES = 3
_SERVED = 0.5  # IoU with an anchor of a coarser map, both about one centre
_FEWEST = 50  # objects to take shapes from
_GOOD = 0.75  # mean IoU with which anchors may stay as they are
_WORTH = 0.03  # what the mean IoU must gain

Shapes = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


def fit_finest_anchors(
    samples: Sequence[Sample], config: AnchorConfig, seed: int
) -> tuple[Shapes, float, float] | None:
    """Shapes for the finest map, by k-means over the objects that no coarser map serves.

    Every class weighs the same, however many objects it has.

    Args:
        samples: to be learnt.
        config: the anchors as they are.
        seed: of k-means.

    Returns:
        width and height of three anchors, in fractions, each in the place of the one it is most
        like; and the mean IoU of these objects with their best shape, before and after. None
        where there are few such objects, or little to gain.
    """
    from sklearn.cluster import KMeans

    finest, *coarser = cell_shapes(config)
    sides, labels = _small_objects(samples, np.concatenate(coarser))
    if len(sides) < _FEWEST:
        return None
    weights = 1.0 / np.bincount(labels)[labels]
    repeats: Any = 10  # declared a str
    means = KMeans(_SHAPES, n_init=repeats, random_state=seed)
    centres = np.exp(means.fit(np.log(sides), sample_weight=weights).cluster_centers_)
    shapes = _in_place_of(finest, centres)
    before, after = (
        float(np.average(_centred_iou(sides, one).max(axis=1), weights=weights))
        for one in (finest, shapes)
    )
    if before > _GOOD or after - before < _WORTH:
        return None
    a, b, c = ((round(float(w), 4), round(float(h), 4)) for w, h in shapes)
    return (a, b, c), before, after


def move_finest_anchors(network: keras.Model, old: AnchorConfig, new: AnchorConfig) -> None:
    """Make a detector's boxes the same with other shapes of the finest map's anchors.

    What it predicts are offsets from the anchors (`detector.box_coder`): those of the centre are
    in units of the anchor's size, those of the size are logarithms of the ratio to it.

    Args:
        network: whose weights are of `old`; afterwards of `new`.
        old: its anchors so far.
        new: likewise; it differs in the finest map alone.
    """
    ratio = cell_shapes(old)[0] / cell_shapes(new)[0]  # (K, 2)
    conv: Any = network.get_layer("head_0_box_conv")
    kernel, bias = (np.array(weight, np.float64) for weight in conv.get_weights())
    kernel = kernel.reshape(*kernel.shape[:-1], len(ratio), 4)
    bias = bias.reshape(len(ratio), 4)
    kernel[..., :2] *= ratio
    bias[:, :2] *= ratio
    bias[:, 2:] += np.log(ratio) / np.array(new.variances[2:])
    conv.set_weights([kernel.reshape(conv.kernel.shape), bias.reshape(-1)])


def _small_objects(samples: Sequence[Sample], coarser: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Width and height, in fractions, and label of the objects that no coarser shape serves."""
    sides, labels = [np.zeros((0, 2))], [np.zeros(0, np.int64)]
    for sample in samples:
        kept = usable(sample)
        learnt = ~(kept.is_crowd | kept.is_difficult)
        boxes = kept.boxes[learnt].astype(np.float64)
        sides.append((boxes[:, 2:] - boxes[:, :2]) / (sample.width, sample.height))
        labels.append(kept.labels[learnt])
    all_sides, all_labels = np.concatenate(sides), np.concatenate(labels)
    small = _centred_iou(all_sides, coarser).max(axis=1) < _SERVED
    return all_sides[small], all_labels[small]


def _centred_iou(sides: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """IoU of boxes about one centre: `(N, 2)` and `(K, 2)` give `(N, K)`."""
    shared = np.minimum(sides[:, None], shapes).prod(axis=-1)
    return shared / (sides.prod(axis=-1)[:, None] + shapes.prod(axis=-1) - shared)


def _in_place_of(finest: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The centres in the order in which they are most like the shapes they replace."""
    orders = itertools.permutations(range(len(centres)))
    return min(
        (centres[list(order)] for order in orders),
        key=lambda shapes: float(np.abs(np.log(shapes / finest)).sum()),
    )
