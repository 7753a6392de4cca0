"""Rendering: outlines to masks, filled, hatched or as lines, and masks onto an image.

*Ink* is what a pen leaves: a mask of 0 ... 255, in which a pixel of `_INK` or more is drawn.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from detector.shapes.outlines import Outline, rotated

Colour = tuple[float, ...]  # RGB, 0 ... 255

_SHIFT = 4  # binary digits of the fractions of a pixel that OpenCV draws with
_INK = 64  # of 255: a pixel with this much ink counts as drawn


@dataclass(frozen=True)
class Pen:
    """How a shape is drawn."""

    fill: str  # "none", "full", "hatched" or "scribbled"
    has_outline: bool  # whether its sides are drawn
    width: float  # of the outline, share of the shape's size
    grain: float = 0.0  # 0 ... 1, how much the paper shows through, as with chalk or pencil
    opacity: float = 1.0  # 0 ... 1


class Sprite(NamedTuple):
    """A drawn shape, still without colour and place."""

    masks: np.ndarray  # uint8 `(T, T, L)`, ink of each layer, of which later ones lie on top
    unit: float  # px of `masks` per unit of the shape's frame; its centre is that of the masks


class Patch(NamedTuple):
    """A shape in its place, of which parts may lie outside the image."""

    x: int  # left edge, px of the image
    y: int  # top edge
    masks: np.ndarray  # uint8 `(h, w, L)`
    ink: np.ndarray  # bool `(h, w)`, where something is drawn

    def box(self) -> np.ndarray:
        """Float32 `(4,)`, xyxy in px; it may reach outside the image."""
        height, width = self.ink.shape
        return np.array([self.x, self.y, self.x + width, self.y + height], np.float32)

    def inside(self, size_hw: tuple[int, int]) -> Patch:
        """The part that lies in an image, perhaps empty."""
        x, y = max(self.x, 0), max(self.y, 0)
        part = np.s_[
            y - self.y : max(size_hw[0] - self.y, 0), x - self.x : max(size_hw[1] - self.x, 0)
        ]
        return Patch(x, y, self.masks[part], self.ink[part])

    def where(self) -> tuple[slice, slice]:
        """Its rows and columns of an image that it lies in."""
        height, width = self.ink.shape
        return np.s_[self.y : self.y + height, self.x : self.x + width]


def make_patch(x: int, y: int, masks: np.ndarray) -> Patch | None:
    """The smallest patch with all the ink of masks `(h, w, L)` at (x, y); None without any."""
    if not masks.size:
        return None
    ink = functools.reduce(cv2.max, cv2.split(masks)) >= _INK
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return None
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Patch(x + int(columns[0]), y + int(rows[0]), masks[part], ink[part])


def make_sprite(outlines: list[Outline], pen: Pen, size: float, rng: np.random.Generator) -> Sprite:
    """Draw a shape.

    Args:
        outlines: the shape, and once more for each time that its sides are traced anew.
        pen: how.
        size: about how large it will be in the image, px.
        rng: for hatching.
    """
    unit = max(size, 8.0) * float(np.clip(200 / size, 1.0, 2.0))
    stroke = max(pen.width * unit, 1.2 * unit / size)
    reach = max(float(np.abs(p).max()) for one in outlines for p in one.sides)
    side = 2 * math.ceil(reach * unit + stroke / 2 + 2)
    layers = []
    if pen.fill != "none" and outlines[0].polygon is not None:
        layers.append(_fill(outlines[0].polygon, pen.fill, unit, side, rng))
    if pen.has_outline or not layers:
        sides = [one for outline in outlines for one in outline.sides]
        layers.append(_lines(sides, unit, side, stroke))
    return Sprite(np.stack(layers, axis=2), unit)


def project(
    sprite: Sprite, matrix: np.ndarray, size_hw: tuple[int, int]
) -> tuple[int, int, np.ndarray]:
    """Put a sprite in its place.

    Args:
        sprite: what.
        matrix: float `(3, 3)`, the shape's unit frame to pixels of the image, perspective too.
        size_hw: of the image; masks reach at most half of it beyond its edges.

    Returns:
        left and top edge, px of the image; masks `(h, w, L)`, perhaps empty.
    """
    side = sprite.masks.shape[0]
    to_unit = np.array([[1, 0, 0.5 - side / 2], [0, 1, 0.5 - side / 2], [0, 0, sprite.unit]])
    corners = np.array([[[-1, -1], [1, -1], [1, 1], [-1, 1]]]) * (side / 2 / sprite.unit)
    placed = cv2.perspectiveTransform(corners, matrix)[0]
    limits = np.array(size_hw[::-1])
    low = np.clip(np.floor(placed.min(axis=0)), -limits // 2, limits * 3 // 2).astype(int)
    high = np.clip(np.ceil(placed.max(axis=0)), -limits // 2, limits * 3 // 2).astype(int)
    x, y = low.tolist()
    width, height = (high - low).tolist()
    if not (width and height):
        return x, y, np.zeros((0, 0, 1), np.uint8)
    # Continuous coordinates have the centre of the first pixel at 0.5, OpenCV's at 0.
    to_patch = np.array([[1, 0, -x - 0.5], [0, 1, -y - 0.5], [0, 0, 1]])
    masks = cv2.warpPerspective(sprite.masks, to_patch @ matrix @ to_unit, (width, height))
    return x, y, masks.reshape(height, width, -1)


def print_patch(
    image: np.ndarray, patch: Patch, colours: list[Colour], pen: Pen, rng: np.random.Generator
) -> None:
    """Colour the image where a patch has ink.

    Args:
        image: uint8 `(H, W, 3)`, changed.
        patch: wholly inside the image.
        colours: one per layer.
        pen: its grain and opacity.
        rng: where the grain lies.
    """
    target = image[patch.where()]
    cover = patch.masks.astype(np.float32) * (pen.opacity / 255)
    if pen.grain:
        cover *= _grain(cover.shape[:2], pen.grain, rng)[..., None]
    mixed = target.astype(np.float32)
    for layer, colour in enumerate(colours):
        mixed += (np.array(colour, np.float32) - mixed) * cover[..., layer, None]
    target[:] = mixed + 0.5


def _points(points: np.ndarray, unit: float, side: int) -> np.ndarray:
    """Unit frame to OpenCV's fixed point pixels."""
    pixels = points * unit + (side / 2 - 0.5)
    return np.rint(pixels * (1 << _SHIFT)).astype(np.int32)


