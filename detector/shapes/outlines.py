"""Outlines of the six shapes, random as drawn by hand, or exact as printed.

A shape lies in a unit frame: centred on 0, y down, its longest side about 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SHAPES = ("circle", "triangle", "square", "star", "cross", "heart")
"""Class names in the order of their labels."""

_CURVE = 48  # points of a round side
_STRAIGHT = 9  # points of a straight one, which wobble may bend
_UPRIGHT = {"heart": 0.6, "star": 0.5, "triangle": 0.4, "cross": 0.6, "square": 0.4}


class Outline(NamedTuple):
    """A shape as lines."""

    sides: list[np.ndarray]  # float `(P, 2)` each, xy: the strokes of a pen, in order
    polygon: np.ndarray | None = None  # float `(P, 2)`, what may be filled; None: nothing inside

    @classmethod
    def closed(cls, sides: list[np.ndarray]) -> Outline:
        """One whose sides, each from the end of the last, enclose its polygon."""
        return cls(sides, np.concatenate([side[:-1] for side in sides]))


def draw_outline(label: int, rng: np.random.Generator, wobble: float, is_loose: bool) -> Outline:
    """One shape of a class, no two alike.

    Args:
        label: index into `SHAPES`.
        rng: decides on everything that is left open.
        wobble: how far a hand strays, share of the shape's size; 0 for a ruler.
        is_loose: whether sides may miss their corners, or overshoot.
    """
    name = SHAPES[label]
    sides = _SIDES[name](rng)
    is_closed = not (name == "cross" and len(sides) == 2)
    if is_closed and rng.random() < 0.2:
        sides = [_rounded(np.concatenate([side[:-1] for side in sides]), rng)]
    elif name == "star" and len(sides) == 10 and rng.random() < 0.2:
        sides, is_closed = _in_one_go(sides), False
    bend = _bend(rng, wobble)
    sides = [bend(side) for side in _fit_unit(sides, _turn(name, rng))]
    outline = Outline.closed(sides) if is_closed else Outline(sides)
    if is_loose:
        return outline._replace(sides=[_loosened(side, rng) for side in sides])
    return outline


def straight(corners: np.ndarray) -> list[np.ndarray]:
    """The sides of a polygon, `(P, 2)` each, from its corners `(C, 2)`."""
    steps = np.linspace(0, 1, _STRAIGHT)[:, None]
    following = np.roll(corners, -1, axis=0)
    return [a + (b - a) * steps for a, b in zip(corners, following, strict=True)]


def rotated(points: np.ndarray, angle: float) -> np.ndarray:
    """Points `(P, 2)` turned about 0, from x towards y; the angle is in radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])


