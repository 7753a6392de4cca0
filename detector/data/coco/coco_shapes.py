"""Boxes of COCO annotations that have no `bbox`, or one that was turned after it was drawn."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from detector.data.values import number, numbers

Box = list[float]  # x, y, width, height in px

_OUTLINED = "objects without a bbox, of whose outlines the bounds are taken"
_TURNED = "boxes turned by attributes.rotation, of which the upright bounds are taken"

_BBOX, _ATTRIBUTES = attrgetter("bbox"), attrgetter("attributes")


class CocoAnnotation(msgspec.Struct, gc=False):
    """An entry of `annotations`, its outline left out; anything may be wrong with it."""

    id: Any = None
    image_id: Any = None
    category_id: Any = None
    bbox: Any = None
    area: Any = None
    iscrowd: Any = 0
    ignore: Any = 0
    difficult: Any = 0
    attributes: Any = None


class CocoOutline(msgspec.Struct, gc=False):
    """The outline of an entry of `annotations`."""

    segmentation: Any = None


def make_upright(
    piece: Sequence[CocoAnnotation], parse: Callable[[Any], Any], counts: Counter[str]
) -> list[int]:
    """Give annotations without a `bbox`, or with a turned one, the upright bounds instead.

    CVAT writes a box as it was before it was turned, and the degrees into its attributes.

    Args:
        piece: annotations; their `bbox` may be replaced.
        parse: gives the same annotations as another type, such as `list[CocoOutline]`.
        counts: takes how many were changed, by what is said of them.

    Returns:
        the rows of those that were turned.
    """
    if all(map(_BBOX, piece)) and not any(map(_ATTRIBUTES, piece)):  # nearly always
        return []
    turned = [row for row, a in enumerate(piece) if rotation(a.attributes)]
    absent = [row for row, a in enumerate(piece) if not a.bbox]
    if not turned and not absent:
        return []
    outlines = parse(list[CocoOutline])
    for row in absent:
        if bounds := outline_bounds(outlines[row].segmentation):
            piece[row].bbox = bounds
            counts[_OUTLINED] += 1
    for row in set(turned).difference(absent):
        if box := numbers(piece[row].bbox, 4):
            bounds = outline_bounds(outlines[row].segmentation)
            piece[row].bbox = bounds or turned_bounds(box, rotation(piece[row].attributes))
            counts[_TURNED] += 1
    return turned


def rotation(attributes: Any) -> float:
    """The degrees that an object's box was turned by, 0 to 360; 0 where nothing is said."""
    angle = attributes.get("rotation") if isinstance(attributes, dict) else None
    return (number(angle) or 0) % 360


def turned_bounds(box: Sequence[float], angle: float) -> Box:
    """The upright bounds of a box that is turned about its centre.

    Args:
        box: x, y, width, height in px, as it lay before.
        angle: degrees.
    """
    x, y, width, height = box
    cos, sin = (abs(f(math.radians(angle))) for f in (math.cos, math.sin))
    new = (width * cos + height * sin, width * sin + height * cos)
    return [x + (width - new[0]) / 2, y + (height - new[1]) / 2, *new]


def outline_bounds(segmentation: Any) -> Box | None:
    """The upright bounds of polygons as COCO writes them, [[x, y, x, y, ...], ...].

    None where there are none: of a mask (RLE) nothing is known without decoding it.
    """
    if not isinstance(segmentation, list):
        return None
    pieces = [numbers(piece) for piece in segmentation if isinstance(piece, list)]
    points = [value for piece in pieces if len(piece or ()) > 5 for value in piece or ()]
    if not points:
        return None
    left, top, right, bottom = (f(points[i::2]) for f in (min, max) for i in (0, 1))
    return [left, top, right - left, bottom - top]
