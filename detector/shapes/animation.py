"""A synthetic clip of moving shapes, for a demonstration without a camera."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from detector.shapes.outlines import SHAPES, Outline, draw_outline
from detector.shapes.render import Colour, Patch, Pen, Sprite, make_sprite, print_patch, project
from detector.shapes.surfaces import SizeHW, draw_surface

_SHAPES: tuple[tuple[str, Pen, Colour], ...] = (
    ("heart", Pen("full", False, 0.04), (226, 58, 86)),
    ("star", Pen("none", True, 0.07), (240, 140, 24)),
    ("circle", Pen("full", False, 0.04), (32, 150, 136)),
    ("square", Pen("hatched", True, 0.05), (48, 98, 200)),
    ("triangle", Pen("none", True, 0.06), (128, 72, 186)),
    ("cross", Pen("full", False, 0.04), (46, 54, 78)),
    ("star", Pen("full", False, 0.04), (244, 190, 40)),
)
_MARGIN = 0.08  # of the image's sides, what the table has beyond it for the camera to sway
_SHADE = 80  # of 255, how dark the shadow of a cut-out is
_LIGHT = 200.0  # what the map of light has where it changes nothing


class _Mover(NamedTuple):
    """A shape on its way along a lying eight, which closes after one turn of time."""

    sprite: Sprite
    colours: list[Colour]  # of the layers of the sprite
    size: float  # px
    start: float  # radians along the eight
    spin: int  # whole turns about itself; 0: it rocks

    def at(self, time: float, size_hw: SizeHW) -> np.ndarray:
        """Its unit frame to px: float `(3, 3)`; `time` is in [0, 1)."""
        height, width = size_hw
        angle = 2 * math.pi * time
        along = angle + self.start
        x = width * (0.5 + 0.29 * math.sin(along) + 0.012 * math.sin(3 * angle + self.start))
        y = height * (0.5 + 0.22 * math.sin(2 * along) + 0.012 * math.sin(2 * angle))
        scale = self.size * (1 + 0.13 * math.sin(angle + 2 * self.start))
        turn = angle * self.spin if self.spin else 0.3 * math.sin(angle + self.start)
        return _similarity(scale, turn, x, y)


def _similarity(scale: float, turn: float, x: float, y: float) -> np.ndarray:
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])


def moving_scene(seed: int, count: int, size_hw: SizeHW = (480, 640)) -> Iterator[np.ndarray]:
    """Frames of shapes that drift over a sheet on a table, while camera and light move.

    Args:
        seed: of shapes and paths.
        count: of frames; the last flows into the first.
        size_hw: px.

    Yields:
        uint8 `(H, W, 3)`, RGB.
    """
    rng = np.random.default_rng(seed)
    table = _lay_table(rng, size_hw)
    # One behind the other; an odd number, so that they weave where the way crosses.
    places = rng.permutation(len(_SHAPES)) * (2 * math.pi / len(_SHAPES))
    shapes = zip(_SHAPES, places, strict=True)
    movers = [_mover(rng, *shape, 0.2 * min(size_hw), start) for shape, start in shapes]
    for index in range(count):
        time = index / count
        camera = _camera(time, size_hw)
        frame = _seen(table, camera, size_hw)
        for mover in movers:
            _put(frame, mover, camera @ mover.at(time, size_hw))
        yield cv2.multiply(frame, _light(time, size_hw), scale=1 / _LIGHT)


def _lay_table(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    """A wooden table with a sheet of paper, larger than the image by the margin."""
    height, width = (round(side * (1 + 2 * _MARGIN)) for side in size_hw)
    table = cv2.GaussianBlur(draw_surface(rng, (height, width), "wood"), (0, 0), 0.8)
    away = np.array([[-0.41, -0.39], [0.42, -0.4], [0.4, 0.41], [-0.42, 0.39]])
    quad = (0.5 + away * (1 - 2 * _MARGIN)) * (width, height)
    shade = np.full((height, width), 255, np.uint8)
    cv2.fillPoly(shade, [np.rint(quad + 0.012 * width).astype(np.int32)], 120)
    shade = cv2.GaussianBlur(shade, (0, 0), 0.012 * width)
    table = cv2.multiply(table, cv2.merge([shade] * 3), scale=1 / 255)
    cover = np.zeros((height, width, 3), np.uint8)
    cv2.fillPoly(cover, [np.rint(quad * 16).astype(np.int32)], (255, 255, 255), cv2.LINE_AA, 4)
    paper = np.full_like(table, (250, 247, 238))
    mixed = table + (paper.astype(np.float32) - table) * (cover / np.float32(255))
    return mixed.astype(np.uint8)


def _mover(
    rng: np.random.Generator, name: str, pen: Pen, colour: Colour, size: float, start: float
) -> _Mover:
    size *= rng.uniform(0.9, 1.15)
    drafts = [draw_outline(SHAPES.index(name), rng, 0.008, is_loose=False) for _ in range(4)]
    sprite = make_sprite([max(drafts, key=_fullness)], pen, 1.3 * size, rng)
    colours = [colour] * sprite.masks.shape[2]
    if not pen.has_outline:  # cut out of paper
        sprite, colours = _with_shadow(sprite), [(0.0, 0.0, 0.0), *colours]
    spin = 0 if name == "heart" else int(rng.choice([-1, 0, 1]))
    return _Mover(sprite, colours, size, start, spin)


def _fullness(outline: Outline) -> float:
    """Area inside; 0 for mere lines."""
    if outline.polygon is None:
        return 0.0
    return cv2.contourArea(outline.polygon.astype(np.float32))


def _with_shadow(sprite: Sprite) -> Sprite:
    """A soft shadow as the lowest layer; it turns with the shape."""
    reach = max(2, round(0.03 * sprite.unit))
    masks = np.pad(sprite.masks, ((3 * reach,) * 2, (3 * reach,) * 2, (0, 0)))
    shadow = cv2.GaussianBlur(masks[..., 0], (0, 0), reach) * (_SHADE / 255)
    return Sprite(np.dstack([shadow.astype(np.uint8), masks]), sprite.unit)


def _camera(time: float, size_hw: SizeHW) -> np.ndarray:
    """A hand that sways a little: px of the table to px of the image, `(3, 3)`."""
    height, width = size_hw
    angle = 2 * math.pi * time
    x = width * (0.5 + 0.012 * math.sin(2 * angle))
    y = height * (0.5 + 0.012 * math.cos(angle))
    middle = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    tilt = 0.06 * math.sin(angle + 1) / width
    sway = _similarity(1.01 + 0.015 * math.cos(angle), 0.02 * math.sin(angle), x, y)
    return sway @ np.array([[1, 0, 0], [0, 1, 0], [tilt, tilt, 1]]) @ middle


def _seen(table: np.ndarray, camera: np.ndarray, size_hw: SizeHW) -> np.ndarray:
    height, width = size_hw
    offset = np.array([[1, 0, -_MARGIN * width], [0, 1, -_MARGIN * height], [0, 0, 1]])
    return cv2.warpPerspective(table, camera @ offset, (width, height))


def _put(frame: np.ndarray, mover: _Mover, matrix: np.ndarray) -> None:
    size_hw = (frame.shape[0], frame.shape[1])
    x, y, masks = project(mover.sprite, matrix, size_hw)
    patch = Patch(x, y, masks, masks[..., 0]).inside(size_hw)
    print_patch(frame, patch, mover.colours, Pen("full", False, 0.0), np.random.default_rng(0))


def _light(time: float, size_hw: SizeHW) -> np.ndarray:
    """A warm lamp that wanders: uint8 `(H, W, 3)`, brightness times `_LIGHT`."""
    angle = 2 * math.pi * time
    y, x = np.mgrid[-1:1:12j, -1:1:16j].astype(np.float32)
    far = (x - 0.6 * math.cos(angle)) ** 2 + (y - 0.4 * math.sin(angle)) ** 2
    lamp = 0.8 + 0.22 * np.exp(-far / 1.6)
    cool, warm = lamp - 0.015 * far, lamp - 0.006 * far
    light = np.stack([lamp, warm, cool], axis=2) * _LIGHT
    return cv2.resize(light.astype(np.uint8), size_hw[::-1], interpolation=cv2.INTER_CUBIC)
