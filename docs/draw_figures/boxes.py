"""Figures of anchors: where they are, how boxes are written relative to them, who gets which."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from configs.load import load_config
from detector.anchors import anchors_per_cell, feature_sizes, model_anchors
from detector.box_coder import encode
from detector.boxes import pairwise_iou, xyxy_to_cxcywh
from detector.preprocess import resize
from detector.shapes.outlines import SHAPES
from docs.draw_figures import style as page
from docs.draw_figures.style import BLUE, COLOURS, GREY, INK, ORANGE
from training.batches.targets import BACKGROUND, match

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MODEL = load_config("coco_300").model
_SIDE = 300  # px: the input, on which everything here is drawn
_MARGIN = 60  # px around it
_OBJECT = (100.0, 110.0, 196.0, 230.0)  # of the box coder's example, px


def draw_anchors() -> Figure:
    """The anchors of one cell of each feature map, on an image."""
    image = resize(page.scene().image, _SIDE)
    figure = page.new_figure(880, 640)
    panels = figure.subplots(2, 3).ravel()
    anchors = model_anchors(_MODEL) * _SIDE
    first = 0
    for axes, size, per_cell in zip(
        panels, feature_sizes(_MODEL), anchors_per_cell(_MODEL), strict=True
    ):
        cell = (size // 2) * (size + 1)  # the middle one, or beside the middle
        page.show_image(axes, image, pale=0.55)
        _draw_grid(axes, size)
        start = first + cell * per_cell
        for box, colour in zip(anchors[start : start + per_cell], COLOURS, strict=False):
            page.add_box(axes, box, colour)
        centre = xyxy_to_cxcywh(anchors[start])[:2]
        axes.plot(*centre, marker="o", markersize=3.5, color=INK)
        count = size * size * per_cell
        axes.set_title(f"{size} x {size} cells, {per_cell} anchors in each: {count:,}")
        _leave_margin(axes)
        first += count
    figure.subplots_adjust(0.005, 0.005, 0.995, 0.96, wspace=0.03, hspace=0.09)
    return figure


def _leave_margin(axes: Axes) -> None:
    """Anchors reach out of the image; some also out of this margin."""
    axes.set(xlim=(-_MARGIN, _SIDE + _MARGIN), ylim=(_SIDE + _MARGIN, -_MARGIN), aspect="equal")
    axes.axis("off")


def _draw_grid(axes: Axes, size: int) -> None:
    edges = np.linspace(0, _SIDE, size + 1)
    axes.vlines(edges, 0, _SIDE, color=GREY, linewidth=0.35)
    axes.hlines(edges, 0, _SIDE, color=GREY, linewidth=0.35)


def draw_box_coder() -> Figure:
    """An object, its anchor, and the four numbers between them."""
    box = np.array(_OBJECT, np.float32)
    anchors = model_anchors(_MODEL) * _SIDE
    anchor = anchors[int(np.argmax(pairwise_iou(box[None], anchors)[0]))]
    deltas = encode(box, anchor, _MODEL.anchors.variances)
    figure = page.new_figure(880, 330)
    axes = figure.add_axes((0.02, 0.03, 0.33, 0.94))
    axes.set(xlim=(60, 240), ylim=(260, 80), xticks=[], yticks=[], aspect="equal")
    page.add_box(axes, anchor, BLUE, linestyle=(0, (5, 2)))
    page.add_box(axes, box, ORANGE)
    (ax, ay, aw, ah), (bx, by, bw, bh) = xyxy_to_cxcywh(anchor), xyxy_to_cxcywh(box)
    axes.plot(ax, ay, "o", color=BLUE, markersize=5)
    axes.plot(bx, by, "o", color=ORANGE, markersize=5)
    page.add_arrow(axes, (ax, ay), (bx, by), INK)
    axes.text(anchor[0] + 3, anchor[1] - 4, "anchor", color=BLUE)
    axes.text(box[2] - 3, box[3] + 11, "object", color=ORANGE, ha="right")
    words = figure.add_axes((0.38, 0.03, 0.61, 0.94))
    words.set(xlim=(0, 1), ylim=(0, 1))
    words.axis("off")
    rows = [
        (f"anchor: centre ({ax:.1f}, {ay:.1f}), {aw:.1f} x {ah:.1f} px", BLUE),
        (f"object: centre ({bx:.1f}, {by:.1f}), {bw:.1f} x {bh:.1f} px", ORANGE),
        (_offset_line("x", bx, ax, aw, deltas[0]), INK),
        (_offset_line("y", by, ay, ah, deltas[1]), INK),
        (_ratio_line("w", bw, aw, deltas[2]), INK),
        (_ratio_line("h", bh, ah, deltas[3]), INK),
    ]
    for number, (line, colour) in enumerate(rows):
        words.text(0, 0.88 - 0.145 * number, line, color=colour, fontsize=10.5)
    return figure


def _offset_line(name: str, box: float, anchor: float, side: float, delta: float) -> str:
    variance = _MODEL.anchors.variances[0]
    return f"d{name} = ({box:.1f} - {anchor:.1f}) / {side:.1f} / {variance:g} = {delta:.3f}"


def _ratio_line(name: str, box: float, anchor: float, delta: float) -> str:
    variance = _MODEL.anchors.variances[2]
    return f"d{name} = ln({box:.1f} / {anchor:.1f}) / {variance:g} = {delta:.3f}"


class _Match(NamedTuple):
    """What the objects of the image get.

    Attributes:
        boxes: float32 `(N, 4)`, xyxy in fractions.
        anchors: float32 `(A, 4)`, likewise.
        iou: float32 `(N, A)`.
        matched: int `(A,)`: the object of each anchor, or `BACKGROUND`.
    """

    boxes: np.ndarray
    anchors: np.ndarray
    iou: np.ndarray
    matched: np.ndarray


def draw_matching() -> Figure:
    """The objects of an image, and the anchors that are to find them."""
    sheet, _, labels, _ = page.scene()
    found = _match_scene()
    figure = page.new_figure(880, 360)
    left, right = figure.subplots(1, 2)
    image = resize(sheet, _SIDE)
    page.show_image(left, image)
    page.show_image(right, image, pale=0.6)
    for row, (box, label) in enumerate(zip(found.boxes, labels, strict=True)):
        page.add_box(left, box * _SIDE, COLOURS[label])
        _draw_matched(right, found, row, COLOURS[label])
        _describe(figure, found, row, label)
    left.set_title("objects")
    count = int((found.matched != BACKGROUND).sum())
    right.set_title(f"their {count} anchors of {len(found.anchors):,} (dashed: forced)")
    for axes in (left, right):
        _leave_margin(axes)
    figure.subplots_adjust(0.0, 0.0, 0.78, 0.93, wspace=0.0)
    return figure


def _match_scene() -> _Match:
    image, boxes, _, is_difficult = page.scene()
    height, width = image.shape[:2]
    fractions = boxes / np.array([width, height, width, height], np.float32)
    anchors = model_anchors(_MODEL)
    matched = match(fractions[None], ~is_difficult[None], anchors)[0]
    return _Match(fractions, anchors, pairwise_iou(fractions, anchors), matched)


def _draw_matched(axes: Axes, found: _Match, row: int, colour: str) -> None:
    for index in np.flatnonzero(found.matched == row).tolist():
        is_forced = found.iou[row, index] < 0.5
        look = {"linestyle": (0, (3, 2)), "linewidth": 1.8} if is_forced else {"linewidth": 1.0}
        page.add_box(axes, found.anchors[index] * _SIDE, colour, **look)


def _describe(figure: Figure, found: _Match, row: int, label: int) -> None:
    """How many anchors an object has, beside the images."""
    count, best = int((found.matched == row).sum()), float(found.iou[row].max())
    how = "forced" if best < 0.5 else f"{count} from IoU 0.5"
    top = 0.86 - 0.15 * row
    figure.text(0.79, top, f"{SHAPES[label]}: {how}", color=COLOURS[label])
    figure.text(0.79, top - 0.055, f"best IoU {best:.2f}", color=GREY)
