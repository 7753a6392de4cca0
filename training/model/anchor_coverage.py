"""How well anchors cover the objects of a data set; k-means for those of the finest feature map.

The official anchors of the finest map are a square of a tenth of the image, and 2:1 and 1:2 twice
as large. Objects of another size are matched badly: their one anchor, forced, overlaps them by less
than half. Where an anchor's centre decides instead (`ssdlite_plus`), what counts is how many lie in
an object.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.schema import AnchorConfig, Config
from detector.anchors import anchors_per_cell, cell_shapes, finest_stride, model_anchors
from detector.boxes import pairwise_iou
from detector.data.usable import usable
from detector.types import Sample
from training.batches.candidates import candidates
from training.batches.targets import match

if TYPE_CHECKING:
    import keras

MATCH_IOU = 0.5
_EDGES = (16, 32, 96)  # px, between the rows of the table
_TAKEN = {"simota": 10, "task_aligned": 13}  # anchors of an object, at most
_TAKEN_BY_ATSS = 9  # likewise, for each anchor of a cell, of each feature map
_BATCH = 16  # images
_SHAPES = 3
_SERVED = 0.5  # IoU with an anchor of a coarser map, both about one centre
_FEWEST = 50  # objects to take shapes from
_GOOD = 0.75  # mean IoU with which anchors may stay as they are
_WORTH = 0.03  # what the mean IoU must gain

Shapes = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, eq=False)
class AnchorCoverage:
    """Every object that is trained on (no crowd, not difficult, usable), against the anchors.

    Attributes:
        config: the name of the model's configuration.
        input_size: px.
        cell: px at the input size, of the finest feature map: what is smaller is hardly found.
        anchors: float32 `(A, 4)`, xyxy in fractions.
        owners: int64 `(M,)`, index of each object's sample among those given.
        boxes: float32 `(M, 4)`, xyxy in fractions.
        best_iou: float32 `(M,)`, with the best anchor; None where training does not go by it.
        positives: int64 `(M,)`, the anchors that training matches to an object; where it chooses
            among those whose centre lies in it, the most that it takes.
    """

    config: str
    input_size: int
    cell: int
    anchors: np.ndarray
    owners: np.ndarray
    boxes: np.ndarray
    best_iou: np.ndarray | None
    positives: np.ndarray

    def __len__(self) -> int:
        """The number of objects, M."""
        return len(self.boxes)

    @property
    def unreached(self) -> np.ndarray:
        """Whether no anchor has the IoU of a match, or its centre in the object: bool `(M,)`."""
        return self.positives == 0 if self.best_iou is None else self.best_iou < MATCH_IOU

    @property
    def small(self) -> np.ndarray:
        """Whether an object is smaller than a cell of the finest map: bool `(M,)`."""
        return self.side < self.cell

    @property
    def sides(self) -> np.ndarray:
        """Width and height, px at the input size: float32 `(M, 2)`."""
        return (self.boxes[:, 2:] - self.boxes[:, :2]) * self.input_size

    @property
    def side(self) -> np.ndarray:
        """The square root of the area, px at the input size: float32 `(M,)`."""
        return np.sqrt(self.sides.prod(axis=1))

    def by_size(self) -> list[SizeRow]:
        """Figures by size of the objects, the smallest first."""
        edges = list(dict.fromkeys((self.cell, *_EDGES)))
        between = [f"{low} to {high}" for low, high in itertools.pairwise(edges)]
        names = [f"under {edges[0]}", *between, f"over {edges[-1]}"]
        places = np.digitize(self.side, edges)
        return [self._row(name, places == place) for place, name in enumerate(names)]

    def _row(self, name: str, inside: np.ndarray) -> SizeRow:
        if not inside.any():
            return SizeRow(name, 0, 0, None, None)
        return SizeRow(
            name,
            int(inside.sum()),
            int(self.unreached[inside].sum()),
            None if self.best_iou is None else round(float(self.best_iou[inside].mean()), 3),
            round(float(self.positives[inside].mean()), 2),
        )


@dataclass(frozen=True)
class SizeRow:
    """The objects of one range of sizes; means are None without objects, or meaning."""

    name: str  # "16 to 32", px at the input size
    objects: int
    unreached: int  # see `AnchorCoverage`
    mean_best_iou: float | None
    mean_positives: float | None  # anchors matched to each object


def measure_anchor_coverage(samples: Sequence[Sample], config: Config, name: str) -> AnchorCoverage:
    """Match every object with the anchors, as training will.

    That is by IoU 0.5 or as the best anchor; or, where the matcher is another, by its centre.

    Args:
        samples: in the frame of their images, which can be read.
        config: of model and loss.
        name: of that configuration.
    """
    from tqdm import tqdm

    anchors = model_anchors(config.model)
    by_iou = config.losses.matcher == "iou"
    best, positives = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
    boxes = []
    for sample in samples:
        size = np.array([sample.width, sample.height] * 2, np.float32)
        boxes.append((_learnt(sample).boxes / size).astype(np.float32))
    for start in tqdm(range(0, len(samples), _BATCH), delay=2, desc="matching anchors"):
        batch = boxes[start : start + _BATCH]
        if by_iou:
            batch_best, batch_positives = _best_and_positives(batch, anchors)
            best.append(batch_best)
        else:
            batch_positives = _most_positives(np.concatenate(batch), config)
        positives.append(batch_positives)
    return AnchorCoverage(
        name,
        config.model.input_size,
        finest_stride(config.model),
        anchors,
        np.repeat(np.arange(len(samples)), [len(one) for one in boxes]),
        np.concatenate([np.zeros((0, 4), np.float32), *boxes]),
        np.concatenate(best) if by_iou else None,
        np.concatenate(positives),
    )


def _most_positives(boxes: np.ndarray, config: Config) -> np.ndarray:
    """How many anchors each object can get, int64 `(M,)`."""
    by_atss = _TAKEN_BY_ATSS * sum(anchors_per_cell(config.model))
    most = _TAKEN.get(config.losses.matcher, by_atss)
    return np.minimum(candidates(boxes, config.model).sum(axis=1), most)


def _learnt(sample: Sample) -> Sample:
    """With the objects that are trained on alone."""
    kept = usable(sample)
    return kept.objects(~(kept.is_crowd | kept.is_difficult))


def _best_and_positives(
    boxes: Sequence[np.ndarray], anchors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Best IoU and number of matched anchors of each object of some images."""
    lengths = [len(of_image) for of_image in boxes]
    padded = np.zeros((len(boxes), max([1, *lengths]), 4), np.float32)
    valid = np.arange(padded.shape[1]) < np.array(lengths)[:, None]
    padded[valid] = np.concatenate(boxes)
    matched = match(padded, valid, anchors, MATCH_IOU)
    positives = [
        np.bincount(row[row >= 0], minlength=length)
        for row, length in zip(matched, lengths, strict=True)
    ]
    best = pairwise_iou(padded[valid], anchors).max(axis=1)
    return best.astype(np.float32), np.concatenate(positives)


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
        float(np.average(centred_iou(sides, one).max(axis=1), weights=weights))
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
        learnt = _learnt(sample)
        boxes = learnt.boxes.astype(np.float64)
        sides.append((boxes[:, 2:] - boxes[:, :2]) / (sample.width, sample.height))
        labels.append(learnt.labels)
    all_sides, all_labels = np.concatenate(sides), np.concatenate(labels)
    small = centred_iou(all_sides, coarser).max(axis=1) < _SERVED
    return all_sides[small], all_labels[small]


def centred_iou(sides: np.ndarray, shapes: np.ndarray) -> np.ndarray:
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
