"""The evaluation set: images with ground truth and a model's detections, in one class map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.coco.write_coco import bboxes
from detector.data.dataset import Dataset
from detector.data.findings import counted
from detector.data.write import has_own_area
from detector.types import Detections, Sample


@dataclass(frozen=True, eq=False)
class EvalImage:
    """One image.

    Attributes:
        sample: its objects of the evaluated classes, in the frame of their annotation; labels are
            indices into `EvalSet.classes`.
        detections: likewise, best first.
    """

    sample: Sample
    detections: Detections

    @property
    def is_counted(self) -> np.ndarray:
        """The objects that are to be found, no crowd and not difficult: bool `(N,)`.

        COCO's `ignore` is no reason: pycocotools overwrites it by `iscrowd`.
        """
        sample = self.sample
        return ~(sample.is_crowd | (sample.is_difficult & ~sample.is_ignore))

    @cached_property
    def truth_xywh(self) -> np.ndarray:
        """The boxes of the objects as a COCO JSON holds them: float64 `(N, 4)`."""
        return bboxes(self.sample)

    @cached_property
    def truth_areas(self) -> np.ndarray:
        """Square pixels of the objects: float64 `(N,)`; of those boxes where none is given."""
        sample = self.sample
        if sample.own_xywh is not None:
            return sample.areas
        return np.where(has_own_area(sample), sample.areas, self.truth_xywh[:, 2:].prod(axis=1))


@dataclass(frozen=True, eq=False)
class EvalSet:
    """A data set with a model's detections.

    Attributes:
        name: of the model.
        data: of the data set.
        classes: those evaluated, with the data set's category ids.
        images: in the order of the data set.
        settings: everything that a figure depends on, to be printed with it.
        training_objects: objects of each class in training, where the model says so.
    """

    name: str
    data: str
    classes: ClassMap
    images: Sequence[EvalImage]
    settings: Mapping[str, Any]
    training_objects: Mapping[str, int] | None = None


def shared_classes(
    model: ClassMap | None, data: ClassMap, chosen: Sequence[str] | None = None
) -> ClassMap:
    """The classes to evaluate: those of the data set that the model knows, or those chosen.

    Args:
        model: None where detections come from a file.
        data: of the data set, whose order and category ids count.
        chosen: names.

    Raises:
        UserError: none is left, or a chosen one is not in the data set.
    """
    if chosen:
        data.labels_of(chosen)  # raises for an unknown one
    known = set(data.names if model is None else model.names)
    keep = [i for i, name in enumerate(data.names) if name in (chosen or known)]
    if not keep:
        theirs = ", ".join(data.names[:5])
        ours = ", ".join(model.names[:5] if model else ())
        raise UserError(f"model ({ours}, ...) and data set ({theirs}, ...) share no class")
    return ClassMap(tuple(data.names[i] for i in keep), tuple(data.category_ids[i] for i in keep))


def relabel(labels: np.ndarray, old: ClassMap, new: ClassMap) -> np.ndarray:
    """Labels `(N,)` of `old` in `new`, by name: int64 `(N,)`, -1 where it lacks the class."""
    return _new_labels(old, new)[labels]


def _new_labels(old: ClassMap, new: ClassMap) -> np.ndarray:
    of_name = {name: label for label, name in enumerate(new.names)}
    return np.array([of_name.get(name, -1) for name in old.names], np.int64)


def truth_of(sample: Sample, old: ClassMap, new: ClassMap) -> Sample:
    """A sample with its objects of the classes of `new` alone, in its labels."""
    return sample.relabelled(_new_labels(old, new))


def in_classes(
    found: Iterable[tuple[Sample, Detections]], truth: ClassMap, model: ClassMap, new: ClassMap
) -> list[EvalImage]:
    """Samples and detections with the classes of `new` alone, in its labels."""
    images = []
    for sample, detections in found:
        labels = relabel(detections.labels, model, new)
        kept = replace(detections, labels=labels)[labels >= 0]
        images.append(EvalImage(truth_of(sample, truth, new), kept))
    return images


def make_eval_set(
    name: str,
    dataset: Dataset,
    found: Sequence[tuple[Sample, Detections]],
    model: ClassMap,
    classes: ClassMap,
    settings: Mapping[str, Any],
    training_objects: Mapping[str, int] | None = None,
) -> EvalSet:
    """Bring a data set and a model's detections into one class map.

    Of the model are `name`, `settings`, `training_objects` and the class map `model` of what was
    `found`: each sample in the frame of its image, with its detections. `classes` are scored.

    Raises:
        UserError: no image holds an object of these classes that counts.
    """
    images = in_classes(found, dataset.classes, model, classes)
    if not any(image.is_counted.any() for image in images):
        names = ", ".join(classes.names[:5])
        raise UserError(f"{dataset.name}: holds no object of the classes to score ({names})")
    settings = {**settings, "classes": len(classes), "images": len(images), **_about_marks(images)}
    return EvalSet(name, dataset.name, classes, images, settings, training_objects)


def _about_marks(images: Sequence[EvalImage]) -> dict[str, str]:
    """The settings that say what becomes of marked objects; none where no object is."""
    samples = [image.sample for image in images]
    ignore = sum(int(one.is_ignore.sum()) for one in samples)
    difficult = sum(int(one.is_difficult.sum()) for one in samples) - ignore
    said = {
        "difficult": (difficult, "counting neither way; pycocotools knows no such mark"),
        "ignore": (ignore, "counting like any other, as with pycocotools"),
    }
    return {mark: f"{counted(n, 'object')} {what}" for mark, (n, what) in said.items() if n}
