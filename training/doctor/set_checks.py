"""Checks of a whole set: duplicates, leaks between splits, class names and balance, coverage."""

from __future__ import annotations

import difflib
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from detector.data.dataset import Dataset, is_union
from detector.data.findings import KINDS, Finding, counted
from detector.data.similar import fingerprints, near_pairs
from detector.types import Sample
from training.doctor.image_checks import Image
from training.model.anchor_coverage import SMALL, AnchorCoverage

_FEW = 10  # objects of a class
_RARE = 100  # times fewer than the most frequent class
_SHOWN = 4  # names in a message
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
    """The splits that exclude each other: without those that join others, as `trainval` does."""
    splits = {name: rows.tolist() for name, rows in dataset.splits.items()}
    joined = {name for name in splits if name.lower() == "trainval" or is_union(name, splits)}
    return {name: rows for name, rows in dataset.splits.items() if name not in joined}


def check_twins(dataset: Dataset, images: Sequence[Image]) -> list[Finding]:
    """Images that are equal, or look alike, within a split and across splits."""
    splits_of = _splits_of(dataset)
    equal = (itertools.combinations(group, 2) for group in duplicate_groups(images))
    exact = dict.fromkeys(itertools.chain.from_iterable(equal))
    pairs = _near_pairs(images, splits_of) | exact
    kinds: dict[str, dict[tuple[int, int], int | None]] = defaultdict(dict)
    for (a, b), bits in pairs.items():
        if images[a].sample.path == images[b].sample.path and splits_of[a] != splits_of[b]:
            continue  # `check_splits` tells of it
        leaks = bool(splits_of[a] and splits_of[b]) and splits_of[a].isdisjoint(splits_of[b])
        within = "duplicate-picture" if bits is None else "near-duplicate"
        kinds["leak" if leaks else within][a, b] = bits
    return [
        _twin_finding(kind, group, within, images, splits_of)
        for kind, within in kinds.items()
        for group in _groups(within)
    ]


def duplicate_groups(images: Sequence[Image]) -> list[list[int]]:
    """Indices of images whose files are equal, two or more in each group."""
    same: dict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        if image.digest:
            same[image.digest].append(index)
    return [group for group in same.values() if len(group) > 1]


def _near_pairs(
    images: Sequence[Image], splits_of: Sequence[frozenset[str]]
) -> dict[tuple[int, int], int | None]:
    """How many bits differ in each pair; of equal files in one split only the first counts."""
    one_of: dict[tuple[str, frozenset[str]], int] = {}
    for index, image in enumerate(images):
        if image.digest:
            one_of.setdefault((image.digest, splits_of[index]), index)
    chosen = np.array(list(one_of.values()), int)
    prints, seen = fingerprints([images[i].sample.path for i in chosen])
    chosen, prints = chosen[seen], prints[seen]
    found = near_pairs(prints)
    bits = np.bitwise_count(prints[found[:, 0]] ^ prints[found[:, 1]]).tolist()
    pairs = dict(zip(map(tuple, chosen[found].tolist()), bits, strict=True))
    return {(a, b): n for (a, b), n in pairs.items() if images[a].digest != images[b].digest}


def _splits_of(dataset: Dataset) -> list[frozenset[str]]:
    names: list[set[str]] = [set() for _ in range(len(dataset))]
    for name, indices in parts(dataset).items():
        for index in indices.tolist():
            names[index].add(name)
    return [frozenset(one) for one in names]


def _groups(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    from scipy.cluster.hierarchy import DisjointSet

    together = DisjointSet(itertools.chain.from_iterable(pairs))
    for a, b in pairs:
        together.merge(a, b)
    return [sorted(group) for group in together.subsets()]


def _twin_finding(
    kind: str,
    group: Sequence[int],
    pairs: Mapping[tuple[int, int], int | None],
    images: Sequence[Image],
    splits_of: Sequence[frozenset[str]],
) -> Finding:
    members = set(group)
    inside = [bits for (a, b), bits in pairs.items() if a in members and b in members]
    apart = [bits for bits in inside if bits is not None]
    how = f"look alike ({max(apart)} of 64 bits differ)" if apart else "are one image"
    paths = [images[i].sample.path for i in group]
    names = [
        f"{path.name} ({', '.join(sorted(splits_of[i]))})" if splits_of[i] else path.name
        for i, path in zip(group, paths, strict=True)
    ]
    if len(names) > _SHOWN:
        names = [*names[:_SHOWN], f"{len(names) - _SHOWN} more"]
    message = f"{', '.join(names[:-1])} and {names[-1]} {how}"
    return Finding(KINDS[kind], paths[0], "", message, tuple(paths[1:]))


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
    count, element = len(coverage.best_iou), f"{coverage.config}, {coverage.input_size} px"
    findings = []
    unreached, small = int(coverage.unreached.sum()), int((coverage.side < SMALL).sum())
    if unreached:
        message = f"{unreached} of {count} objects ({unreached / count:.1%}): {_worst(coverage)}"
        findings.append(Finding(KINDS["unreached-box"], dataset.path, element, message))
    if small > _MANY_SMALL * count:
        message = f"{small} of {count} objects ({small / count:.0%}) are under {SMALL:g} px"
        findings.append(Finding(KINDS["small-after-resize"], dataset.path, element, message))
    return findings


def _worst(coverage: AnchorCoverage) -> str:
    """What the unreached objects are like: too small, or of an odd shape."""
    sides = coverage.sides[coverage.unreached]
    ratio = sides.max(axis=1) / sides.min(axis=1)
    small = int((np.sqrt(sides.prod(axis=1)) < SMALL).sum())
    long = int((ratio > 3).sum())
    return f"{small} are under {SMALL:g} px, {long} are over 3 times as long as wide"
