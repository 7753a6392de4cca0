"""All checks of a data set, run once, and their outcome as terminal lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from configs.schema import Config
from detector.data.dataset import Dataset
from detector.data.findings import KINDS, Finding, count_by_kind, counted, is_error
from detector.types import Sample
from training.doctor.folder_files import check_shared_annotations, folder_notes
from training.doctor.image_checks import Image, check_boxes, check_files, look_at_images
from training.doctor.lookalikes import check_twins
from training.doctor.set_checks import (
    check_anchors,
    check_balance,
    check_limits,
    check_names,
    check_splits,
    count_objects,
)
from training.doctor.whole_checks import check_listed_twice, check_whole, nothing_to_learn
from training.model.anchor_coverage import AnchorCoverage, measure_anchor_coverage

_NOTHING = "nothing-to-learn"
_OF_CLASSES = ("unlearnable-class", "supercategory-class")  # which say more than "few objects"
_SHOWN = 5  # findings of a kind
_CLASSES = 20  # rows of the table


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
    def errors(self) -> int:
        """How many findings would spoil training."""
        return sum(map(is_error, self.findings))


def examine(dataset: Dataset, config: Config, config_name: str) -> Examination:
    """Decode every image and run every check.

    Args:
        dataset: as read, whole: twins are looked for across its splits.
        config: whose anchors, input size and limits count.
        config_name: its name.
    """
    images = look_at_images(dataset.samples)
    settled = replace(dataset, samples=[image.sample for image in images])
    settled = replace(settled, notes=(*dataset.notes, *folder_notes(settled)))
    readable = [image.sample for image in images if image.header]
    coverage = measure_anchor_coverage(readable, config, config_name)
    seen = [finding for image in images for finding in image.findings]
    whole = check_whole(replace(settled, findings=(*dataset.findings, *seen)))
    if not len(coverage) and _NOTHING not in by_kind(whole):
        what = "boxes can be used" if readable else "images can be decoded"
        whole.append(nothing_to_learn(settled, f"none of its {what}"))
    told = {finding.element for finding in whole if finding.kind.name in _OF_CLASSES}
    findings = [
        *dataset.findings,
        *seen,
        *whole,
        *check_listed_twice(settled),
        *check_files(dataset, images),
        *check_shared_annotations(settled),
        *check_boxes(readable, dataset.classes.names),
        *check_names(settled),
        *check_splits(settled),
        *(twins for twins in check_twins(settled, images) if {*twins.others} != {twins.path}),
        *(finding for finding in check_balance(settled) if finding.element not in told),
        *check_anchors(settled, coverage),
        *check_limits(settled, config, config_name),
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


def verdict(examination: Examination) -> str:
    """The result in one sentence."""
    errors, warnings = examination.errors, len(examination.findings) - examination.errors
    if errors:
        return f"{counted(errors, 'problem')} would spoil training; {counted(warnings, 'warning')}"
    if warnings:
        return f"nothing would spoil training; {counted(warnings, 'warning')}"
    return "nothing is wrong"


def to_lines(examination: Examination) -> Iterator[str]:
    """What the terminal shows."""
    dataset = examination.dataset
    yield f"{dataset.name}: {dataset.form}, {describe(examination.counts)}"
    yield from (f"note: {note}" for note in dataset.notes)
    if examination.splits:
        yield ""
        yield from (f"  {name}: {describe(one)}" for name, one in examination.splits.items())
    yield ""
    yield from _class_lines(examination)
    yield ""
    yield from _anchor_lines(examination)
    for findings in by_kind(examination.findings).values():
        yield ""
        yield from _finding_lines(findings)
    yield ""
    yield f"{dataset.name}: {verdict(examination)}"


def describe(counts: Counts) -> str:
    """Counts in one line; what there is none of is left out."""
    used = sum(count > 0 for count in counts.per_class.values())
    classes = counted(len(counts.per_class), "class")
    objects = counted(counts.objects, "object")
    parts = [counted(counts.images, "image"), f"{objects} of {used} of {classes}"]
    if counts.negatives:
        share = counts.negatives / counts.images
        parts.append(f"{counted(counts.negatives, 'negative')} ({share:.1%})")
    parts += [counted(counts.crowd, "crowd")] if counts.crowd else []
    parts += [f"{counts.difficult:,} difficult"] if counts.difficult else []
    return ", ".join(parts)


def to_json(examination: Examination) -> dict[str, Any]:
    """The figures and every finding, in the form that `check --help` gives."""
    findings = examination.findings
    return {
        "data": examination.dataset.name,
        "format": examination.dataset.form,
        "verdict": verdict(examination),
        "counts": asdict(examination.counts),
        "splits": {name: asdict(one) for name, one in examination.splits.items()},
        "notes": list(examination.dataset.notes),
        "errors": examination.errors,
        "warnings": len(findings) - examination.errors,
        "kinds": count_by_kind(findings),
        "findings": [
            {
                "kind": finding.kind.name,
                "severity": finding.kind.severity,
                "file": str(finding.path),
                "element": finding.element,
                "message": finding.message,
                "action": finding.kind.action,
                "others": [str(path) for path in finding.others],
            }
            for finding in findings
        ],
        "anchors": _anchor_json(examination),
    }


def _anchor_json(examination: Examination) -> dict[str, Any]:
    coverage = examination.coverage
    count = len(coverage)
    return {
        "config": coverage.config,
        "input_size": coverage.input_size,
        "objects": count,
        "unreached": round(float(coverage.unreached.mean()), 4) if count else 0.0,
        "small": round(float(coverage.small.mean()), 4) if count else 0.0,
        "positives_per_object": round(float(coverage.positives.mean()), 2) if count else None,
        "sizes": [asdict(row) for row in coverage.by_size()],
    }


def _class_lines(examination: Examination) -> Iterator[str]:
    """The most frequent classes, over all and by split."""
    splits = examination.splits
    per_class = examination.counts.per_class
    width = max(12, *(len(name) + 2 for name in per_class))
    yield f"  {'class':{width}}{'objects':>9}" + "".join(f"{name:>12}" for name in splits)
    ranked = sorted(per_class, key=lambda name: -per_class[name])
    for name in ranked[:_CLASSES]:
        cells = "".join(f"{one.per_class[name]:>12,}" for one in splits.values())
        yield f"  {name:{width}}{per_class[name]:>9,}{cells}"
    if len(ranked) > _CLASSES:
        yield f"  ... and {counted(len(ranked) - _CLASSES, 'class')} more"


def _anchor_lines(examination: Examination) -> Iterator[str]:
    coverage = examination.coverage
    yield f"  anchors of {coverage.config} at {coverage.input_size} px"
    columns = f"{'no IoU 0.5':>12}{'best IoU':>10}{'positives':>11}"
    if coverage.best_iou is None:
        columns = f"{'no centre':>12}{'positives':>11}, at most: of the centres in or beside each"
    yield f"  {'side, px':12}{'objects':>9}{columns}"
    for row in coverage.by_size():
        if row.objects:
            share = row.unreached / row.objects
            best = "" if row.mean_best_iou is None else f"{row.mean_best_iou:>10.2f}"
            yield f"  {row.name:12}{row.objects:>9,}{share:>12.1%}{best}{row.mean_positives:>11.1f}"


def _finding_lines(findings: list[Finding]) -> Iterator[str]:
    kind = findings[0].kind
    word = "ERROR" if is_error(findings[0]) else "warning"
    count = f" ({len(findings):,})" if len(findings) > 1 else ""
    yield f"{word}: {kind.title}{count}; {kind.action}"
    for finding in findings[:_SHOWN]:
        name = finding.path.name or str(finding.path)  # of ".", too
        place = f"{name}: {finding.element}" if finding.element else name
        yield f"  {place}: {finding.message}"
    if len(findings) > _SHOWN:
        yield f"  ... and {len(findings) - _SHOWN:,} more"
