"""Figures of single layers and blocks, with the costs that `detector.summary` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detector.backbones import build_classifier
from detector.costs import layer_costs
from docs.draw_figures import style as page
from docs.draw_figures.style import BLUE, GREEN, GREY, INK, ORANGE, PALE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_EXAMPLE = 8
"""Block of MobileNetV1 whose costs are shown: 14x14, 512 to 512 channels."""

_DIMENSIONS = (2, 3, 5, 15, 30)  # of the paper's figure 1


class _Box(NamedTuple):
    """A block in space: left, top, width and height of its front, and how deep it is, px."""

    x: float
    y: float
    width: float
    height: float
    depth: float


def draw_separable() -> Figure:
    """A standard convolution, and the depthwise-separable one that stands for it."""
    costs = {cost.name: cost for cost in layer_costs(build_classifier("mobilenet_v1", 1000))}
    depthwise, pointwise = (costs[f"conv_{kind}_{_EXAMPLE}"] for kind in ("dw", "pw"))
    size, _, channels = depthwise.output_shape
    filters = pointwise.output_shape[-1]
    standard = size * size * 9 * channels * filters
    figure, axes = page.canvas(880, 380)

    axes.text(12, 24, "standard convolution", fontweight="bold")
    _draw_tensor(axes, 40, 108, f"{size} x {size} x {channels}")
    _draw_kernels(axes, 240, 92, (24, 24, 56), ORANGE, f"{filters} kernels of 3 x 3 x {channels}")
    _draw_tensor(axes, 700, 108, f"{size} x {size} x {filters}")
    page.add_arrow(axes, (150, 108), (222, 108))
    page.add_arrow(axes, (470, 108), (690, 108))
    axes.text(580, 98, f"{standard:,}\nmultiply-adds", ha="center", va="bottom", color=ORANGE)

    axes.plot([12, 868], [190, 190], color=PALE, linewidth=1)
    axes.text(12, 214, "depthwise-separable convolution", fontweight="bold")
    _draw_tensor(axes, 40, 298, f"{size} x {size} x {channels}")
    _draw_kernels(axes, 200, 282, (24, 24, 5), BLUE, f"{channels} kernels of 3 x 3 x 1")
    _draw_tensor(axes, 385, 298, f"{size} x {size} x {channels}")
    _draw_kernels(axes, 540, 290, (8, 8, 56), GREEN, f"{filters} kernels of 1 x 1 x {channels}")
    _draw_tensor(axes, 760, 298, f"{size} x {size} x {filters}")
    for start, end in ((148, 186), (330, 372), (488, 524), (720, 748)):
        page.add_arrow(axes, (start, 298), (end, 298))
    axes.text(262, 250, f"{depthwise.multiply_adds:,}", ha="center", color=BLUE)
    axes.text(620, 250, f"{pointwise.multiply_adds:,}", ha="center", color=GREEN)
    together = depthwise.multiply_adds + pointwise.multiply_adds
    words = f"together {together:,} multiply-adds: {together / standard:.4f} of the standard ones"
    axes.text(868, 214, words, ha="right", color=INK)
    return figure


def _draw_tensor(axes: Axes, x: float, y: float, words: str) -> None:
    _draw_box(axes, _Box(x, y - 24, 56, 56, 40), GREY)
    axes.text(x + 40, y + 54, words, ha="center")


def _draw_kernels(
    axes: Axes, x: float, y: float, shape: tuple[float, float, float], colour: str, words: str
) -> None:
    """Some kernels in a row, and what they are."""
    width, height, depth = shape
    step = width + 0.55 * depth + 12
    shown = 3
    for number in range(shown):
        _draw_box(axes, _Box(x + number * step, y, width, height, depth), colour)
    axes.text(x + shown * step - 2, y + height / 2, "...", va="center", color=colour)
    axes.text(x + (shown * step) / 2, y + height + 38, words, ha="center", color=colour)


def _draw_box(axes: Axes, box: _Box, colour: str) -> None:
    """In parallel projection, from the front: depth goes up and to the right."""
    from matplotlib.patches import Polygon

    x, y, width, height, depth = box
    dx, dy = 0.55 * depth, -0.45 * depth
    front = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    top = [(x, y), (x + dx, y + dy), (x + width + dx, y + dy), (x + width, y)]
    right = x + width
    side = [
        (right, y),
        (right + dx, y + dy),
        (right + dx, y + height + dy),
        (right, y + height),
    ]
    for corners, shade in ((front, "44"), (top, "22"), (side, "33")):
        axes.add_patch(Polygon(corners, facecolor=colour + shade, edgecolor=colour, linewidth=1))


def draw_inverted_residual() -> Figure:
    """A residual block of ResNet, and one of MobileNetV2: `block_4` at 300 px."""
    figure, axes = page.canvas(880, 300)
    axes.text(12, 24, "residual block: wide, narrow, wide (256 channels, as in ResNet)")
    _draw_block(axes, 40, (256, 64, 64, 256), ("1x1", "3x3", "1x1"), is_linear=False)
    axes.text(460, 24, "inverted residual: narrow, wide, narrow (block_4, 38 x 38)")
    kinds = ("1x1 expand", "3x3 depthwise", "1x1 project")
    _draw_block(axes, 488, (32, 192, 192, 32), kinds, is_linear=True)
    axes.plot([440, 440], [12, 288], color=PALE, linewidth=1)
    return figure


def _draw_block(
    axes: Axes, left: float, channels: Sequence[int], kinds: Sequence[str], is_linear: bool
) -> None:
    """Tensors as bars as high as they have channels; dashed ones are linear."""
    middle, step, width = 168.0, 112, 26
    tops = []
    for number, count in enumerate(channels):
        x, half = left + step * number, 10 + 56 * count / max(channels)
        linear = is_linear and number in (0, len(channels) - 1)
        look = {"linestyle": (0, (4, 2)) if linear else "-", "fill": True}
        colour = GREEN if linear else BLUE
        box = (x, middle - half, x + width, middle + half)
        page.add_box(axes, box, colour, facecolor=colour + "22", **look)
        after = "linear" if linear else "ReLU6" if is_linear else "ReLU"
        axes.text(x + width / 2, middle + half + 16, f"{count}", ha="center")
        axes.text(x + width / 2, middle + half + 31, after, ha="center", color=colour, fontsize=8)
        tops.append((x + width / 2, middle - half))
    for number, kind in enumerate(kinds):
        x = left + step * number + width
        page.add_arrow(axes, (x + 4, middle), (x + step - width - 4, middle))
        axes.text(x + (step - width) / 2, middle - 10, kind, ha="center", fontsize=8)
    _draw_skip(axes, tops[0], tops[-1])


def _draw_skip(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    top = 60
    axes.plot([start[0], start[0], end[0]], [start[1], top, top], color=ORANGE, linewidth=1.4)
    page.add_arrow(axes, (end[0], top), (end[0], end[1]), ORANGE)
    middle = (start[0] + end[0]) / 2
    axes.text(middle, top - 6, "added", ha="center", color=ORANGE)


def draw_linear_bottleneck() -> Figure:
    """What ReLU leaves of a spiral that was brought into n dimensions and back."""
    spiral = _spiral()
    figure = page.new_figure(880, 200)
    panels = figure.subplots(1, 1 + len(_DIMENSIONS))
    rng = np.random.default_rng(4)
    shown = [("input", spiral)]
    for count in _DIMENSIONS:
        there = rng.normal(size=(2, count))
        back = np.linalg.pinv(there)
        shown.append((f"n = {count}", np.maximum(spiral @ there, 0) @ back))
    for axes, (title, points) in zip(panels, shown, strict=True):
        for colour, start, end in _pieces(len(points)):
            axes.plot(*points[start:end].T, color=colour, linewidth=1.6)
        axes.set(xticks=[], yticks=[], title=title, box_aspect=1)
        axes.margins(0.12)
    figure.subplots_adjust(0.01, 0.02, 0.99, 0.88, wspace=0.06)
    return figure


def _pieces(count: int) -> list[tuple[str, int, int]]:
    """Colour, first and last point of the pieces of a line of so many points."""
    edges = np.linspace(0, count, len(page.COLOURS) + 1).astype(int).tolist()
    ends = [end + 1 for end in edges[1:]]  # pieces meet
    return list(zip(page.COLOURS, edges[:-1], ends, strict=True))


def _spiral() -> np.ndarray:
    """Points `(N, 2)` on a line that winds outwards."""
    turn = np.linspace(0.3, 4.5 * np.pi, 180)
    return np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=1)
