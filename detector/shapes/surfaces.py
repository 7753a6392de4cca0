"""Surfaces that people draw on, and rooms to hold them up in: images without any shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import cv2
import numpy as np

from detector.shapes.render import Colour

SizeHW = tuple[int, int]

# Between the 256 steps of equal chance of a normal distribution, by its inverse.
_STEPS = [NormalDist().inv_cdf((step + 0.5) / 256) for step in range(256)]
_NORMAL = np.array(_STEPS, np.float32)


def draw_surface(rng: np.random.Generator, size_hw: SizeHW, kind: str | None = None) -> np.ndarray:
    """Something to draw on: paper, a board, a screen, wood, cloth.

    Args:
        rng: decides on everything that is left open.
        size_hw: px.
        kind: one of `SURFACES`; None for any.

    Returns:
        uint8 `(H, W, 3)`, RGB.
    """
    if kind is None:
        kind = str(rng.choice(SURFACES, p=[share for share, _ in _SURFACES.values()]))
    return _SURFACES[kind][1](rng, size_hw)


def draw_room(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    """A colourful room, mostly out of focus: uint8 `(H, W, 3)`, RGB."""
    small = (size_hw[0] // 2, size_hw[1] // 2)
    room = noise(rng, small, int(rng.integers(2, 6)), 3) * rng.uniform(60, 200)
    room = np.clip(room + rng.uniform(0, 110), 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(2, 14))):
        _furnish(room, rng)
    if rng.random() < 0.4:
        _seat(room, rng)
    blur = rng.uniform(0.8, 8.0) * small[0] / 160
    return cv2.resize(cv2.GaussianBlur(room, (0, 0), blur), size_hw[::-1])


def noise(rng: np.random.Generator, size_hw: SizeHW, cells: int, channels: int = 1) -> np.ndarray:
    """Smooth noise in [0, 1], float32 `(H, W)` or `(H, W, channels)`; `cells` lie along a side."""
    seeds = rng.random((cells, cells, channels), np.float32)
    smooth = cv2.resize(seeds, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0, 1)


def specks(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal noise, float32, in 256 steps, which is ten times as fast as NumPy's own."""
    levels = rng.integers(0, 256, shape, np.uint8)
    return cv2.LUT(levels, _NORMAL).reshape(shape)


def any_colour(rng: np.random.Generator, least: float = 0.0, most: float = 255.0) -> Colour:
    """Any colour whose parts lie in a range."""
    return tuple(rng.uniform(least, most, 3).tolist())


def skin_colour(rng: np.random.Generator) -> Colour:
    """A colour of people's skin, light or dark."""
    tone = rng.uniform(0, 1)
    light, dark = np.array([240, 200, 175]), np.array([90, 60, 45])
    return tuple((dark + (light - dark) * tone + rng.normal(0, 8, 3)).tolist())