def _lines(sides: list[np.ndarray], unit: float, side: int, width: float) -> np.ndarray:
    mask = np.zeros((side, side), np.uint8)
    lines = [_points(one, unit, side) for one in sides]
    cv2.polylines(mask, lines, False, 255, max(1, round(width)), cv2.LINE_AA, _SHIFT)
    return mask


def _fill(
    polygon: np.ndarray, fill: str, unit: float, side: int, rng: np.random.Generator
) -> np.ndarray:
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [_points(polygon, unit, side)], 255, cv2.LINE_AA, _SHIFT)
    if fill == "full":
        return mask
    count = int(rng.integers(10, 26))
    strokes = _hatching(rng, count, is_loose=fill == "scribbled")
    width = rng.uniform(0.25, 0.6) * 1.6 / count * unit
    return np.minimum(mask, _lines(strokes, unit, side, width))


def _hatching(rng: np.random.Generator, count: int, is_loose: bool) -> list[np.ndarray]:
    """Parallel lines across the unit frame, or one that goes to and fro."""
    across = np.repeat(np.linspace(-0.8, 0.8, count), 2)
    along = np.tile([-0.8, 0.8, 0.8, -0.8], count)[: 2 * count]
    if is_loose:
        across = across + rng.normal(0, 0.015, 2 * count)
    points = rotated(np.stack([across, along], axis=1), rng.uniform(0, math.pi))
    return [points] if is_loose else list(points.reshape(count, 2, 2))


def _grain(size_hw: tuple[int, ...], amount: float, rng: np.random.Generator) -> np.ndarray:
    """Which share of the ink took to the paper: float32 `(h, w)` in [0, 1]."""
    tile = _paper_tooth()
    y, x = (int(v) for v in rng.integers(0, 256, 2))
    rows, columns = np.arange(y, y + size_hw[0]) % 512, np.arange(x, x + size_hw[1]) % 512
    return np.clip(1.15 - amount * tile[np.ix_(rows, columns)], 0.15, 1.0)


@functools.cache
def _paper_tooth() -> np.ndarray:
    """Noise of two sizes, float32 `(512, 512)` in about [0, 2]."""
    rng = np.random.default_rng(0)
    fine = cv2.GaussianBlur(rng.random((512, 512), np.float32), (0, 0), 0.7)
    coarse = cv2.resize(rng.random((128, 128), np.float32), (512, 512))
    fine, coarse = ((part - part.mean()) / part.std() for part in (fine, coarse))
    return (fine * 0.35 + coarse * 0.15 + 0.8).astype(np.float32)
