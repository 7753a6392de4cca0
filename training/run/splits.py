"""What a run is to learn, and what it is measured on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from configs.errors import UserError
from configs.schema import Config
from configs.typed_form import command_name
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.types import Sample
from eval.scoring.eval_set import truth_of

_BY_HEART_STEPS = 400


@dataclass(frozen=True)
class Task:
    """What is to be learnt.

    Attributes:
        training: to learn from; its classes are the model's.
        validation: to choose the best model by, in the same labels.
        classes: of both.
        data: what the validation part is called.
    """

    training: Sequence[Sample]
    validation: Sequence[Sample]
    classes: ClassMap
    data: str

    @classmethod
    def of(cls, training: Dataset, validation: Dataset) -> Task:
        """Of two parts of a data set.

        Raises:
            UserError: there is nothing to learn, or to validate on, or validation has a class
                that training has not.
        """
        classes = training.classes
        task = cls(
            [truth_of(sample, classes, classes) for sample in training],
            [truth_of(sample, validation.classes, classes) for sample in validation],
            classes,
            validation.name,
        )
        counts = task.counts
        if not sum(counts.values()):
            raise UserError(
                f"{training.name} holds no object to learn; see {command_name('training.check')}"
            )
        if not sum(_count(task.validation, classes).values()):
            raise UserError(
                f"{validation.name} holds no object to measure by; "
                f"see {command_name('training.check')}"
            )
        foreign = set(validation.classes.names) - set(classes.names)
        strange = [name for name, count in _count(task.validation, classes).items() if count]
        strange = sorted(foreign) + [name for name in strange if not counts[name]]
        if strange:
            raise UserError(
                f"{validation.name} has classes of which {training.name} holds no object: "
                f"{', '.join(strange)}; check the names and the splits"
            )
        return task

    @property
    def counts(self) -> dict[str, int]:
        """Objects to learn, by class."""
        return _count(self.training, self.classes)

    def overfitting(self, images: int) -> Task:
        """A few images, to be learnt by heart and measured on."""
        with_objects = [sample for sample in self.training if len(sample)][:images]
        return replace(
            self, training=with_objects, validation=with_objects, data=f"{images} learnt by heart"
        )

    @property
    def fingerprint(self) -> str:
        """Of all that is learnt, but for the pixels."""
        digest = hashlib.sha256(json.dumps(self.classes.names).encode())
        for sample in (*self.training, *self.validation):
            digest.update(repr((sample.image_id, sample.height, sample.width)).encode())
            for array in (sample.boxes, sample.labels, sample.is_crowd, sample.is_difficult):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def _count(samples: Sequence[Sample], classes: ClassMap) -> dict[str, int]:
    counts = np.zeros(len(classes), np.int64)
    for sample in samples:
        np.add.at(counts, sample.labels[~(sample.is_crowd | sample.is_difficult)], 1)
    return dict(zip(classes.names, counts.tolist(), strict=True))


def by_heart(config: Config, images: int) -> list[str]:
    """Settings for learning a few images by heart, in about 400 steps."""
    batch_size = min(config.loader.batch_size, images)
    steps = math.ceil(images / batch_size)
    return [
        f"loader.batch_size={batch_size}",
        f"train.epochs={math.ceil(_BY_HEART_STEPS / steps)}",
        f"train.evaluate_every={math.ceil(_BY_HEART_STEPS / 4 / steps)}",
        "train.weight_decay=0",
    ]