def _paper(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    white = rng.uniform(205, 255)
    tint = (
        (0, -rng.uniform(0, 8), -rng.uniform(0, 30)) if rng.random() < 0.5 else rng.normal(0, 4, 3)
    )
    base = np.clip(white + np.array(tint), 150, 255)
    return _plain(size_hw, base, rng, rough=3.0)


def _screen(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    grey = rng.choice([rng.uniform(0, 40), rng.uniform(235, 255), rng.uniform(0, 255)])
    return _plain(size_hw, np.clip(grey + rng.normal(0, 6, 3), 0, 255), rng, rough=0.0)


def _whiteboard(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    base = rng.uniform(190, 250) + rng.normal(0, 4, 3)
    return _wiped(_plain(size_hw, base, rng, rough=0.0), rng, -rng.uniform(0, 18))


def _blackboard(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    greens = ((35, 40, 40), (30, 62, 48), (45, 75, 60), (25, 25, 28), (40, 50, 70))
    base = np.array(greens[rng.integers(len(greens))]) + rng.uniform(-12, 12)
    return _wiped(_plain(size_hw, np.maximum(base, 5), rng, rough=4.0), rng, rng.uniform(5, 40))


def _wood(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    height, width = size_hw
    fine = rng.random((height, max(width // 40, 3)), np.float32)
    coarse = rng.random((height // 8 + 2, max(width // 80, 3)), np.float32)
    veins = cv2.resize(fine, (width, height)) * 0.4 + cv2.resize(coarse, (width, height)) * 0.6
    dark = np.array([rng.uniform(50, 150), 0, 0])
    dark[1:] = dark[0] * rng.uniform(0.55, 0.8), dark[0] * rng.uniform(0.3, 0.6)
    light = np.minimum(dark * rng.uniform(1.2, 1.7), 250)
    wood = dark + (light - dark) * veins[..., None]
    plank = height / rng.integers(2, 7)
    joints = np.arange(plank, height - 1, plank).astype(int)
    wood[joints] *= 0.6
    image = wood.astype(np.uint8)
    if rng.random() < 0.5:
        return image
    return cv2.resize(cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE), size_hw[::-1])


def _cloth(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    rows, columns = np.arange(size_hw[0]), np.arange(size_hw[1])
    period = rng.uniform(2.5, 9)
    weave = np.sin(rows * 2 * math.pi / period)[:, None] * np.sin(columns * 2 * math.pi / period)
    folds = noise(rng, size_hw, int(rng.integers(2, 5))) - 0.5
    shade = 1 + weave * rng.uniform(0.02, 0.12) + folds * rng.uniform(0.1, 0.6)
    return np.clip(shade[..., None] * np.array(any_colour(rng, 30, 230)), 0, 255).astype(np.uint8)


def _gradient(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    corners = rng.uniform(0, 255, 3) + rng.normal(0, 60, (2, 2, 3))
    corners = np.clip(corners, 0, 255).astype(np.float32)
    # A resize has its corners half a cell inside.
    smooth = cv2.resize(corners, (2 * size_hw[1], 2 * size_hw[0]))
    return smooth[size_hw[0] // 2 :, size_hw[1] // 2 :][: size_hw[0], : size_hw[1]].astype(np.uint8)


def _colourful(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    spots = noise(rng, size_hw, int(rng.integers(2, 9)), 3) - 0.5
    base = rng.uniform(40, 215, 3) + spots * rng.uniform(40, 220)
    return np.clip(base, 0, 255).astype(np.uint8)


def _coloured_paper(rng: np.random.Generator, size_hw: SizeHW) -> np.ndarray:
    return _plain(size_hw, np.array(any_colour(rng, 20)), rng, rough=4.0)


_SURFACES: dict[str, tuple[float, Callable[[np.random.Generator, SizeHW], np.ndarray]]] = {
    "paper": (0.25, _paper),
    "coloured paper": (0.07, _coloured_paper),
    "screen": (0.07, _screen),
    "squared": (0.1, lambda *given: _ruled(_paper(*given), given[0], is_squared=True)),
    "lined": (0.08, lambda *given: _ruled(_paper(*given), given[0], is_squared=False)),
    "whiteboard": (0.11, _whiteboard),
    "blackboard": (0.08, _blackboard),
    "wood": (0.05, _wood),
    "cloth": (0.05, _cloth),
    "gradient": (0.05, _gradient),
    "colourful": (0.05, _colourful),
    "room": (0.04, draw_room),
}  # how often each is drawn, and by what
SURFACES = tuple(_SURFACES)


def _plain(size_hw: SizeHW, base: np.ndarray, rng: np.random.Generator, rough: float) -> np.ndarray:
    image = np.empty((*size_hw, 3), np.uint8)
    if not rough:
        image[:] = np.clip(base, 0, 255)
        return image
    fibres = specks(rng, (size_hw[0] // 2, size_hw[1] // 2))
    fibres = cv2.resize(fibres * rough * rng.random(dtype=np.float32), size_hw[::-1])
    coloured = cv2.merge([fibres + np.float32(part) for part in base])
    return np.clip(coloured, 0, 255).astype(np.uint8)


def _ruled(paper: np.ndarray, rng: np.random.Generator, is_squared: bool) -> np.ndarray:
    height, width = paper.shape[:2]
    step = rng.uniform(7, 26) * (1.0 if is_squared else 1.4)
    ink = (np.array([120, 150, 200]) + rng.normal(0, 25, 3)).clip(0, 255)
    strength = rng.uniform(0.15, 0.7)
    rows = np.arange(rng.uniform(0, step), height, step).astype(int)
    paper[rows] = paper[rows] * (1 - strength) + ink * strength
    if is_squared:
        columns = np.arange(rng.uniform(0, step), width, step).astype(int)
        paper[:, columns] = paper[:, columns] * (1 - strength) + ink * strength
    elif rng.random() < 0.5:
        margin = int(rng.uniform(0.06, 0.2) * width)
        paper[:, margin] = paper[:, margin] * 0.4 + np.array([220, 90, 90]) * 0.6
    return paper


def _wiped(board: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """What the sponge left: streaks, lighter or darker than the board."""
    size_wh = board.shape[1::-1]
    streaks = cv2.resize(rng.random((5, 9), np.float32), size_wh, interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.random((len(board) // 3, 12), np.float32), size_wh)
    smear = np.clip(streaks * 1.6 - 0.6, 0, 1) * (0.5 + 0.5 * fine) * amount
    return np.clip(board + smear[..., None], 0, 255).astype(np.uint8)


def _furnish(room: np.ndarray, rng: np.random.Generator) -> None:
    """A piece of furniture, a curtain, an image on the wall: long in one direction."""
    height, width = room.shape[:2]
    centre = rng.uniform(0, 1, 2) * (width, height)
    long = rng.uniform(0.2, 1.4) * height
    sides = (long, long / rng.uniform(1.8, 9.0))
    turn = rng.normal(0, 6) + 90 * rng.integers(2)
    corners = cv2.boxPoints((tuple(centre.tolist()), sides, float(turn)))
    cv2.fillPoly(room, [corners.astype(np.int32)], any_colour(rng), cv2.LINE_AA)


def _seat(room: np.ndarray, rng: np.random.Generator) -> None:
    """Somebody: shoulders, a head, hair, eyes; faces are no circles."""
    height, width = room.shape[:2]
    x, y = int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.15, 0.6) * height)
    head = rng.uniform(0.08, 0.22) * height
    skin, shirt, hair = skin_colour(rng), any_colour(rng), any_colour(rng, 10, 120)
    centre = (x, y + round(3.1 * head))
    body, face = (round(2.1 * head), round(2 * head)), (round(0.8 * head), round(1.1 * head))
    cv2.ellipse(room, centre, body, 0, 0, 360, shirt, -1, cv2.LINE_AA)
    cv2.line(room, (x, y), (x, y + round(1.5 * head)), skin, max(1, face[0]), cv2.LINE_AA)
    cv2.ellipse(room, (x, y), face, 0, 0, 360, skin, -1, cv2.LINE_AA)
    top = (x, y - round(0.25 * head))
    cv2.ellipse(room, top, (round(0.9 * head), round(head)), 0, 180, 360, hair, -1, cv2.LINE_AA)
    for eye in (x - round(0.32 * head), x + round(0.32 * head)):
        cv2.ellipse(room, (eye, y), (round(0.12 * head), round(0.06 * head)), 0, 0, 360, hair, -1)
    mouth = (x, y + round(0.45 * head))
    cv2.ellipse(room, mouth, (round(0.3 * head), round(0.1 * head)), 0, 0, 180, (120, 50, 50), 1)
