"""Figures of `ssdlite_plus`: its pyramid and shared head, and which anchors small objects get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from configs.schema import ModelConfig
from detector.anchors import feature_sizes, model_anchors
from detector.network import build_detector, tap_names
from detector.preprocess import resize
from docs.draw_figures import style as page
from docs.draw_figures.style import BLUE, COLOURS, GREEN, GREY, INK, ORANGE, PALE, PURPLE
from training.batches.targets import match
from training.model.assigners import Assigner, Found, Objects

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CLASSES = 90
_WIDTH, _HEIGHT = 880, 520  # px
_HEADS, _SOURCES, _SUMS, _OWN = 24, 192, 376, 544  # px from the left, of the columns
_ROWS = (84, 163, 242, 321, 400)  # px from the top: the middles of the maps, the finest first
_BOX = (116, 52)  # px
_OUTPUTS = (456, 492)  # px from the top
_SMALL = 0.3  # sides of the image in the figure of small objects, of its canvas
_SIDE = 300  # px
_PLUS = ModelConfig(head="ssdlite_plus")


def draw_pyramid() -> Figure:
    """The five maps of `ssdlite_plus` at 300 px, the pyramid, and the two heads that are added."""
    figure, axes = page.canvas(_WIDTH, _HEIGHT)
    network = build_detector(_PLUS, _CLASSES)
    sizes = feature_sizes(_PLUS)
    width = network.get_layer("neck_lateral_0").filters
    for x, words, colour in (
        (_HEADS, "heads of SSDLite", ORANGE),
        (_SOURCES, "the maps they read", BLUE),
        (_SUMS, "from coarse to fine", GREEN),
        (_OWN, "depthwise, each map's own", GREEN),
    ):
        axes.text(x + _BOX[0] / 2, 34, words, ha="center", color=colour)
    for level, (size, source) in enumerate(zip(sizes, _sources(network), strict=True)):
        channels, name = source.output.shape[-1], source.name.removesuffix("_relu")
        _draw_map(axes, _SOURCES, level, f"{name}\n{size} x {size} x {channels}", BLUE)
        _draw_map(axes, _SUMS, level, f"{size} x {size} x {width}", GREEN)
        _draw_map(axes, _OWN, level, f"{size * size:,} cells", GREEN)
        _connect(axes, _SOURCES + _BOX[0], _SUMS, level, "1x1")
        _connect(axes, _SUMS + _BOX[0], _OWN, level, "")
        if level:
            _draw_map(axes, _HEADS, level, f"depthwise, 1x1\n{size * size:,} cells", ORANGE)
            _connect(axes, _SOURCES, _HEADS + _BOX[0], level, "")
            _rise(axes, level)
    _draw_map(axes, _HEADS, 0, f"depthwise, 1x1\n{sizes[1] ** 2:,} cells, enlarged", ORANGE)
    page.add_arrow(axes, (_SOURCES - 3, _ROWS[1] - 12), (_HEADS + _BOX[0] + 3, _ROWS[0] + 8))
    _draw_shared_head(axes, sum(size * size for size in sizes), width)
    _draw_outputs(axes)
    return figure


def _sources(network: Any) -> list[Any]:
    """The layers that the pyramid is fed from, the finest first."""
    extras = [layer for layer in network.layers if layer.name.startswith("extra_")]
    ends = [layer for layer in extras if layer.name.endswith("_project_relu")]
    return [*(network.get_layer(tap) for tap in tap_names(_PLUS)), *ends]


def _draw_map(axes: Axes, x: float, level: int, words: str, colour: str) -> None:
    y, (width, height) = _ROWS[level], _BOX
    box = (x, y - height / 2, x + width, y + height / 2)
    page.add_box(axes, box, colour, fill=True, facecolor=colour + "22")
    axes.text(x + width / 2, y, words, ha="center", va="center", linespacing=1.4, fontsize=8)


def _connect(axes: Axes, start: float, end: float, level: int, words: str) -> None:
    gap = 3 if end > start else -3
    page.add_arrow(axes, (start + gap, _ROWS[level]), (end - gap, _ROWS[level]))
    axes.text((start + end) / 2, _ROWS[level] - 7, words, ha="center", color=GREY, fontsize=8)


def _rise(axes: Axes, level: int) -> None:
    """An arrow from a map of the pyramid to the next finer one."""
    x, gap = _SUMS + _BOX[0] / 2, _BOX[1] / 2 + 3
    page.add_arrow(axes, (x, _ROWS[level] - gap), (x, _ROWS[level - 1] + gap), GREEN)


def _draw_shared_head(axes: Axes, cells: int, width: int) -> None:
    left, right = _shared_sides()
    top, bottom = _ROWS[0] - _BOX[1] / 2, _ROWS[-1] + _BOX[1] / 2
    for row in _ROWS:
        page.add_arrow(axes, (_OWN + _BOX[0] + 3, row), (left - 3, row))
    page.add_box(axes, (left, top, right, bottom), PURPLE, fill=True, facecolor=PALE)
    words = (
        f"all {cells:,} cells,\none 1x1 for all:\n{width} to {width},\nto 4 (boxes)\n"
        f"and to {_CLASSES + 1} (classes)"
    )
    middle = (left + right) / 2
    axes.text(middle, (top + bottom) / 2, words, ha="center", va="center", linespacing=1.7)
    axes.text(middle, 34, "shared head", ha="center", color=PURPLE)


def _shared_sides() -> tuple[float, float]:
    return _OWN + _BOX[0] + 44, _WIDTH - 12


def _draw_outputs(axes: Axes) -> None:
    """What both heads say is added."""
    top, bottom = _OUTPUTS
    page.add_box(axes, (_HEADS, top, _WIDTH - 12, bottom), INK, fill=True, facecolor=PALE)
    words = "box deltas and class logits of each cell: the sum of both"
    axes.text((_HEADS + _WIDTH - 12) / 2, (top + bottom) / 2, words, ha="center", va="center")
    edge = _ROWS[-1] + _BOX[1] / 2 + 3
    for x in (_HEADS + _BOX[0] / 2, sum(_shared_sides()) / 2):
        page.add_arrow(axes, (x, edge), (x, top - 3))


def draw_small_objects() -> Figure:
    """Small objects, with the anchors that SSD's matcher gives them, and the candidates of plus."""
    image, boxes, labels = _small_scene()
    figure = page.new_figure(880, 500)
    left, right = figure.subplots(1, 2)
    valid = np.ones((1, len(boxes)), bool)
    anchors = model_anchors(ModelConfig())
    matched = match(boxes[None], valid, anchors)[0]
    plus = model_anchors(_PLUS)
    # A network that knows no better than its anchors do.
    found = Found(plus[None], np.full((1, len(plus), int(labels.max()) + 1), 0.5, np.float32))
    rows = np.asarray(
        Assigner("task_aligned", _PLUS)(Objects(boxes[None], labels[None], valid), found).rows
    )[0]
    for axes in (left, right):
        page.show_image(axes, image, pale=0.6)
        axes.set(xlim=(0, _SIDE * 0.5), ylim=(_SIDE * 0.42, 0))
        axes.axis("off")
    for row, (box, label) in enumerate(zip(boxes * _SIDE, labels, strict=True)):
        colour = COLOURS[label % len(COLOURS)]
        for axes in (left, right):
            page.add_box(axes, box, colour, linewidth=2)
        for anchor in anchors[matched == row] * _SIDE:
            page.add_box(left, anchor, colour, linewidth=0.8)
        centres = (plus[rows == row, :2] + plus[rows == row, 2:]) / 2 * _SIDE
        right.plot(*centres.T, "o", color=colour, markersize=4)
    counts = [[int((owner == row).sum()) for row in range(len(boxes))] for owner in (matched, rows)]
    for axes, words, own in zip(
        (left, right), ("anchors that overlap by half", "anchors in it that fit best"), counts,
        strict=True,
    ):  # fmt: skip
        axes.set_title(f"{words}: {', '.join(map(str, own))} for the {len(own)} objects", color=INK)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.93, wspace=0.03)
    return figure


def _small_scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The image of the figures, small on a plain ground; boxes in fractions, and labels."""
    sheet, boxes, labels, _ = page.scene()
    height, width = sheet.shape[:2]
    canvas_height, canvas_width = round(height / _SMALL), round(width / _SMALL)
    canvas = np.full((canvas_height, canvas_width, 3), sheet.mean(axis=(0, 1)), np.uint8)
    shift = (round(0.08 * canvas_width), round(0.06 * canvas_height))
    canvas[shift[1] : shift[1] + height, shift[0] : shift[0] + width] = sheet
    moved = (boxes + np.array([*shift, *shift])) / ([canvas_width, canvas_height] * 2)
    return resize(canvas, _SIDE), moved.astype(np.float32), np.asarray(labels)
