"""What training is given: one loaded image, and a batch of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Example:
    """One image, ready for a batch.

    Attributes:
        index: of its sample; not the one asked for where that could not be read.
        image: uint8 `(S, S, 3)`, RGB.
        boxes_fraction: float32 `(M, 4)`, xyxy in fractions, inside and of positive area.
        labels: int64 `(M,)`.
        is_ignored: bool `(M,)`, crowds and difficult objects.
    """

    index: int
    image: np.ndarray
    boxes_fraction: np.ndarray
    labels: np.ndarray
    is_ignored: np.ndarray


@dataclass(frozen=True, eq=False)
class Batch:
    """Images and objects, padded to shapes that never change.

    Attributes:
        images: uint8 `(B, S, S, 3)`, RGB.
        boxes_fraction: float32 `(B, N, 4)`, xyxy; padded with 0.
        labels: int64 `(B, N)`; padded with -1.
        is_ignored: bool `(B, N)`, crowds and difficult objects; False where padded.
        indices: int64 `(B,)`, of the samples.
    """

    images: np.ndarray
    boxes_fraction: np.ndarray
    labels: np.ndarray
    is_ignored: np.ndarray
    indices: np.ndarray


def collate(examples: Sequence[Example], max_objects: int) -> Batch:
    """A batch of examples, none of which has more than `max_objects` objects."""
    shape = (len(examples), max_objects)
    batch = Batch(
        images=np.stack([example.image for example in examples]),
        boxes_fraction=np.zeros((*shape, 4), np.float32),
        labels=np.full(shape, -1, np.int64),
        is_ignored=np.zeros(shape, bool),
        indices=np.array([example.index for example in examples]),
    )
    for row, example in enumerate(examples):
        count = len(example.labels)
        batch.boxes_fraction[row, :count] = example.boxes_fraction
        batch.labels[row, :count] = example.labels
        batch.is_ignored[row, :count] = example.is_ignored
    return batch
