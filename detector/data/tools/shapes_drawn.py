"""Geometry of what annotation tools draw (polygons, ellipses, turned rectangles) and its bounds."""

from __future__ import annotations

import base64
import io
import math
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from configs.errors import cut
from detector.data.values import number

_FARTHEST = 1e9  # px; what lies further out is no coordinate

_LARGEST = 1 << 26  # bytes of a mask's PNG

Points = np.ndarray
"""float64 `(N, 2)`, x and y."""


class Drawn(NamedTuple):
    """What was drawn around an object."""

    box: tuple[float, float, float, float]  # x1, y1, x2, y2
    outline: Sequence[Sequence[float]] = ()  # pieces, each x, y, x, y, ...
    shape: str = ""  # a noun where it is no upright rectangle ("polygon")


def coordinate(value: Any, what: str) -> float:
    """A coordinate from a number or its text.

    Raises:
        ValueError: it is none.
    """
    parsed = number(value)
    if parsed is None or isinstance(value, bool) or abs(parsed) > _FARTHEST:
        raise ValueError(f"its {what} is {str(value)[:40]!r}, not a number")
    return parsed


def one_line(value: Any) -> str:
    """A text of a file as part of a message."""
    return cut(str(value), 60)


def no_box(kind: Any) -> ValueError:
    """That a kind of shape is none that an object's box can be taken from."""
    return ValueError(f"is a {one_line(kind)}, which has no box")


def class_name(value: Any) -> str:
    """The name of a class with single spaces; that of a number is the number.

    Raises:
        ValueError: there is none.
    """
    name = " ".join(str("" if value is None else value).split())
    if not name or isinstance(value, dict | list):
        raise ValueError("has no class")
    return name


def points_of(values: Any) -> Points:
    """Points from pairs of numbers.

    Raises:
        ValueError: they are none.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ValueError("has no points")
    if not all(isinstance(one, Sequence) and len(one) == 2 for one in values):
        raise ValueError("has points that are not pairs of numbers")
    return np.array([[coordinate(edge, "point") for edge in one] for one in values], np.float64)


def upright(x1: float, y1: float, x2: float, y2: float) -> Drawn:
    """A rectangle from two opposite corners, in the order written."""
    return Drawn((x1, y1, x2, y2))


def between(corners: Points) -> Drawn:
    """An upright rectangle around some points, such as two corners in any order."""
    (x1, y1), (x2, y2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return Drawn((x1, y1, x2, y2))


def polygon(corners: Points, shape: str = "polygon") -> Drawn:
    """A closed outline.

    Raises:
        ValueError: it has fewer than three corners.
    """
    if len(corners) < 3:
        raise ValueError(f"is a {shape} of {len(corners)} points")
    return Drawn(between(corners).box, (corners.ravel().tolist(),), shape)


def turned(corner: Points, size: Points, degrees: float, pivot: Points) -> Drawn:
    """A rectangle turned clockwise.

    Args:
        corner: its upper left corner before the turn, x and y in px.
        size: width and height, px.
        degrees: of the turn.
        pivot: what it is turned around, x and y in px.
    """
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    corners = corner + unit * size
    if degrees % 360 == 0:
        return upright(*corners[0].tolist(), *corners[2].tolist())
    radians = math.radians(degrees)
    cos, sin = math.cos(radians), math.sin(radians)
    return polygon((corners - pivot) @ [[cos, sin], [-sin, cos]] + pivot, "rotated rectangle")


def ellipse(centre: Points, radii: Points, degrees: float = 0, shape: str = "ellipse") -> Drawn:
    """An ellipse, perhaps turned; its outline has 64 corners, its bounds are exact.

    Args:
        centre: x and y.
        radii: along x and y, before the turn.
        degrees: of the turn, clockwise.
        shape: what it is called.
    """
    radians = math.radians(degrees)
    cos, sin = math.cos(radians), math.sin(radians)
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outline = (circle * radii) @ [[cos, sin], [-sin, cos]] + centre
    reach = np.hypot(radii * [cos, cos], radii[::-1] * [sin, sin])
    (x1, y1), (x2, y2) = (centre - reach).tolist(), (centre + reach).tolist()
    return Drawn((x1, y1, x2, y2), (outline.ravel().tolist(),), shape)


def joined(pieces: Sequence[Drawn]) -> Drawn:
    """Several shapes that are one object."""
    boxes = np.array([piece.box for piece in pieces])
    x1, y1, x2, y2 = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    outline = [line for piece in pieces for line in piece.outline]
    return Drawn((x1, y1, x2, y2), outline, "multi-part object")


def mask(corner: Points, png: Any, is_packed: bool = False) -> Drawn:
    """The bounds of a mask.

    Args:
        corner: of its upper left pixel, x and y.
        png: an image of it in base64.
        is_packed: whether zlib packed it before.

    Raises:
        ValueError: it is none, or nothing is set in it.
    """
    from PIL import Image

    try:
        data = base64.b64decode(png, validate=True)
        data = zlib.decompressobj().decompress(data, _LARGEST) if is_packed else data
        with Image.open(io.BytesIO(data)) as image:
            grey = image.getchannel("A") if image.mode in ("LA", "RGBA") else image.convert("L")
            is_set = np.asarray(grey) > 0
    # On damaged files Pillow's decoders raise almost anything.
    except Exception as error:
        raise ValueError("has a mask that cannot be read") from error
    rows, columns = np.flatnonzero(is_set.any(axis=1)), np.flatnonzero(is_set.any(axis=0))
    if not len(rows):
        raise ValueError("has an empty mask")
    x, y = corner.tolist()
    edges = (x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1)
    x1, y1, x2, y2 = map(float, edges)
    return Drawn((x1, y1, x2, y2), (), "mask")
