"""The built-in clips, for a machine without a camera: a moving photo, and moving shapes.

The photo, a portrait that matplotlib's wheel carries as sample data, is found on every
installation, so the clip needs no file of its own. It drifts over a blurred enlargement of
itself, so that there is something to follow.
"""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from detector.images import sample_photo
from detector.shapes.animation import moving_scene

_FRAMES = 180
_HEIGHT, _WIDTH = 480, 640
_FAR, _NEAR = 0.55, 0.85  # px of the frame per px of the photo (512 x 600)
_SWAY = 160.0  # px of the frame; about two thirds of it is reached
_BLUR_SIGMA = 25.0  # px
_SHAPES_FRAMES = 300


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
    photo, size = sample_photo(), (_WIDTH, _HEIGHT)
    height, width = photo.shape[:2]
    backdrop = cv2.GaussianBlur(cv2.resize(photo, size), (0, 0), _BLUR_SIGMA) // 2
    for index in range(_FRAMES):
        turn = 2 * math.pi * index / _FRAMES
        nearness = (1 - math.cos(turn)) / 2  # starts and ends at rest
        scale = _FAR + (_NEAR - _FAR) * nearness
        x = (_WIDTH - scale * width) / 2 + _SWAY * nearness * math.sin(turn)
        # cv2.resize would round the position to whole pixels and the image would tremble.
        to_frame = np.array([[scale, 0, x], [0, scale, (_HEIGHT - scale * height) / 2]])
        beyond, dst = cv2.BORDER_TRANSPARENT, backdrop.copy()
        yield cv2.warpAffine(photo, to_frame, size, dst, cv2.INTER_LINEAR, beyond)


PHOTO_CLIP = Clip(_photo_frames, _FRAMES, 30.0)
"""For models that know people."""

_moving_shapes = functools.partial(moving_scene, 1, _SHAPES_FRAMES, (_HEIGHT, _WIDTH))
SHAPES_CLIP = Clip(_moving_shapes, _SHAPES_FRAMES, 30.0)
"""For models that know shapes."""
