"""Figures of speed as Markdown: the machine, a table of the whole, one of the stages, and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detector.hardware import machine_line
from eval.timing.measurements import Result
from eval.timing.worker import COLUMNS

_WHO = ["model", "runtime", "precision", "threads"]


def to_markdown(
    machine: Mapping[str, Any], settings: Mapping[str, Any], results: Sequence[Result]
) -> str:
    """All that is worth printing; columns line up as plain text too."""
    parts = [machine_line(machine), _whole(results), _stages(results), _notes(settings, results)]
    return "\n\n".join(parts) + "\n"


def _whole(results: Sequence[Result]) -> str:
    has_accuracy = any(result["AP"] is not None for result in results)
    header = ["end to end, ms", "x", "images/s", "at once", "MB", "memory, MB", "start, s"]
    rows = [
        [
            *_who(result),
            _shown(result["stages_ms"]["end_to_end"]),
            f"{result['ratio']['end_to_end']:.2f}",
            f"{result['images_per_s']:.1f}",
            f"{result['throughput_images_per_s']:.1f}",
            f"{result['size_mb']:.1f}",
            f"{result['peak_memory_mb']:.0f}",
            f"{result['start_s']:.2f}",
            *([_ap(result["AP"]), _ap(result["AP50"])] if has_accuracy else []),
        ]
        for result in results
    ]
    return _table([*_WHO, *header, *(["AP", "AP50"] if has_accuracy else [])], rows)


def _stages(results: Sequence[Result]) -> str:
    stages = [column for column in COLUMNS if column != "end_to_end"]
    header = [f"{'NMS' if stage == 'nms' else stage}, ms" for stage in stages]
    rows = [
        [
            *_who(result),
            *(_shown(result["stages_ms"][stage]) for stage in stages),
            f"{result['ratio']['run']:.2f}",
        ]
        for result in results
    ]
    return _table([*_WHO, *header, "x of run"], rows)


def _notes(settings: Mapping[str, Any], results: Sequence[Result]) -> str:
    first = results[0]
    lines = [
        f"In turns: {settings['rounds']} rounds of {settings['images']} images "
        f"({settings['source']}). Milliseconds are medians (p10 to p90) of one image, end to end "
        "from its file to the detections, at each model's own thresholds.",
        f"x: time against the first row ({', '.join(_who(first)[:2])}; threads: "
        f"{first['threads']}).",
        "images/s: one after the other; at once: by as many processes as cores "
        f"({settings['workers']}), each with one thread.",
        "memory: the most a process held; start: from nothing to the first detection.",
    ]
    if any(result["is_peer"] for result in results):
        lines.append("Of a peer, end to end is reading, resizing and running.")
    return "\n".join(f"- {line}" for line in lines)


def _who(result: Result) -> list[str]:
    return [result["name"], result["runtime"], result["precision"], str(result["threads"])]


def _shown(spread: Mapping[str, float] | None) -> str:
    if spread is None:
        return "-"
    return f"{spread['median']:.2f} ({spread['p10']:.2f} to {spread['p90']:.2f})"


def _ap(value: float | None) -> str:
    return "-" if value is None or value < 0 else f"{value:.3f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[cell.replace("|", r"\|") for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in cells
    )
