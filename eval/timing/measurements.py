"""Measurements as figures: percentiles, and ratios against the first contender."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eval.timing.model_file import precision, size_mb
from eval.timing.rounds import Measured
from eval.timing.worker import COLUMNS

Timing = dict[str, Any]
"""The figures of one contender; `python -m eval.latency --help` lists them."""


def to_timings(
    measured: Sequence[Measured], accuracy: Sequence[Mapping[str, float]] | None = None
) -> list[Timing]:
    """The figures of each contender.

    Args:
        measured: the contenders; ratios are against the first one.
        accuracy: "AP" and "AP50" of each, or nothing; None where it was not measured.
    """
    found = accuracy or [{}] * len(measured)
    results = [_timing(one, measured[0], ap) for one, ap in zip(measured, found, strict=True)]
    models: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for result in results:
        models[kind(result)].add(result["model"])
    # Where the name alone would not tell two models apart, what the user called them does.
    return [
        result if len(models[kind(result)]) == 1 else {**result, "name": result["model"]}
        for result in results
    ]


def kind(result: Timing) -> tuple[str, str, str]:
    """What tells contenders apart that do not differ in threads alone."""
    return result["name"], result["runtime"], result["precision"]


def _timing(one: Measured, first: Measured, accuracy: Mapping[str, float]) -> Timing:
    rows = np.concatenate(one.rounds)
    return {
        "model": one.contender.model,
        "name": one.about.name,
        "runtime": one.about.runtime,
        "precision": precision(one.about.file),
        "threads": one.contender.threads,
        "is_peer": one.contender.is_peer,
        "input_hw": list(one.about.input_hw),
        "outputs": one.about.outputs,
        "stages_ms": {name: _spread(ms) for name, ms in zip(COLUMNS, rows.T, strict=True)},
        "round_medians_ms": _round_medians(one, "end_to_end").round(3).tolist(),
        "ratio": {name: _ratio(one, first, name) for name in ("run", "end_to_end")},
        "images_per_s": round(1000 / rows[:, COLUMNS.index("end_to_end")].mean(), 2),
        "throughput_images_per_s": round(float(np.mean(one.images_per_s)), 2),
        "size_mb": round(size_mb(one.about.file), 3),
        "peak_memory_mb": round(one.peak_memory_mb, 1),
        "start_s": round(float(np.median(one.starts_s)), 3),
        "AP": accuracy.get("AP"),
        "AP50": accuracy.get("AP50"),
    }


def _spread(milliseconds: np.ndarray) -> dict[str, float] | None:
    """Median, 10th and 90th percentile; None for a stage that a contender does not have."""
    if np.isnan(milliseconds).any():
        return None
    values = np.percentile(milliseconds, [50, 10, 90]).round(3).tolist()
    return dict(zip(("median", "p10", "p90"), values, strict=True))


def _round_medians(one: Measured, column: str) -> np.ndarray:
    return np.median(np.array(one.rounds)[:, :, COLUMNS.index(column)], axis=1)


def _ratio(one: Measured, first: Measured, column: str) -> float:
    """Of times, round by round: what slows a whole round slows both sides of its ratio."""
    ratios = _round_medians(one, column) / _round_medians(first, column)
    return round(float(np.median(ratios)), 4)
