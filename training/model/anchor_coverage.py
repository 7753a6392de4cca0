"""How well the anchors of a model cover the objects of a data set: best IoU and positives."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from configs.schema import ModelConfig
from detector.anchors import model_anchors
from detector.boxes import pairwise_iou
from detector.data.usable import usable
from detector.types import Sample
from training.batches.targets import match

SMALL = 16.0
"""px at the input size: one cell of the finest feature map."""

MATCH_IOU = 0.5
_SIZES = {"under 16": 0.0, "16 to 32": 16.0, "32 to 96": 32.0, "over 96": 96.0}  # from, px
_BATCH = 16  # images


@dataclass(frozen=True, eq=False)
class AnchorCoverage:
    """Every object that is trained on (no crowd, not difficult, usable), against the anchors.

    Attributes:
        config: the name of the model's configuration.
        input_size: px.
        anchors: float32 `(A, 4)`, xyxy in fractions.
        owners: int64 `(M,)`, index of each object's sample among those given.
        boxes: float32 `(M, 4)`, xyxy in fractions.
        best_iou: float32 `(M,)`, with the best anchor.
        positives: int64 `(M,)`, the anchors that training matches to it.
    """

    config: str
    input_size: int
    anchors: np.ndarray
    owners: np.ndarray
    boxes: np.ndarray
    best_iou: np.ndarray
    positives: np.ndarray

    @property
    def unreached(self) -> np.ndarray:
        """Whether no anchor has the IoU of a match: bool `(M,)`."""
        return self.best_iou < MATCH_IOU

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
        edges = itertools.pairwise([*_SIZES.values(), np.inf])
        return [
            self._row(name, (self.side >= start) & (self.side < end))
            for name, (start, end) in zip(_SIZES, edges, strict=True)
        ]

    def _row(self, name: str, inside: np.ndarray) -> SizeRow:
        if not inside.any():
            return SizeRow(name, 0, 0, None, None)
        return SizeRow(
            name,
            int(inside.sum()),
            int(self.unreached[inside].sum()),
            round(float(self.best_iou[inside].mean()), 3),
            round(float(self.positives[inside].mean()), 2),
        )


@dataclass(frozen=True)
class SizeRow:
    """The objects of one range of sizes.

    Attributes:
        name: "16 to 32", px at the input size.
        objects: how many.
        unreached: how many of them no anchor reaches at IoU 0.5.
        mean_best_iou: None without objects.
        mean_positives: anchors matched to each object; None without objects.
    """

    name: str
    objects: int
    unreached: int
    mean_best_iou: float | None
    mean_positives: float | None


def measure_anchor_coverage(
    samples: Sequence[Sample], config: ModelConfig, name: str
) -> AnchorCoverage:
    """Match every object with the anchors, as training will (IoU 0.5, or its best anchor).

    Args:
        samples: in the frame of their images, which can be read.
        config: of the model.
        name: of that configuration.
    """
    from tqdm import tqdm

    anchors = model_anchors(config)
    best, positives = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
    boxes = [_fractions(sample) for sample in samples]
    for start in tqdm(range(0, len(samples), _BATCH), delay=2, desc="matching anchors"):
        batch_best, batch_positives = _best_and_positives(boxes[start : start + _BATCH], anchors)
        best.append(batch_best)
        positives.append(batch_positives)
    return AnchorCoverage(
        name,
        config.input_size,
        anchors,
        np.repeat(np.arange(len(samples)), [len(one) for one in boxes]),
        np.concatenate([np.zeros((0, 4), np.float32), *boxes]),
        np.concatenate(best),
        np.concatenate(positives),
    )


def _fractions(sample: Sample) -> np.ndarray:
    """The boxes that are trained on, in fractions of the image."""
    kept = usable(sample)
    boxes = kept.boxes[~kept.is_crowd & ~kept.is_difficult]
    size = np.array([sample.width, sample.height] * 2, np.float32)
    return (boxes / size).astype(np.float32)


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
