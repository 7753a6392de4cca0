"""Timings as Markdown (hardware, totals, stages, notes), and a plot of speed against accuracy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.files import atomic_path
from detector.hardware import machine_line
from eval.timing.measurements import Timing, kind
from eval.timing.worker import COLUMNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = {"keras": "s", "tflite": "o", "onnx": "^", "openvino": "D"}
_WHO = ["model", "runtime", "precision", "threads"]


def to_markdown(
    machine: Mapping[str, Any], settings: Mapping[str, Any], results: Sequence[Timing]
) -> str:
    """All that is worth printing; columns line up as plain text too."""
    parts = [machine_line(machine), _whole(results), _stages(results), _notes(settings, results)]
    return "\n\n".join(parts) + "\n"


def _whole(results: Sequence[Timing]) -> str:
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


def _stages(results: Sequence[Timing]) -> str:
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


def _notes(settings: Mapping[str, Any], results: Sequence[Timing]) -> str:
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


def _who(result: Timing) -> list[str]:
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


def write_plot(path: Path, results: Sequence[Timing]) -> None:
    """Draw AP over the time of one image from its file to detections; a line joins thread counts.

    The path ends in `.svg` or `.png`. Results without AP, such as those of peers, are left out.

    Raises:
        UserError: the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "plot", "font.size": 9}
    with mpl.rc_context(style), atomic_path(path) as temporary:
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.subplots()
        _draw(axes, [result for result in results if result["AP"] is not None])
        axes.set(xlabel="one image, file to detections: median, ms", ylabel="AP (COCO)")
        axes.set_xlim(left=0)
        axes.margins(y=0.25)
        axes.grid(alpha=0.3, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", frameon=False, title="at each mark: threads")
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        figure.savefig(temporary, dpi=160, metadata=metadata)


def _draw(axes: Axes, results: Sequence[Timing]) -> None:
    rows: Counter[float] = Counter()  # runtimes of one model share an AP: a height for each
    for which in dict.fromkeys(map(kind, results)):
        group = [result for result in results if kind(result) == which]
        times = [result["stages_ms"]["end_to_end"]["median"] for result in group]
        figures = [result["AP"] for result in group]
        marker = _MARKERS[group[0]["runtime"]]
        (line,) = axes.plot(times, figures, marker=marker, linewidth=0.8, label=", ".join(which))
        row = rows[round(figures[0], 2)]
        rows[round(figures[0], 2)] += 1
        for result, time, figure in zip(group, times, figures, strict=True):
            axes.annotate(
                str(result["threads"]),
                (time, figure),
                xytext=(0, 7 + 10 * row),
                textcoords="offset points",
                ha="center",
                color=line.get_color(),
            )
