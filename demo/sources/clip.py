"""The built-in clips, for a machine without a camera: a moving photo, and moving shapes.

The photo, a portrait that matplotlib's wheel carries as sample data, is found on every
installation, so the clip needs no file of its own. It drifts over a blurred enlargement of
itself, so that there is something to follow.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from detector.images import sample_photo

_FRAMES = 180
_HEIGHT, _WIDTH = 480, 640
_FAR, _NEAR = 0.55, 0.85  # px of the frame per px of the photo (512 x 600)
_SWAY = 160.0  # px of the frame; about two thirds of it is reached
_BLUR_SIGMA = 25.0  # px
_SHAPES_SEED, _SHAPES_FRAMES = 1, 300


@dataclass(frozen=True)
class Clip:
    """What plays where there is no camera.

    Attributes:
        frames: gives the frames: uint8 `(480, 640, 3)`, RGB; the last flows into the first.
        length: how many there are.
        fps: of them per second.
    """

    frames: Callable[[], Iterator[np.ndarray]]
    length: int
    fps: float


def _photo_frames() -> Iterator[np.ndarray]:
    """The frames of the clip: uint8 `(480, 640, 3)`, RGB; the last flows into the first."""
    photo = sample_photo()
    backdrop = cv2.GaussianBlur(cv2.resize(photo, (_WIDTH, _HEIGHT)), (0, 0), _BLUR_SIGMA) // 2
    for index in range(_FRAMES):
        yield _compose(photo, backdrop, *_pose(index / _FRAMES))


def _pose(time: float) -> tuple[float, float]:
    """Where the photo's centre is, px right of the frame's, and its scale, at a time in [0, 1)."""
    turn = 2 * math.pi * time
    nearness = (1 - math.cos(turn)) / 2  # starts and ends at rest
    return _SWAY * nearness * math.sin(turn), _FAR + (_NEAR - _FAR) * nearness


def _compose(photo: np.ndarray, backdrop: np.ndarray, right: float, scale: float) -> np.ndarray:
    height, width = photo.shape[:2]
    # cv2.resize would round the position to whole pixels and the image would tremble.
    to_frame = np.array(
        [
            [scale, 0, (_WIDTH - scale * width) / 2 + right],
            [0, scale, (_HEIGHT - scale * height) / 2],
        ]
    )
    return cv2.warpAffine(
        photo,
        to_frame,
        (_WIDTH, _HEIGHT),
        dst=backdrop.copy(),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )


def _shapes_frames() -> Iterator[np.ndarray]:
    from detector.shapes.animation import moving_scene

    return moving_scene(_SHAPES_SEED, _SHAPES_FRAMES, (_HEIGHT, _WIDTH))


PHOTO_CLIP = Clip(_photo_frames, _FRAMES, 30.0)
"""For models that know people."""

SHAPES_CLIP = Clip(_shapes_frames, _SHAPES_FRAMES, 30.0)
"""For models that know shapes."""
