"""What is wrong with a data set as a whole, by its annotations alone: no image is decoded.

Single findings do not tell: that nothing can be learnt, that boxes are of another form than the
file's, that labels lie where nobody looks, that an image is listed twice, or that a class is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from configs.errors import UserError
from detector.data.coco.coco_file import decode
from detector.data.dataset import Dataset
from detector.data.findings import KINDS, Finding, counted
from detector.data.json_file import read_json
from training.doctor.box_form import check_box_form
from training.doctor.label_places import check_label_places
from training.doctor.resized import check_resized

_SHOWN = 4  # names in a message
_LOST = (
    "bad-object",
    "unknown-class",
    "dangling-id",
    "unreadable-annotation",
    "missing-picture",
)  # kinds of findings by which a reader leaves objects out


def check_whole(dataset: Dataset) -> list[Finding]:
    """What costs next to nothing, so that training can tell of it too."""
    return [
        *check_learnable(dataset),
        *check_label_places(dataset),
        *check_box_form(dataset),
        *check_resized(dataset),
        *check_supercategories(dataset),
    ]


def check_learnable(dataset: Dataset) -> list[Finding]:
    """Whether any object, and any object of each class, counts in training."""
    objects, names = dataset.object_columns(), dataset.classes.names
    count, ignored = len(objects.labels), int(objects.is_ignored.sum())
    if count == ignored:
        return [nothing_to_learn(dataset, _why_nothing(dataset, count))]
    of_class = np.bincount(objects.labels, minlength=len(names))
    left = np.bincount(objects.labels[~objects.is_ignored], minlength=len(names))
    return [
        Finding(
            KINDS["unlearnable-class"],
            dataset.path,
            f"class {names[label]!r}",
            f"all of its {counted(int(of_class[label]), 'object')} are crowds or difficult; clear "
            "iscrowd or difficult where an object should be learnt",
        )
        for label in np.flatnonzero((of_class > 0) & (left == 0)).tolist()
    ]


def nothing_to_learn(dataset: Dataset, why: str) -> Finding:
    """The finding that no object can be learnt."""
    return Finding(KINDS["nothing-to-learn"], dataset.path, "", why)


def _why_nothing(dataset: Dataset, count: int) -> str:
    if count:
        return (
            f"all of its {counted(count, 'object')} are crowds or difficult, which training "
            "ignores; clear iscrowd or difficult where an object should be learnt"
        )
    lost = [finding for finding in dataset.findings if finding.kind.name in _LOST]
    if lost:
        place = ": ".join(filter(None, (lost[0].path.name, lost[0].element)))
        return f"{len(lost):,} could not be read, such as {place}: {lost[0].message}"
    return "no image has an object; annotate some, or point at the folder with the annotations"


def check_listed_twice(dataset: Dataset) -> list[Finding]:
    """Images that one annotation file lists under several ids."""
    findings = []
    for path, rows in listed_twice(dataset).items():
        ids = [str(dataset[row].image_id) for row in rows]
        counts = " and ".join(str(len(dataset[row])) for row in rows)
        message = f"stands under the ids {', '.join(ids)}, with {counts} objects"
        findings.append(Finding(KINDS["listed-twice"], path, "", message))
    return findings


def listed_twice(dataset: Dataset) -> dict[Path, list[int]]:
    """Indices of the samples of each image that one annotation file lists under several ids."""
    rows_of: dict[tuple[Path | None, Path], list[int]] = defaultdict(list)
    for row, sample in enumerate(dataset):
        rows_of[sample.source, sample.path].append(row)
    return {
        path: rows
        for (_, path), rows in rows_of.items()
        if len(rows) > 1 and len({dataset[row].image_id for row in rows}) == len(rows)
    }


class _Category(msgspec.Struct):
    name: Any = None
    supercategory: Any = None


class _Categories(msgspec.Struct):
    categories: list[_Category]


def check_supercategories(dataset: Dataset) -> list[Finding]:
    """Classes of COCO JSONs that have no object, and only name a group of others."""
    findings = []
    for name, members in supercategories(dataset).items():
        shown = ", ".join(map(repr, members[:_SHOWN])) + (", ..." if len(members) > _SHOWN else "")
        message = f"has no object, and is the supercategory of {shown}"
        kind = KINDS["supercategory-class"]
        findings.append(Finding(kind, dataset.path, f"class {name!r}", message))
    return findings


def supercategories(dataset: Dataset) -> dict[str, list[str]]:
    """The names of the members by the name of each class without objects that groups others."""
    used = np.bincount(dataset.object_columns().labels, minlength=len(dataset.classes))
    empty = {name for name, count in zip(dataset.classes.names, used, strict=True) if not count}
    if not empty:
        return {}
    groups: dict[str, dict[str, None]] = defaultdict(dict)  # in order, each once
    for category in _categories(_sources(dataset)):
        name, group = category.name, category.supercategory
        if type(name) is type(group) is str and group in empty and name != group:
            groups[group][name] = None
    return {group: [*members] for group, members in groups.items()}


def _sources(dataset: Dataset) -> list[Path]:
    """The JSON files that a data set came from."""
    if dataset.path.suffix.lower() == ".json":
        return [dataset.path]
    sources = dict.fromkeys(sample.source for sample in dataset)
    return [path for path in sources if path and path.suffix.lower() == ".json"]


def _categories(sources: Iterable[Path]) -> list[_Category]:
    found: list[_Category] = []
    for path in sources:
        try:
            found += decode(path, read_json(path), _Categories).categories
        except UserError:  # a JSON of another form
            continue
    return found