def around(angles: np.ndarray, radii: np.ndarray | float) -> np.ndarray:
    """Points `(P, 2)` around 0 from angles `(P,)`, in radians."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.reshape(radii, (-1, 1))


def _circle(rng: np.random.Generator) -> list[np.ndarray]:
    angles = np.linspace(0, 2 * math.pi, _CURVE) + rng.uniform(0, 2 * math.pi)
    return [around(angles, 1.0) * (1.0, 1 - 0.2 * rng.random() ** 2)]


def _triangle(rng: np.random.Generator) -> list[np.ndarray]:
    least = math.radians(56)  # twice the smallest angle of the triangle
    slack = rng.dirichlet((1.0, 1.0, 1.0) if rng.random() < 0.6 else (40.0, 40.0, 40.0))
    gaps = least + slack * (2 * math.pi - 3 * least)
    return straight(around(-math.pi / 2 + np.cumsum(gaps), 1.0))


def _square(rng: np.random.Generator) -> list[np.ndarray]:
    ratio = 1.0 if rng.random() < 0.4 else rng.uniform(1, 1.3)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (ratio, 1.0)
    return straight(corners if rng.random() < 0.5 else corners[:, ::-1])


def _star(rng: np.random.Generator) -> list[np.ndarray]:
    points = int(rng.choice([4, 5, 6], p=[0.08, 0.8, 0.12]))
    inner = rng.uniform(*{4: (0.28, 0.42), 5: (0.34, 0.56), 6: (0.42, 0.62)}[points])
    angles = -math.pi / 2 + np.arange(2 * points) * math.pi / points
    return straight(around(angles, np.tile([1.0, inner], points)))


def _cross(rng: np.random.Generator) -> list[np.ndarray]:
    long, wide = 1.0, rng.uniform(0.75, 1.0)
    if rng.random() < 0.5:  # two strokes of a pen
        shift = rng.uniform(-0.12, 0.12, 2)
        ends = (((-long, shift[0]), (long, shift[0])), ((shift[1], -wide), (shift[1], wide)))
        return [straight(np.array(pair))[0] for pair in ends]
    arm = rng.uniform(0.13, 0.36)
    quarter = np.array([[arm, -arm], [long, -arm], [long, arm]])
    turns = [quarter @ np.linalg.matrix_power([[0, 1], [-1, 0]], turn) for turn in range(4)]
    return straight(np.concatenate(turns) * (1.0, wide))


def _heart(rng: np.random.Generator) -> list[np.ndarray]:
    if rng.random() < 0.4:
        t = np.linspace(0, math.pi, _CURVE // 2)
        y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
        half = np.stack([16 * np.sin(t) ** 3, y], axis=1) * (1.0, rng.uniform(0.85, 1.2))
    else:
        half = _bezier_half(rng)
    return [half, half[::-1] * (-1.0, 1.0)]


def _bezier_half(rng: np.random.Generator) -> np.ndarray:
    """The right half of a heart, from its dip to its tip: a lobe and a flank."""
    dip, top, tip = rng.uniform(-0.62, -0.35), rng.uniform(-1.25, -1.05), rng.uniform(0.85, 1.15)
    shoulder = (1.0, rng.uniform(-0.55, -0.3))
    lobe = [(0.0, dip), (rng.uniform(0.1, 0.3), top), (1.0, top), shoulder]
    flank = [shoulder, (1.0, rng.uniform(-0.15, 0.25)), (rng.uniform(0.2, 0.45), 0.5), (0.0, tip)]
    t = np.linspace(0, 1, _CURVE // 4)[:, None]
    weights = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    return np.concatenate([(weights @ np.array(lobe))[:-1], weights @ np.array(flank)])


_SIDES: dict[str, Callable[[np.random.Generator], list[np.ndarray]]] = {
    "circle": _circle,
    "triangle": _triangle,
    "square": _square,
    "star": _star,
    "cross": _cross,
    "heart": _heart,
}


def _turn(name: str, rng: np.random.Generator) -> float:
    """Radians: often nearly upright, as people draw, else any."""
    if rng.random() < _UPRIGHT.get(name, 0.0):
        diagonal = math.pi / 4 if name == "cross" and rng.random() < 0.5 else 0.0
        return diagonal + rng.normal(0, 0.12)
    return rng.uniform(0, 2 * math.pi)


def _fit_unit(sides: list[np.ndarray], turn: float) -> list[np.ndarray]:
    turned = [rotated(side, turn) for side in sides]
    every = np.concatenate(turned)
    low, high = every.min(axis=0), every.max(axis=0)
    return [(side - (low + high) / 2) / (high - low).max() for side in turned]


def _bend(rng: np.random.Generator, amount: float) -> Callable[[np.ndarray], np.ndarray]:
    """A smooth displacement of the plane, the same for all sides, so that corners stay shut."""
    waves, phases = rng.normal(0, 4.0, (2, 4)), rng.uniform(0, 2 * math.pi, 4)
    ways = rng.normal(0, amount / 2, (4, 2))
    return lambda points: points + np.sin(points @ waves + phases) @ ways


def _rounded(polygon: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One closed side with rounded corners, by a moving average along the outline."""
    reach = int(rng.integers(1, 3))
    steps = range(-reach, reach + 1)
    smooth = np.mean([np.roll(polygon, step, axis=0) for step in steps], axis=0)
    return np.concatenate([smooth, smooth[:1]])


def _in_one_go(sides: list[np.ndarray]) -> list[np.ndarray]:
    """A five-pointed star as five lines from tip to tip."""
    tips = np.array([side[0] for side in sides[::2]])
    return straight(tips[[0, 2, 4, 1, 3]])


def _loosened(side: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A side that begins and ends a little early or late."""
    for over in np.clip(rng.normal(0.01, 0.03, 2), -0.05, 0.08):
        step = side[0] - side[1]
        length = float(np.hypot(*step)) + 1e-9
        if over > 0:
            side = np.vstack([side[0] + step * (over / length), side])
        else:
            side = side[min(round(-over / length), len(side) // 4) :]
        side = side[::-1]
    return side
