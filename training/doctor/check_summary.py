"""The outcome of a data check as terminal lines and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from detector.data.findings import Finding, count_by_kind, counted, is_error
from training.doctor.examine import Counts, Examination, by_kind
from training.model.anchor_coverage import SMALL

_SHOWN = 5  # findings of a kind
_CLASSES = 20  # rows of the table


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
    yield f"{dataset.name}: {examination.format}, {describe(examination.counts)}"
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
        "format": examination.format,
        "verdict": verdict(examination),
        "counts": dataclasses.asdict(examination.counts),
        "splits": {name: dataclasses.asdict(one) for name, one in examination.splits.items()},
        "notes": list(examination.dataset.notes),
        "errors": examination.errors,
        "warnings": len(findings) - examination.errors,
        "kinds": count_by_kind(findings),
        "findings": [_finding_json(finding) for finding in findings],
        "anchors": _anchor_json(examination),
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind.name,
        "severity": finding.kind.severity,
        "file": str(finding.path),
        "element": finding.element,
        "message": finding.message,
        "action": finding.kind.action,
        "others": [str(path) for path in finding.others],
    }


def _anchor_json(examination: Examination) -> dict[str, Any]:
    coverage = examination.coverage
    count = len(coverage.best_iou)
    return {
        "config": coverage.config,
        "input_size": coverage.input_size,
        "objects": count,
        "unreached": round(float(coverage.unreached.mean()), 4) if count else 0.0,
        "small": round(float((coverage.side < SMALL).mean()), 4) if count else 0.0,
        "positives_per_object": round(float(coverage.positives.mean()), 2) if count else None,
        "sizes": [dataclasses.asdict(row) for row in coverage.by_size()],
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
    yield f"  {'side, px':12}{'objects':>9}{'no IoU 0.5':>12}{'best IoU':>10}{'positives':>11}"
    for row in coverage.by_size():
        if row.objects:
            share = row.unreached / row.objects
            yield (
                f"  {row.name:12}{row.objects:>9,}{share:>12.1%}"
                f"{row.mean_best_iou:>10.2f}{row.mean_positives:>11.1f}"
            )


def _finding_lines(findings: list[Finding]) -> Iterator[str]:
    kind = findings[0].kind
    word = "ERROR" if is_error(findings[0]) else "warning"
    count = f" ({len(findings):,})" if len(findings) > 1 else ""
    yield f"{word}: {kind.title}{count}; {kind.action}"
    for finding in findings[:_SHOWN]:
        place = f"{finding.path.name}: {finding.element}" if finding.element else finding.path.name
        yield f"  {place}: {finding.message}"
    if len(findings) > _SHOWN:
        yield f"  ... and {len(findings) - _SHOWN:,} more"
