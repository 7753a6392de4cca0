"""Class names that look like a slip of another: "racoon" once beside "raccoon" 216 times."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from detector.data.dataset import Dataset
from detector.data.findings import KINDS, Finding, counted
from detector.types import Sample

_ALIKE = 0.85  # difflib's ratio: racoon and raccoon 0.92, car and cars 0.86, mouse and horse 0.8
_RARE = 0.1  # of the other's objects: two real classes of like names are both used


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
    frequent = [other for other in frequent if counts[label] <= _RARE * counts[other]]
    return next((other for other in frequent if _is_slip(folded, _fold(names[other]))), None)


def _is_slip(name: str, other: str) -> bool:
    if re.findall(r"\d+", name) != re.findall(r"\d+", other):  # "level 1" is not "level 2"
        return False
    return difflib.SequenceMatcher(None, name, other, autojunk=False).ratio() >= _ALIKE


def _fold(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", name).strip().casefold()
