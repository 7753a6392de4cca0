"""Figures of what comes behind the network: suppression, and how well it all did."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from configs.load import load_config
from detector.postprocess import nms
from detector.shapes.outlines import SHAPES
from docs.draw_figures import style as page
from docs.draw_figures.style import BLUE, COLOURS, GREEN, GREY, INK, ORANGE, RED
from eval.scoring.curves import RECALLS, Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_IOU = load_config("coco_300").postprocess.iou_threshold
# Made by hand: each object of the image (its row) is found several times, each time moved and
# stretched by so many hundredths of its own size (x1, y1, x2, y2), with a score.
_CANDIDATES = (
    (0, 0, 0, 0, 0, 0.92),
    (0, 6, -5, 7, 3, 0.81),
    (0, -8, 4, -6, 8, 0.55),
    (1, 2, -2, 3, 2, 0.88),
    (1, -9, 3, 5, 9, 0.64),
    (1, 45, 30, 45, 30, 0.47),
    (2, 0, 3, 4, 0, 0.79),
    (2, -6, -8, -4, 6, 0.60),
    (3, 3, 0, 0, 4, 0.71),
    (4, 0, 4, 6, 0, 0.66),
    (4, 10, -6, 12, 5, 0.52),
)
# Of ten detections, best first, whether each is true; and how many objects there are.
_TRUE = (True, True, False, True, True, False, False, True, False, False)
_OBJECTS = 6


class _Candidates(NamedTuple):
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


def draw_nms() -> Figure:
    """Detections before and after suppression, which `detector.postprocess.nms` does."""
    found = _candidates()
    kept = nms(*found, _IOU, 100)
    figure = page.new_figure(880, 350)
    panels = figure.subplots(1, 2)
    everything = np.arange(len(found.scores))
    for axes, rows, words in zip(panels, (everything, kept), ("before", "after"), strict=True):
        page.show_image(axes, page.scene().image, pale=0.35)
        _draw_detections(axes, found, rows, kept)
        axes.set_title(f"{words}: {len(rows)} detections")
        axes.axis("off")
    figure.subplots_adjust(0.005, 0.01, 0.995, 0.93, wspace=0.02)
    return figure


def _candidates() -> _Candidates:
    _, boxes, labels, _ = page.scene()
    rows = np.array([one[0] for one in _CANDIDATES])
    moves = np.array([one[1:5] for one in _CANDIDATES]) / 100
    sides = boxes[rows, 2:] - boxes[rows, :2]
    moved = boxes[rows] + moves * np.concatenate([sides, sides], axis=1)
    scores = np.array([one[5] for one in _CANDIDATES], np.float32)
    return _Candidates(moved.astype(np.float32), scores, labels[rows])


def _draw_detections(axes: Axes, found: _Candidates, rows: np.ndarray, kept: np.ndarray) -> None:
    """Those that will be suppressed are thin, with their score at the lower right."""
    for row in rows.tolist():
        colour = COLOURS[found.labels[row]]
        is_kept = row in kept
        page.add_box(axes, found.boxes[row], colour, linewidth=2.2 if is_kept else 0.9)
        if not is_kept:
            x, y = found.boxes[row, 2:].tolist()
            words = f"{found.scores[row]:.2f}"
            axes.text(x, y + 2, words, color=colour, fontsize=7.5, ha="right", va="top")
    for row in kept.tolist():
        x1, y1, *_ = found.boxes[row].tolist()
        words = f"{SHAPES[found.labels[row]]} {found.scores[row]:.2f}"
        look = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}
        axes.text(x1, y1 - 4, words, color=COLOURS[found.labels[row]], bbox=look, fontsize=8.5)


def draw_precision_recall() -> Figure:
    """Ten detections in the order of their scores, and the curve they make."""
    scores = np.linspace(0.95, 0.5, len(_TRUE))
    curve = Curve(scores, np.cumsum(_TRUE), _OBJECTS)
    figure = page.new_figure(880, 330)
    table = figure.add_axes((0.02, 0.02, 0.36, 0.94))
    plot = figure.add_axes((0.46, 0.15, 0.52, 0.78))
    _draw_table(table, curve)
    at_recalls = curve.at_recalls()
    plot.fill_between(RECALLS, at_recalls, color=BLUE, alpha=0.15, linewidth=0)
    plot.plot(RECALLS, at_recalls, color=BLUE, linewidth=1.6, label="best precision from here on")
    plot.plot(
        curve.recall, curve.precision, "o-", color=ORANGE, markersize=4, linewidth=0.8,
        label="after each detection",
    )  # fmt: skip
    plot.set(xlim=(0, 1.02), ylim=(0, 1.06), xlabel="recall", ylabel="precision")
    plot.text(0.06, 0.12, f"area: AP {curve.ap:.3f}", color=BLUE, fontsize=11)
    plot.legend(loc="upper right", frameon=False)
    plot.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_table(axes: Axes, curve: Curve) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    columns = (0.0, 0.2, 0.42, 0.72)
    for x, words in zip(columns, ("score", "true?", "precision", "recall"), strict=True):
        axes.text(x, 0.95, words, color=GREY)
    rows = zip(curve.scores, _TRUE, curve.true, curve.precision, curve.recall, strict=True)
    for number, (score, is_true, so_far, precision, recall) in enumerate(rows, start=1):
        y = 0.95 - 0.087 * number
        colour = GREEN if is_true else RED
        axes.text(columns[0], y, f"{score:.2f}", color=INK)
        axes.text(columns[1], y, "yes" if is_true else "no", color=colour)
        axes.text(columns[2], y, f"{so_far} / {number} = {precision:.2f}", color=INK)
        axes.text(columns[3], y, f"{so_far} / {_OBJECTS} = {recall:.2f}", color=INK)
