"""The figure of the whole network, with the shapes of its own layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from configs.load import load_config
from detector.anchors import anchors_per_cell, feature_sizes
from detector.network import build_detector, tap_names
from detector.preprocess import resize
from detector.shapes.outlines import SHAPES
from detector.ssdlite import EXTRA_FILTERS
from docs.draw_figures import style as page
from docs.draw_figures.style import BLUE, COLOURS, GREEN, GREY, INK, ORANGE, PALE, PURPLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CLASSES = 90
_WIDTH, _HEIGHT = 880, 430  # px
# Last layers of the stages before the first tap, one for each resolution.
_STAGES = ("Conv1_relu", "block_2_add", "block_5_add")
_MIDDLE = 108  # px from the top: the axis that all stages are centred on
_HEADS, _OUTPUTS = 246, 326  # px from the top


class _Stage(NamedTuple):
    """A tensor of the network, and where it is drawn."""

    x: float
    side: float  # px on the page, along the image
    thickness: float  # px on the page, along the channels
    size: int
    channels: int
    colour: str


def draw_network() -> Figure:
    """From an image to detections, through the six feature maps of `coco_300`."""
    figure, axes = page.canvas(_WIDTH, _HEIGHT)
    config = load_config("coco_300").model
    network = build_detector(config, _CLASSES)
    extras = [f"extra_{number}_project_relu" for number in range(1, len(EXTRA_FILTERS) + 1)]
    names = [*_STAGES, *tap_names(config), *extras]
    shapes = [tuple(network.get_layer(name).output.shape[1:]) for name in names]
    stages = _laid_out(shapes)
    _draw_input(axes, config.input_size)
    for stage in stages:
        _draw_stage(axes, stage)
    _draw_brackets(axes, stages)
    maps = stages[len(_STAGES) :]
    counts = [
        (per_cell, size * size * per_cell)
        for size, per_cell in zip(feature_sizes(config), anchors_per_cell(config), strict=True)
    ]
    for stage, (per_cell, count) in zip(maps, counts, strict=True):
        _draw_head(axes, stage, per_cell, count)
    _draw_outputs(axes, maps, sum(count for _, count in counts))
    return figure


def _laid_out(shapes: list[tuple[int, ...]]) -> list[_Stage]:
    """From left to right; sides and thicknesses grow with the logarithm."""
    stages, x = [], 254.0
    for number, (size, _, channels) in enumerate(shapes):
        side = 10 + 110 * math.log(size + 1) / math.log(301)
        thickness = 4 + 5 * math.log2(channels / 16)
        is_map = number >= len(_STAGES)
        is_tap = is_map and number < len(_STAGES) + 2
        colour = BLUE if is_tap else GREEN if is_map else GREY
        stages.append(_Stage(x, side, thickness, size, channels, colour))
        x += 82 if is_map else 54
    return stages


def _draw_input(axes: Axes, input_size: int) -> None:
    image = page.scene().image
    height, width = image.shape[:2]
    for x, shown, box_width in ((12, image, 96), (150, resize(image, input_size), 72)):
        axes.imshow(
            np.asarray(shown)[::2, ::2],
            extent=(x, x + box_width, _MIDDLE + 36, _MIDDLE - 36),
            interpolation="none",
        )
    axes.set(xlim=(0, _WIDTH), ylim=(_HEIGHT, 0), aspect="auto")  # imshow has set its own
    axes.text(60, _MIDDLE + 52, f"image, {width} x {height}", ha="center")
    axes.text(186, _MIDDLE + 52, f"{input_size} x {input_size} x 3", ha="center")
    axes.text(129, _MIDDLE - 48, "resize", ha="center", color=GREY)
    page.add_arrow(axes, (111, _MIDDLE), (147, _MIDDLE))
    page.add_arrow(axes, (225, _MIDDLE), (248, _MIDDLE))


def _draw_stage(axes: Axes, stage: _Stage) -> None:
    half = stage.side / 2
    box = (stage.x, _MIDDLE - half, stage.x + stage.thickness, _MIDDLE + half)
    page.add_box(axes, box, stage.colour, fill=True, facecolor=stage.colour + "33")
    centre = stage.x + stage.thickness / 2
    label = f"{stage.size} x {stage.size}\nx {stage.channels}"
    axes.text(centre, _MIDDLE + half + 8, label, ha="center", va="top", linespacing=1.1, fontsize=8)


def _draw_brackets(axes: Axes, stages: list[_Stage]) -> None:
    first, tap, last = stages[0], stages[len(_STAGES) + 1], stages[-1]
    for start, end, words, colour in (
        (first.x, tap.x + tap.thickness, "backbone: MobileNetV2, with two taps (blue)", BLUE),
        (stages[len(_STAGES) + 2].x, last.x + last.thickness, "extra layers", GREEN),
    ):
        axes.plot([start, start, end, end], [36, 30, 30, 36], color=colour, linewidth=1.2)
        axes.text((start + end) / 2, 22, words, ha="center", color=colour)


def _draw_head(axes: Axes, stage: _Stage, per_cell: int, count: int) -> None:
    centre = stage.x + stage.thickness / 2
    bottom = _MIDDLE + stage.side / 2 + 36
    page.add_arrow(axes, (centre, bottom), (centre, _HEADS - 4))
    box = (centre - 38, _HEADS, centre + 38, _HEADS + 46)
    page.add_box(axes, box, ORANGE, fill=True, facecolor=ORANGE + "22")
    words = f"{per_cell} per cell\n{count:,} anchors"
    axes.text(centre, _HEADS + 23, words, ha="center", va="center", linespacing=1.4, fontsize=7.8)
    page.add_arrow(axes, (centre, _HEADS + 48), (centre, _OUTPUTS - 4))


def _draw_outputs(axes: Axes, maps: list[_Stage], anchors: int) -> None:
    left, right = maps[0].x - 22, maps[-1].x + 47
    axes.text(left - 26, _HEADS + 23, "heads", ha="right", va="center", color=ORANGE)
    page.add_box(axes, (left, _OUTPUTS, right, _OUTPUTS + 48), INK, fill=True, facecolor=PALE)
    words = (
        f"box_deltas {anchors:,} x 4: where, relative to each anchor\n"
        f"class_logits {anchors:,} x {_CLASSES + 1}: what, background first"
    )
    axes.text((left + right) / 2, _OUTPUTS + 24, words, ha="center", va="center", linespacing=1.5)
    page.add_arrow(axes, (left - 4, _OUTPUTS + 24), (left - 96, _OUTPUTS + 24))
    axes.text(left - 50, _OUTPUTS + 16, "decode,\nthreshold", ha="center", va="bottom", color=GREY)
    axes.text(left - 50, _OUTPUTS + 32, "NMS", ha="center", va="top", color=GREY)
    _draw_detections(axes, left - 100 - 152)


def _draw_detections(axes: Axes, left: float) -> None:
    image, boxes, labels, _ = page.scene()
    top, scale = _OUTPUTS - 46, 152 / image.shape[1]
    height = image.shape[0] * scale
    axes.imshow(image, extent=(left, left + 152, top + height, top), interpolation="none", zorder=1)
    axes.set(xlim=(0, _WIDTH), ylim=(_HEIGHT, 0), aspect="auto")
    for box, label in zip(boxes, labels, strict=True):
        moved = box * scale + np.array([left, top, left, top])
        page.add_box(axes, moved, COLOURS[label % len(COLOURS)], zorder=2)
    words = f"detections: boxes, classes ({SHAPES[labels[0]]}, ...), scores"
    axes.text(left + 76, top + height + 18, words, ha="center", color=PURPLE)
