"""Distractors: what also stands on drawings and is none of the six shapes."""

from __future__ import annotations

import math

import cv2
import numpy as np

from detector.shapes.outlines import Outline, around, rotated, straight
from detector.shapes.render import Sprite

Sides = list[np.ndarray]  # as those of an `Outline`

_LETTERS = "ABCEFGHJKLMNPRSUVWYZabcdefghjkmnprsuvwyz1234567"  # no O, Q, T, X, t, x, 0, 8, 9
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def draw_distractor(rng: np.random.Generator) -> Outline:
    """Lines that are none of the six shapes, in the unit frame."""
    draw = _DRAWERS[int(rng.integers(len(_DRAWERS)))]
    turn = rng.uniform(0, 2 * math.pi)
    sides = [rotated(side, turn) for side in draw(rng)]
    return Outline.closed(sides) if draw in _CLOSED else Outline(sides)


def draw_word(rng: np.random.Generator, size: float) -> Sprite:
    """A few letters or digits; `size` is about their length, px."""
    text = "".join(rng.choice(list(_LETTERS), int(rng.integers(1, 9))))
    font = int(rng.choice(_FONTS))
    unit = max(size, 12.0) * float(np.clip(200 / size, 1.0, 2.0))
    (width, height), below = cv2.getTextSize(text, font, 1.0, 1)
    scale = unit / max(width, height + below)
    thickness = max(1, round(float(rng.uniform(0.5, 2.5)) * scale))
    side = 2 * math.ceil(0.7 * unit + thickness + 2)  # letters may reach beyond their size
    mask = np.zeros((side, side), np.uint8)
    start = (round((side - width * scale) / 2), round((side + height * scale) / 2))
    cv2.putText(mask, text, start, font, scale, 255, thickness, cv2.LINE_AA)
    if rng.random() < 0.5:
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.normal(0, 15), 1.0)
        mask = cv2.warpAffine(mask, turn, (side, side))
    return Sprite(mask[..., None], unit)


def _arrow(rng: np.random.Generator) -> Sides:
    head, spread = rng.uniform(0.12, 0.3), rng.uniform(0.08, 0.2)
    bow = rng.uniform(-0.2, 0.2)
    t = np.linspace(-0.5, 0.5, 12)
    shaft = np.stack([t, bow * (0.25 - t**2) * 4], axis=1)
    return [shaft, shaft[-1] + np.array([(-head, -spread), (0.0, 0.0), (-head, spread)])]


def _scribble(rng: np.random.Generator) -> Sides:
    """A line that wanders on and hardly crosses itself."""
    steps = int(rng.integers(5, 16))
    x = np.linspace(-0.5, 0.5, steps)
    knots = np.stack([x, rng.uniform(-0.25, 0.25, steps)], axis=1).astype(np.float32)
    smooth = cv2.resize(knots[:, None], (1, steps * 6), interpolation=cv2.INTER_CUBIC)
    return [smooth[:, 0].astype(float)]


def _zigzag(rng: np.random.Generator) -> Sides:
    steps = int(rng.integers(3, 10))
    x = np.linspace(-0.5, 0.5, steps)
    y = np.where(np.arange(steps) % 2, 1, -1) * rng.uniform(0.05, 0.25)
    return [np.stack([x, y + rng.normal(0, 0.02, steps)], axis=1)]


def _line(rng: np.random.Generator) -> Sides:
    t = np.linspace(-0.5, 0.5, 12)
    return [np.stack([t, rng.normal(0, 0.2) * t**2], axis=1)]


def _arc(rng: np.random.Generator) -> Sides:
    return [around(np.linspace(0, rng.uniform(0.4, 1.2) * math.pi, 24), 0.5)]


def _spiral(rng: np.random.Generator) -> Sides:
    angles = np.linspace(0, rng.uniform(3, 7) * math.pi, 90)
    return [around(angles, np.linspace(0.02, 0.5, 90))]


def _angle(rng: np.random.Generator) -> Sides:
    """A tick, an L, a V."""
    opening = rng.uniform(0.3, 1.8)
    arm = rng.uniform(0.3, 1.0)
    tip = [arm * math.cos(opening) / 2, arm * math.sin(opening) / 2]
    return [np.array([[0.5, 0.0], [0.0, 0.0], tip]) - (0.25, 0.1)]


def _long_ellipse(rng: np.random.Generator) -> Sides:
    return [around(np.linspace(0, 2 * math.pi, 40), 0.5) * (1.0, rng.uniform(0.12, 0.4))]


def _bar(rng: np.random.Generator) -> Sides:
    flat = rng.uniform(0.08, 0.4)
    return straight(np.array([[-1, -flat], [1, -flat], [1, flat], [-1, flat]]) / 2)


def _lightning(rng: np.random.Generator) -> Sides:
    corners = np.array(
        [[0.1, -1], [-0.45, 0.1], [-0.05, 0.1], [-0.2, 1], [0.5, -0.25], [0.1, -0.25], [0.4, -1]]
    )
    return straight(corners * (rng.uniform(0.8, 1.4), 1.0) / 2)


def _moon(rng: np.random.Generator) -> Sides:
    gap = rng.uniform(0.5, 0.9)
    rim = around(np.linspace(gap, 2 * math.pi - gap, 30), 0.5)
    centre = (rng.uniform(0.2, 0.3), 0.0)
    horn = rim[-1] - centre
    reach, start = float(np.hypot(*horn)), math.atan2(-horn[1], horn[0])
    inner = centre + around(-np.linspace(start, 2 * math.pi - start, 30), reach)
    return [np.concatenate([rim, inner, rim[:1]])]


def _half_disc(rng: np.random.Generator) -> Sides:
    rim = around(np.linspace(0, rng.uniform(0.85, 1.0) * math.pi, 24), 0.5)
    return [np.concatenate([rim, rim[:1]])]


_DRAWERS = (
    *(_arrow, _scribble, _zigzag, _line, _arc, _spiral),
    *(_long_ellipse, _bar, _angle, _lightning, _moon, _half_disc),
)
_CLOSED = frozenset({_long_ellipse, _bar, _lightning, _moon, _half_disc})
