"""Checks of a whole set: splits, class names and balance, coverage by anchors."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from configs.schema import Config
from detector.data.dataset import Dataset, find_split, is_union
from detector.data.findings import KINDS, Finding, counted
from detector.types import Sample
from training.model.anchor_coverage import AnchorCoverage
from training.model.object_limits import over_limits

_FEW = 10  # objects of a class
_RARE = 100  # times fewer than the most frequent class
_ALIKE = 0.85  # difflib's ratio: racoon and raccoon 0.92, car and cars 0.86, mouse and horse 0.8
_SLIP = 0.1  # of the other's objects: two real classes of like names are both used
_MANY_SMALL = 0.1  # of the objects


def check_splits(dataset: Dataset) -> list[Finding]:
    """Images that the same file gives to more than one split."""
    splits_of: dict[Path, list[str]] = defaultdict(list)
    for name, indices in parts(dataset).items():
        for path in dict.fromkeys(dataset[int(index)].path for index in indices):
            splits_of[path].append(name)
    return [
        Finding(KINDS["split-overlap"], path, "", f"stands in {' and '.join(names)}")
        for path, names in splits_of.items()
        if len(names) > 1
    ]


def parts(dataset: Dataset) -> Mapping[str, np.ndarray]:
    """The splits that exclude each other: without those that join others.

    A `trainval` with a train or a val beside it is one of these, even if it lacks some of their
    images; without (VOC2007 comes as trainval and test) it is a split as any other.
    """
    splits = {name: rows.tolist() for name, rows in dataset.splits.items()}
    joined = {name for name in splits if is_union(name, splits)}
    if find_split("train", splits) not in (None, "trainval") or find_split("val", splits):
        joined |= {name for name in splits if name.lower() == "trainval"}
    return {name: rows for name, rows in dataset.splits.items() if name not in joined}


def check_names(dataset: Dataset) -> list[Finding]:
    """Report names that differ from a more frequent one in case and spaces, or by a slip."""
    names, counts = dataset.classes.names, count_objects(dataset.samples, len(dataset.classes))
    findings = []
    for label, name in enumerate(names):
        other = _meant(label, names, counts)
        if other is None:
            continue
        has = counted(int(counts[label]), "object")
        message = f"{has}; did you mean {names[other]!r}, which has {counts[other]:,}?"
        findings.append(
            Finding(KINDS["suspect-class-name"], dataset.path, f"class {name!r}", message)
        )
    return findings


def count_objects(samples: Iterable[Sample], num_classes: int) -> np.ndarray:
    """Objects of each class, crowds left out: int64 `(C,)`."""
    counts = np.zeros(num_classes, np.int64)
    for sample in samples:
        counts += np.bincount(sample.labels[~sample.is_crowd], minlength=num_classes)
    return counts


def _meant(label: int, names: Sequence[str], counts: np.ndarray) -> int | None:
    """The label of the name that was meant; None if this one seems right."""
    folded = _fold(names[label])
    order: list[int] = np.argsort(-counts, kind="stable").tolist()
    frequent = order[: order.index(label)]
    for other in frequent:
        if _fold(names[other]) == folded:
            return other
    if not counts[label]:  # named, but not used: a list of classes may hold anything
        return None
    frequent = [other for other in frequent if counts[label] <= _SLIP * counts[other]]
    return next((other for other in frequent if _is_slip(folded, _fold(names[other]))), None)


def _is_slip(name: str, other: str) -> bool:
    if re.findall(r"\d+", name) != re.findall(r"\d+", other):  # "level 1" is not "level 2"
        return False
    return difflib.SequenceMatcher(None, name, other, autojunk=False).ratio() >= _ALIKE


def _fold(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", name).strip().casefold()


def check_balance(dataset: Dataset) -> list[Finding]:
    """Classes with few objects, with none, or with none in one of the splits."""
    names, path = dataset.classes.names, dataset.path
    counts = count_objects(dataset.samples, len(names))
    enough = max(_FEW, -(-int(counts.max()) // _RARE))
    findings = []
    for label, count in enumerate(counts.tolist()):
        element = f"class {names[label]!r}"
        if not count:
            findings.append(Finding(KINDS["class-without-objects"], path, element, "has no object"))
        elif count < enough:
            has = counted(count, "object")
            message = f"has {has}, where the most frequent class has {counts.max():,}"
            findings.append(Finding(KINDS["class-imbalance"], path, element, message))
    for split, rows in dataset.splits.items():
        inside = count_objects((dataset[int(row)] for row in rows), len(names))
        for label in np.flatnonzero((inside == 0) & (counts > 0)).tolist():
            message = f"has no object in {split}, {counts[label]} in all"
            element = f"class {names[label]!r}"
            findings.append(Finding(KINDS["class-missing-in-split"], path, element, message))
    return findings


def check_anchors(dataset: Dataset, coverage: AnchorCoverage) -> list[Finding]:
    """One finding for objects out of the anchors' reach, one for many small objects."""
    count, element = len(coverage), f"{coverage.config}, {coverage.input_size} px"
    findings = []
    unreached, small = int(coverage.unreached.sum()), int(coverage.small.sum())
    if unreached:
        message = f"{unreached} of {count} objects ({unreached / count:.1%}): {_worst(coverage)}"
        findings.append(Finding(KINDS["unreached-box"], dataset.path, element, message))
    if small > _MANY_SMALL * count:
        message = f"{small} of {count} objects ({small / count:.0%}) are under {coverage.cell} px"
        findings.append(Finding(KINDS["small-after-resize"], dataset.path, element, message))
    return findings


def check_limits(dataset: Dataset, config: Config, config_name: str) -> list[Finding]:
    """Images with more objects than the model would give, or training would learn."""
    kind = KINDS["crowded-images"]
    return [
        Finding(kind, dataset.path, config_name, line)
        for line in over_limits([dataset.samples], config)
    ]


def _worst(coverage: AnchorCoverage) -> str:
    """What the unreached objects are like: too small, or of an odd shape."""
    sides = coverage.sides[coverage.unreached]
    ratio = sides.max(axis=1) / sides.min(axis=1)
    small = int((coverage.unreached & coverage.small).sum())
    long = int((ratio > 3).sum())
    return f"{small} are under {coverage.cell} px, {long} are over 3 times as long as wide"
