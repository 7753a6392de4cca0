"""Fixes of a data set as a whole: ids of one image are joined, classes that are none dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.types import Sample
from training.doctor.examine import Examination
from training.doctor.image_checks import Image
from training.doctor.whole_checks import listed_twice, supercategories


def fix_set(examination: Examination, done: Counter[str]) -> Examination:
    """The same data set with each image once, and without classes that are none.

    Args:
        examination: of a data set opened with `details=True`.
        done: takes what was done, and how often.
    """
    return _drop_classes(_join_ids(examination, done), done)


def _join_ids(examination: Examination, done: Counter[str]) -> Examination:
    images, gone = list(examination.images), set[int]()
    for rows in listed_twice(examination.dataset).values():
        first = rows[0]
        samples = [images[row].sample for row in rows]
        images[first] = replace(images[first], sample=_joined(samples))
        gone.update(rows[1:])
    done["ids of one image joined to the first"] += len(gone)
    return _with(examination, images, gone, examination.dataset.classes)


def _joined(samples: Sequence[Sample]) -> Sample:
    """The first sample with the objects of them all."""
    columns = ("boxes", "labels", "is_crowd", "is_difficult", "is_ignore", "areas")
    return replace(
        samples[0],
        own_xywh=None,
        **{name: np.concatenate([getattr(one, name) for one in samples]) for name in columns},
        elements=tuple(element for one in samples for element in one.elements),
        details=tuple(details for one in samples for details in one.details),
    )


def _drop_classes(examination: Examination, done: Counter[str]) -> Examination:
    classes = examination.dataset.classes
    dropped = supercategories(examination.dataset).keys()
    keep = [label for label, name in enumerate(classes.names) if name not in dropped]
    if not dropped or not keep:
        return examination
    done["classes dropped that only group others"] += len(dropped)
    new_label = np.zeros(len(classes), np.int64)
    new_label[keep] = np.arange(len(keep))
    images = [
        replace(image, sample=replace(image.sample, labels=new_label[image.sample.labels]))
        for image in examination.images
    ]
    kept = ClassMap(
        tuple(classes.names[label] for label in keep),
        tuple(classes.category_ids[label] for label in keep),
    )
    return _with(examination, images, set(), kept)


def _with(
    examination: Examination, images: Sequence[Image], gone: set[int], classes: ClassMap
) -> Examination:
    """The same with other images, some of them left out, and other classes."""
    keep = [index for index in range(len(images)) if index not in gone]
    new_index = {old: new for new, old in enumerate(keep)}
    splits = {
        name: np.array([new_index[row] for row in rows.tolist() if row in new_index], np.int64)
        for name, rows in examination.dataset.splits.items()
    }
    kept = [images[index] for index in keep]
    samples = [image.sample for image in kept]
    dataset: Dataset = replace(examination.dataset, samples=samples, splits=splits, classes=classes)
    return replace(examination, dataset=dataset, images=kept)
