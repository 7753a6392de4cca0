"""The background of a synthetic image, and in it the plane that shapes are drawn on."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from detector.shapes.outlines import rotated
from detector.shapes.surfaces import SizeHW, any_colour, draw_room, draw_surface

_SHEETS = ("paper", "lined", "squared", "coloured paper", "screen", "whiteboard", "blackboard")
_SHEET_SHARES = (0.5, 0.1, 0.08, 0.06, 0.14, 0.06, 0.06)


class Background(NamedTuple):
    """What shapes are drawn on: a sheet of paper, a board or a screen, perhaps tilted."""

    image: np.ndarray  # uint8 `(H, W, 3)`, RGB
    plane: np.ndarray  # float `(3, 3)`, px of the flat sheet to px of `image`
    plane_hw: SizeHW  # of the sheet, px

    def at(self, x: float, y: float, size: float) -> np.ndarray:
        """Where a shape goes: float `(3, 3)`, its unit frame to px of `image`.

        Args:
            x: of its centre, px of the sheet.
            y: likewise.
            size: about how large it appears, px of `image`.
        """
        scale = size / self.scale(x, y)
        return self.plane @ np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]])

    def scale(self, x: float, y: float) -> float:
        """How large a px of the sheet at (x, y) appears, px of `image`."""
        centre, right, down = self.seen(np.array([[x, y], [x + 1, y], [x, y + 1]], float))
        area = np.linalg.det(np.stack([right - centre, down - centre]))
        return math.sqrt(max(abs(float(area)), 1e-9))

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Points of the sheet `(N, 2)`, xy in px, as px of `image`."""
        return cv2.perspectiveTransform(points[None], self.plane)[0]

    def are_on_sheet(self, boxes: np.ndarray) -> np.ndarray:
        """Whether all of each box of the image `(N, 4)`, xyxy, lies on the sheet: bool `(N,)`."""
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(1, -1, 2).astype(float)
        flat = cv2.perspectiveTransform(corners, np.linalg.inv(self.plane)).reshape(-1, 8)
        return np.all((flat > 0) & (flat < self.plane_hw[::-1] * 4), axis=1)


def draw_background(rng: np.random.Generator, size_hw: SizeHW, is_held: bool) -> Background:
    """A background of a kind that chance picks.

    Args:
        rng: decides on everything that is left open.
        size_hw: of the image, px.
        is_held: a sheet in a room, seen whole; else the surface fills the image.
    """
    return _held_sheet(rng, size_hw) if is_held else _whole_surface(rng, size_hw)


def _whole_surface(rng: np.random.Generator, size_hw: SizeHW) -> Background:
    height, width = size_hw
    surface = draw_surface(rng, size_hw)
    if rng.random() < 0.3:
        return Background(surface, np.eye(3), size_hw)
    lean = rng.uniform(0.01, 0.14)
    flat = _corners(width, height)
    # Only outwards, or the image would show what lies beyond the surface.
    outwards = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * rng.uniform(0, lean, (4, 2))
    plane = cv2.getPerspectiveTransform(
        flat, (flat + outwards * (width, height)).astype(np.float32)
    )
    image = cv2.warpPerspective(surface, plane, (width, height), borderMode=cv2.BORDER_REFLECT)
    return Background(image, plane, size_hw)


def _held_sheet(rng: np.random.Generator, size_hw: SizeHW) -> Background:
    height, width = size_hw
    room = draw_room(rng, size_hw) if rng.random() < 0.7 else draw_surface(rng, size_hw)
    ratio = rng.uniform(1.25, 1.75) ** rng.choice([-1, 1])  # of width to height; no square
    share = rng.uniform(0.3, 1.1)  # of the area of the image
    long = math.sqrt(share * height * width)
    sides = np.minimum(long * np.array([ratio**0.5, ratio**-0.5]), (1.15 * width, 1.15 * height))
    plane_hw = (round(sides[1]), round(sides[0]))
    centre = np.array([width, height]) * (0.5 + rng.uniform(-0.5, 0.5, 2) * max(0.05, 0.7 - share))
    flat = _corners(*plane_hw[::-1])
    quad = _lean(flat - flat.mean(axis=0), rng) + centre
    plane = cv2.getPerspectiveTransform(flat, quad.astype(np.float32))
    kind = str(rng.choice(_SHEETS, p=_SHEET_SHARES))
    sheet = draw_surface(rng, plane_hw, kind)
    if kind == "screen":
        frame = max(2, round(min(plane_hw) * rng.uniform(0.01, 0.05)))
        cv2.rectangle(sheet, (0, 0), plane_hw[::-1], any_colour(rng, 0, 60), 2 * frame)
    _drop_shadow(room, quad, rng)
    _lay_sheet(room, sheet, plane)
    return Background(room, plane, plane_hw)


def _lean(corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sheet turned and tilted in space, seen by a pinhole camera."""
    turn = rng.normal(0, 0.18)
    tilt, swing = rng.normal(0, 0.3, 2)
    far = np.abs(corners).max() * rng.uniform(3.0, 6.0)
    x, y = rotated(corners, turn).T
    depth = far + x * math.sin(swing) + y * math.sin(tilt)
    return np.stack([x * math.cos(swing), y * math.cos(tilt)], axis=1) * (far / depth)[:, None]


def _drop_shadow(room: np.ndarray, quad: np.ndarray, rng: np.random.Generator) -> None:
    if rng.random() < 0.4:
        return
    shade = np.full(room.shape[:2], 255, np.uint8)
    moved = quad + rng.normal(0, 4, 2)
    cv2.fillPoly(shade, [np.rint(moved).astype(np.int32)], int(rng.integers(110, 210)))
    room[:] = cv2.multiply(room, cv2.merge([cv2.blur(shade, (9, 9))] * 3), scale=1 / 255)


def _lay_sheet(room: np.ndarray, sheet: np.ndarray, plane: np.ndarray) -> None:
    size_wh = room.shape[1::-1]
    cover = cv2.warpPerspective(np.full(sheet.shape[:2], 255, np.uint8), plane, size_wh)
    laid = cv2.warpPerspective(sheet, plane, size_wh, borderMode=cv2.BORDER_REPLICATE)
    cv2.copyTo(laid, (cover > 127).astype(np.uint8), room)


def _corners(width: int, height: int) -> np.ndarray:
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
