"""A data set in the classes that were chosen: some left out, some taken for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from configs.errors import UserError
from detector.classes import ClassChoice
from detector.data.dataset import Dataset
from detector.data.findings import counted


def class_choice(
    classes: Sequence[str] | None, merges: Iterable[tuple[str, Sequence[str]]] | None
) -> ClassChoice:
    """What `--classes` and `--merge` say (`CommandParser.add_class_choice`).

    Raises:
        UserError: they contradict themselves.
    """
    table: dict[str, tuple[str, ...]] = {}
    for name, names in merges or ():
        table[name] = tuple(dict.fromkeys((*table.get(name, ()), *names)))
    try:
        return ClassChoice(tuple(dict.fromkeys(classes or ())), table)
    except ValueError as error:
        raise UserError(f"--merge: {error}") from error


def choose(dataset: Dataset, choice: ClassChoice) -> Dataset:
    """The data set in the classes chosen; splits stay, and notes say what is merged and dropped.

    Samples are made when asked for. An image that loses all its objects stays, as a negative.

    Raises:
        UserError: it lacks a class that is named.
    """
    if not choice:
        return dataset
    choice.require_known(dataset.classes)
    new = dataset.relabelled(*choice.of(dataset.classes))
    notes = (*dataset.notes, *_merged(dataset, choice), *_dropped(dataset, new))
    return replace(new, notes=notes)


def _merged(dataset: Dataset, choice: ClassChoice) -> Iterable[str]:
    counts = np.bincount(dataset.object_columns().labels, minlength=len(dataset.classes))
    by_name = dict(zip(dataset.classes.names, counts.tolist(), strict=True))
    for target, names in choice.merge.items():
        own = [target] if target in by_name and target not in names else []
        parts = ", ".join(f"{name} ({by_name[name]:,})" for name in (*own, *names))
        yield f"class {target} takes the objects of {parts}"


def _dropped(dataset: Dataset, new: Dataset) -> Iterable[str]:
    before, after = dataset.object_columns(), new.object_columns()
    objects = len(before.labels) - len(after.labels)
    if objects:
        images = ((before.lengths > 0) & (after.lengths == 0)).sum()
        yield (
            f"only {', '.join(new.classes.names)}: {objects:,} objects of other classes are "
            f"dropped, and {counted(int(images), 'image')} without any left kept as negatives"
        )
