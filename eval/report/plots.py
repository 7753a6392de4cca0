"""Plots of an evaluation: precision and recall, bars, confusion heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from detector.report.charts import ACCENT, INK, SECOND, THIRD, name_rows, plot, short
from eval.scoring.curves import RECALLS, Advice, Curve, SliceFigures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELLED = 30  # classes whose names fit into a scatter


def bars(
    names: Sequence[str],
    values: Sequence[float],
    what: str,
    marks: Sequence[float] | None = None,
    notes: Sequence[str] | None = None,
) -> str:
    """Horizontal bars, the first on top.

    Args:
        names: of the bars.
        values: nothing is drawn for -1.
        what: of the horizontal axis.
        marks: a second value of each, drawn as a dot.
        notes: at the end of each bar.
    """

    def draw(axes: Axes) -> None:
        rows = np.arange(len(names))
        axes.barh(rows, np.maximum(values, 0), color=ACCENT, height=0.72)
        if marks is not None:
            shown = np.array(marks) >= 0
            axes.plot(np.array(marks)[shown], rows[shown], "o", color=SECOND, markersize=4)
        ends = np.maximum(values, marks if marks is not None else values)
        for row, note in enumerate(notes or []):
            axes.annotate(
                note, (max(0, ends[row]), row), (5, 0), textcoords="offset points", va="center"
            )
        axes.set_xlim(0, max(0.01, 1.22 * ends.max(initial=0)) if notes else None)
        name_rows(axes, names)

    return plot(draw, what, "", size=(4.6, max(1.2, 0.5 + 0.2 * len(names))))


def precision_recall(
    curves: Mapping[str, Sequence[Curve]], advice: Advice | None = None, is_small: bool = False
) -> str:
    """Precision against recall, the mean over the classes that have objects.

    Args:
        curves: of one class or several, by what the legend calls them; two at most.
        advice: a point to mark.
        is_small: flat and without a legend, for one plot among many.
    """

    def draw(axes: Axes) -> None:
        styles = ((ACCENT, "-"), (SECOND, (0, (3, 1.5))))  # dashes show the line beneath
        for (name, of_classes), (colour, dashes) in zip(curves.items(), styles, strict=False):
            known = [curve.at_recalls() for curve in of_classes if curve.objects]
            if known:
                mean = np.mean(known, axis=0)
                axes.plot(RECALLS, mean, color=colour, label=name, linewidth=1.5, linestyle=dashes)
        if advice:
            axes.plot(advice.recall, advice.precision, "o", color=ACCENT, markersize=5)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.03, 1.05))
        if not is_small and axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper right")

    return plot(draw, "recall", "precision", (4.6, 2.1) if is_small else (4.6, 3.0))


def threshold_sweep(curve: Curve, threshold: float) -> str:
    """Precision, recall and F1 against the score threshold, and the one that is advised."""

    def draw(axes: Axes) -> None:
        scores = np.linspace(0, 1, 401)
        count = np.searchsorted(-curve.scores, -scores, side="right")
        true = np.append(0, curve.true)[count]
        series = {
            "precision": (np.where(count, true / np.maximum(count, 1), np.nan), ACCENT),
            "recall": (true / max(curve.objects, 1), SECOND),
            "F1": (2 * true / (count + curve.objects), THIRD),
        }
        for name, (values, colour) in series.items():
            axes.plot(scores, values, color=colour, label=name, linewidth=1.5)
        axes.axvline(threshold, color=INK, linewidth=0.8, linestyle=":")
        axes.set(xlim=(0, 1), ylim=(-0.03, 1.05))
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)

    return plot(draw, "score threshold", "")


def slice_bars(slices: Sequence[SliceFigures], what: str) -> str:
    """AP of slices side by side; the number of objects stands on each bar."""

    def draw(axes: Axes) -> None:
        columns = np.arange(len(slices))
        values = np.maximum([one.ap for one in slices], 0)
        axes.bar(columns, values, color=ACCENT, width=0.72)
        for column, one in enumerate(slices):
            axes.annotate(
                f"{one.objects:,}",
                (column, values[column]),
                (0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        axes.set_xticks(columns, [one.name for one in slices])
        axes.margins(x=0.02)
        axes.set_ylim(0, max(0.01, 1.12 * values.max(initial=0)))

    return plot(draw, what, "AP", size=(4.6, 2.6))


def heat_map(counts: np.ndarray, shares: np.ndarray, names: Sequence[str]) -> str:
    """A confusion matrix `(C, C)`: shares in 0 ... 1 as shades, counts as numbers."""

    def draw(axes: Axes) -> None:
        from matplotlib.colors import LinearSegmentedColormap, to_rgb

        red, green, blue = to_rgb(ACCENT)
        ends = [(red, green, blue, 0.0), (red, green, blue, 1.0)]
        shades = LinearSegmentedColormap.from_list("shades", ends)
        axes.pcolormesh(shares, cmap=shades, vmin=0, vmax=1, rasterized=True)
        for row, column in np.argwhere(counts).tolist():
            axes.text(
                column + 0.5, row + 0.5, str(counts[row, column]),
                ha="center", va="center", fontsize=7,
            )  # fmt: skip
        places = np.arange(len(names)) + 0.5
        axes.set_xticks(places, [short(name) for name in names], rotation=90, parse_math=False)
        axes.set_yticks(places, [short(name) for name in names], parse_math=False)
        axes.tick_params(length=0)
        axes.invert_yaxis()
        axes.set_aspect("equal")

    side = 1.6 + 0.26 * len(names)
    return plot(draw, "detected as", "object is", size=(max(3.6, side), max(3.2, side - 0.2)))


def training_scatter(names: Sequence[str], objects: Sequence[int], aps: Sequence[float]) -> str:
    """AP of each class against its number of objects in training."""

    def draw(axes: Axes) -> None:
        axes.scatter(objects, aps, s=18, color=ACCENT, linewidths=0)
        if len(names) <= _LABELLED:
            for name, count, ap in zip(names, objects, aps, strict=True):
                axes.annotate(
                    short(name), (count, ap), (4, 2), textcoords="offset points",
                    fontsize=7, parse_math=False,
                )  # fmt: skip
        axes.set_xscale("log")
        axes.set_ylim(0, None)
        axes.margins(x=0.12)

    return plot(draw, "objects in training", "AP", size=(6.4, 3.6))
