"""The training and validation splits of a run."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from configs.errors import UserError
from configs.schema import Config
from configs.typed_form import command_name
from detector.data.dataset import Dataset

_OVERFIT_STEPS = 400

NEGATIVES = "--negatives/"
"""What the names of images without objects that were added begin with, in the record of a run."""


def train_val(training: Dataset, validation: Dataset) -> tuple[Dataset, Dataset]:
    """The two splits of a run in one set of labels, that of training.

    Raises:
        UserError: there is nothing to learn, or to validate on, or validation has a class that
            training has not.
    """
    counts, there = training.object_counts(), validation.object_counts()
    check = command_name("training.check")
    if not sum(counts.values()):
        raise UserError(f"{training.name} holds no object to learn; see {check}")
    if not sum(count for name, count in there.items() if name in counts):
        raise UserError(f"{validation.name} holds no object to measure by; see {check}")
    strange = sorted(there.keys() - counts.keys())
    strange += [name for name in counts if there.get(name) and not counts[name]]
    if strange:
        raise UserError(
            f"{validation.name} has classes of which {training.name} holds no object: "
            f"{', '.join(strange)}; check the names and the splits"
        )
    return training, validation.in_classes(training.classes)


def open_splits(
    dataset: Dataset, exact: Mapping[str, Sequence[str]] | None, learnt: Mapping[str, bool]
) -> Dataset:
    """A data set with its splits; without any, with those of a run, or with new ones.

    Args:
        dataset: to be split.
        exact: the record of the run that is resumed, if there is one.
        learnt: images of the run that this one starts from, as `learnt_by` has them.

    Raises:
        UserError: there is nothing to learn or to validate by.
    """
    if not dataset.splits:
        return dataset.as_listed(_own(exact)) if exact else dataset.with_splits(learnt)
    if learnt and not exact:
        val = dataset.split("val")
        again = [name for name in val.image_names() if learnt.get(name) is False]
        if again:
            note = (
                f"{len(again):,} of the {len(val):,} images of {val.name} were learnt by the run "
                "that this one starts from: figures will be too good"
            )
            return replace(dataset, notes=(*dataset.notes, note))
    return dataset


def split_lists(
    training: Dataset, validation: Dataset, negatives: str | None = None
) -> dict[str, list[str]]:
    """Names of the images of a run by part, for its record.

    Args:
        training: images to learn from.
        validation: images to choose the best model by.
        negatives: the folder of those without objects that were added, whose names say so: they
            are not relative to the data set, which may be moved without them.
    """
    parts = {"train": training, "val": validation}
    return {part: _listed(dataset, negatives) for part, dataset in parts.items()}


def _listed(dataset: Dataset, negatives: str | None) -> list[str]:
    names = dataset.image_names()
    if negatives is not None:
        paths = [sample.path for sample in dataset]
        names = [
            f"{NEGATIVES}{path.relative_to(negatives).as_posix()}"
            if path.is_relative_to(negatives)
            else name
            for path, name in zip(paths, names, strict=True)
        ]
    return list(dict.fromkeys(names))  # tiles have the name of their image


def _own(parts: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Of a run's record, the names of the data set's own images."""
    return {
        part: [name for name in names if not name.startswith(NEGATIVES)]
        for part, names in parts.items()
    }


def to_overfit(training: Dataset, images: int) -> tuple[Dataset, Dataset]:
    """The first images with objects, as both splits: a sanity check."""
    chosen = list(itertools.islice((sample for sample in training if len(sample)), images))
    few = replace(training, samples=chosen, splits={})
    return few, replace(few, name=f"{images} images to overfit")


def overfit_settings(config: Config, images: int) -> list[str]:
    """Settings for overfitting a few images, in about 400 steps."""
    batch_size = min(config.loader.batch_size, images)
    steps = math.ceil(images / batch_size)
    return [
        f"loader.batch_size={batch_size}",
        f"train.epochs={math.ceil(_OVERFIT_STEPS / steps)}",
        f"train.evaluate_every={math.ceil(_OVERFIT_STEPS / 4 / steps)}",
        "train.weight_decay=0",
        "train.input_sizes=[]",
        "augment.mosaic_probability=0",
        "loader.repeat_threshold=0",
    ]


def fingerprint(training: Dataset, validation: Dataset) -> str:
    """A digest of all that is learnt, but for the pixels."""
    digest = hashlib.sha256(json.dumps(training.classes.names).encode())
    for sample in itertools.chain(training, validation):
        digest.update(repr((sample.image_id, sample.height, sample.width)).encode())
        for array in (sample.boxes, sample.labels, sample.is_crowd, sample.is_difficult):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
