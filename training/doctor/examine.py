"""All checks of a data set, run once, with counts of images and objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from configs.schema import ModelConfig
from detector.data.dataset import Dataset
from detector.data.findings import KINDS, Finding, is_error
from detector.types import Sample
from training.doctor.image_checks import Image, check_boxes, look_at_images
from training.doctor.set_checks import (
    check_anchors,
    check_balance,
    check_names,
    check_splits,
    check_twins,
    count_objects,
)
from training.model.anchor_coverage import AnchorCoverage, measure_anchor_coverage

_FORMATS = {".json": "COCO JSON", ".xml": "VOC", ".txt": "YOLO"}


@dataclass(frozen=True)
class Counts:
    """How much there is of what.

    Attributes:
        images: all, also those that cannot be read.
        objects: all, crowds and difficult ones too.
        negatives: images without any object.
        crowd: objects marked as COCO's crowd.
        difficult: objects marked as VOC's difficult.
        per_class: objects by class name, without crowds.
    """

    images: int
    objects: int
    negatives: int
    crowd: int
    difficult: int
    per_class: dict[str, int]


@dataclass(frozen=True, eq=False)
class Examination:
    """What the doctor found out.

    Attributes:
        dataset: its samples in the frame of their images.
        images: one per sample.
        findings: errors first, then in the order of `KINDS`.
        counts: of the whole.
        splits: counts by split.
        coverage: of the readable images' objects with the model's anchors.
    """

    dataset: Dataset
    images: Sequence[Image]
    findings: Sequence[Finding]
    counts: Counts
    splits: dict[str, Counts]
    coverage: AnchorCoverage

    @property
    def format(self) -> str:
        """Of the annotations: "COCO JSON", "VOC" or "YOLO"."""
        suffixes = (sample.source.suffix for sample in self.dataset if sample.source)
        return _FORMATS.get(next(suffixes, ".txt").lower(), "annotations")

    @property
    def errors(self) -> int:
        """How many findings would spoil training."""
        return sum(map(is_error, self.findings))

    @property
    def is_clean(self) -> bool:
        """Whether nothing would spoil training; there may be warnings."""
        return not self.errors


def examine(dataset: Dataset, model: ModelConfig, config_name: str) -> Examination:
    """Decode every image and run every check.

    Args:
        dataset: as read, whole: twins are looked for across its splits.
        model: whose anchors and input size count.
        config_name: of the configuration that `model` comes from.
    """
    images = look_at_images(dataset.samples)
    settled = replace(dataset, samples=[image.sample for image in images])
    readable = [image.sample for image in images if image.header]
    coverage = measure_anchor_coverage(readable, model, config_name)
    findings = [
        *dataset.findings,
        *(finding for image in images for finding in image.findings),
        *check_boxes(readable, dataset.classes.names),
        *check_names(settled),
        *check_splits(settled),
        *check_twins(settled, images),
        *check_balance(settled),
        *check_anchors(settled, coverage),
    ]
    return Examination(
        settled,
        images,
        _in_order(findings),
        _count(settled.samples, dataset.classes.names),
        {
            name: _count([settled[int(row)] for row in rows], dataset.classes.names)
            for name, rows in dataset.splits.items()
        },
        coverage,
    )


def by_kind(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings by the name of their kind; kinds and findings in the order in which they come."""
    grouped: dict[str, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(finding.kind.name, []).append(finding)
    return grouped


def _in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Each once (reader and doctor look at some things both), errors first."""
    once = {(f.kind.name, f.path, f.element, f.message): f for f in findings}
    rank = {name: place for place, name in enumerate(KINDS)}
    return sorted(once.values(), key=lambda f: (not is_error(f), rank[f.kind.name]))


def _count(samples: Sequence[Sample], names: Sequence[str]) -> Counts:
    return Counts(
        images=len(samples),
        objects=sum(map(len, samples)),
        negatives=sum(not len(sample) for sample in samples),
        crowd=sum(int(np.count_nonzero(sample.is_crowd)) for sample in samples),
        difficult=sum(int(np.count_nonzero(sample.is_difficult)) for sample in samples),
        per_class=dict(zip(names, count_objects(samples, len(names)).tolist(), strict=True)),
    )
