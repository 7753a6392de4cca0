"""Samples that are made when asked for, and what they hold without being made.

Of COCO's train2017, 118,287 `Sample` objects take ten times the memory of the arrays that they are
made from, and seconds to make.
"""

from __future__ import annotations

import abc
import itertools
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from detector.types import Sample


class ObjectColumns(NamedTuple):
    """The objects of many samples in flat arrays, in the order of the samples."""

    labels: np.ndarray  # int64 `(M,)`
    is_ignored: np.ndarray  # bool `(M,)`, crowds and difficult objects
    lengths: np.ndarray  # int64, objects of each sample


class LazySamples(Sequence[Sample], abc.ABC):
    """Samples that are made when asked for, and can say what they hold without being made."""

    @abc.abstractmethod
    def object_columns(self) -> ObjectColumns:
        """The objects of all samples."""


def object_columns(samples: Sequence[Sample]) -> ObjectColumns:
    """Labels and flags of all objects; samples that are made when asked for need not be made."""
    if isinstance(samples, LazySamples):
        return samples.object_columns()
    labels = [sample.labels for sample in samples]
    ignored = [sample.is_crowd | sample.is_difficult for sample in samples]
    lengths = np.array([len(sample) for sample in samples], np.int64)
    nothing = np.zeros(0, np.int64)
    return ObjectColumns(
        np.concatenate([nothing, *labels]), np.concatenate([nothing > 0, *ignored]), lengths
    )


class Selection(LazySamples):
    """Some of the samples, by index, without making them."""

    def __init__(self, samples: Sequence[Sample], indices: np.ndarray) -> None:
        self._samples, self._indices = samples, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any) -> Any:
        return self._samples[int(self._indices[index])]

    def object_columns(self) -> ObjectColumns:
        """The objects of the samples chosen."""
        whole = object_columns(self._samples)
        lengths = whole.lengths[self._indices]
        starts = (np.cumsum(whole.lengths) - whole.lengths)[self._indices]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        rows = np.repeat(starts, lengths) + within
        return ObjectColumns(whole.labels[rows], whole.is_ignored[rows], lengths)


class Relabelled(LazySamples):
    """The samples of several data sets, one after the other, in one set of labels.

    Args:
        parts: their samples.
        new_labels: of each int64 `(C,)`, the new label of each of its own; -1 drops its objects.
    """

    def __init__(self, parts: Sequence[Sequence[Sample]], new_labels: Sequence[np.ndarray]) -> None:
        self._parts, self._new_labels = parts, new_labels
        self._differ = [not np.array_equal(new, np.arange(len(new))) for new in new_labels]
        self._ends = list(itertools.accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: Any) -> Any:
        index = range(len(self))[index]
        part = bisect_right(self._ends, index)
        sample = self._parts[part][index - self._ends[part] + len(self._parts[part])]
        return sample.relabelled(self._new_labels[part]) if self._differ[part] else sample

    def object_columns(self) -> ObjectColumns:
        """The objects of the data sets, one after the other, in the new labels."""
        pairs = zip(self._parts, self._new_labels, strict=True)
        parts = [_relabelled(object_columns(part), new) for part, new in pairs]
        return ObjectColumns(*map(np.concatenate, zip(*parts, strict=True)))


def _relabelled(columns: ObjectColumns, new_labels: np.ndarray) -> ObjectColumns:
    labels = new_labels[columns.labels]
    kept = labels >= 0
    ends = np.cumsum(columns.lengths)
    before = np.concatenate([[0], np.cumsum(kept)])
    lengths = before[ends] - before[ends - columns.lengths]
    return ObjectColumns(labels[kept], columns.is_ignored[kept], lengths)
