"""Speed against accuracy: one mark per contender, a line through those that differ in threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.files import atomic_path
from eval.timing.measurements import Result, kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = {"keras": "s", "tflite": "o", "onnx": "^", "openvino": "D"}


def write_plot(path: Path, results: Sequence[Result]) -> None:
    """Draw AP over the time of one image from its file to detections.

    Args:
        path: `.svg` or `.png`.
        results: those without AP, such as peers, are left out.

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


def _draw(axes: Axes, results: Sequence[Result]) -> None:
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
