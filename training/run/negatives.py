"""Images without objects that are added to a run, so that it learns what is none of its classes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from configs.errors import UserError
from detector.data.dataset import Dataset
from detector.data.findings import counted
from detector.data.lazy_samples import Relabelled
from detector.data.splitting.auto_split import automatic_splits
from detector.digests import digest_of
from detector.images import images_below, read_header
from detector.threads import in_threads
from detector.types import Sample
from training.run.splits import NEGATIVES


def with_negatives(
    training: Dataset, validation: Dataset, folder: Path, before: Mapping[str, bool]
) -> tuple[Dataset, Dataset, list[str]]:
    """The two splits of a run with the images of a folder, none of which shows an object.

    They are split as a data set without splits is, so that AP counts what is found on images
    without objects, and no validation image looks like one to learn from.

    Args:
        training: images to learn from.
        validation: images to choose the best model by, in the same labels.
        folder: of the images, in it and in the folders below.
        before: whether an image validated, by its name in the record of the run that goes on, or
            that this one starts from; it stays on its side.

    Returns:
        both, and what the user is to be told.

    Raises:
        UserError: there is no such folder, it holds no image that can be read, or one that is of
            the data set already.
    """
    if not folder.is_dir():
        raise UserError(f"no such folder of images without objects: {folder}")
    paths = sorted(images_below(folder))
    if not paths:
        raise UserError(f"{folder} holds no image; name a folder of images without objects")
    _require_new(paths, [training, validation], folder)
    samples, failures = _samples(paths, folder)
    if not samples:
        raise UserError(f"none of the images of {folder} can be read: {failures[0]}")
    names = [str(sample.image_id) for sample in samples]
    placed = {name: before[key] for name in names if (key := f"{NEGATIVES}{name}") in before}
    is_val = automatic_splits(samples, names, placed).is_val
    learnt, measured = ([samples[i] for i in np.flatnonzero(side)] for side in (~is_val, is_val))
    notes = [
        f"{len(samples):,} images without objects from {folder}: {len(learnt):,} to learn from, "
        f"{len(measured):,} to validate"
    ]
    if failures:
        said = f"cannot be read, and {'is' if len(failures) == 1 else 'are'} left out"
        notes.append(f"{counted(len(failures), 'image')} of {folder} {said}: {failures[0]}")
    name = f"{validation.name} with {counted(len(measured), 'image')} without objects"
    return _joined(training, learnt), replace(_joined(validation, measured), name=name), notes


def without_objects(dataset: Dataset) -> int:
    """The images of a data set that show no object."""
    return int((dataset.object_columns().lengths == 0).sum())


def lacks_negatives(classes: int, empty: int) -> str:
    """What comes of a single class without any negative; "" where that is not so.

    Args:
        classes: of the run.
        empty: images to learn from that show no object.
    """
    if classes > 1 or empty:
        return ""
    return (
        "one class, and no image without it: what is like it will be found under its name too, "
        "with high scores; add images of other things, by --negatives FOLDER for instance"
    )


def _samples(paths: Sequence[Path], folder: Path) -> tuple[list[Sample], list[UserError]]:
    found = list(in_threads(lambda path: _sample(path, folder), paths))
    samples = [one for one in found if isinstance(one, Sample)]
    return samples, [one for one in found if isinstance(one, UserError)]


def _sample(path: Path, folder: Path) -> Sample | UserError:
    try:
        header = read_header(path)
    except UserError as error:
        return error
    nothing = np.zeros(0, bool)
    return Sample(
        path.relative_to(folder).as_posix(),
        path,
        header.height,
        header.width,
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
        nothing,
        nothing,
    )


def _joined(dataset: Dataset, more: Sequence[Sample]) -> Dataset:
    same = np.arange(len(dataset.classes))
    return replace(dataset, samples=Relabelled([dataset.samples, more], [same, same]))


def _require_new(paths: Iterable[Path], datasets: Sequence[Dataset], folder: Path) -> None:
    """Show that none of the images, or an equal copy of one, is annotated already."""
    by_size: dict[int, list[Path]] = {}
    for path in paths:
        with contextlib.suppress(OSError):  # whoever reads it says why
            by_size.setdefault(path.stat().st_size, []).append(path)
    again = []
    for sample in (sample for dataset in datasets for sample in dataset):
        with contextlib.suppress(OSError):
            alike = by_size.get(sample.path.stat().st_size, [])
            digest = digest_of(sample.path) if alike else ""
            again += [path for path in alike if digest_of(path) == digest]
    if again:
        there = len(set(again))
        raise UserError(
            f"{counted(there, 'image')} of {folder} {'is' if there == 1 else 'are'} in the data "
            f"set already, such as {again[0]}; take {'it' if there == 1 else 'them'} out"
        )
