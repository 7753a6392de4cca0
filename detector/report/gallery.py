"""Galleries of a report: images read small, with their boxes, drawn on and made thumbnails."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

import cv2
import numpy as np

from configs.errors import UserError
from detector.data.orientation import read_sample
from detector.types import Sample

GREY = 128
"""Level of what surrounds images; it suits a light page and a dark one."""

_QUALITY = 82  # JPEG

T = TypeVar("T")


def gallery_items(
    things: Iterable[T], draw: Callable[[T], tuple[np.ndarray, str]]
) -> list[tuple[str, str]]:
    """The items of a `Gallery`, without those whose image cannot be read.

    Args:
        things: to show.
        draw: the image, uint8 `(H, W, 3)`, RGB, and the caption of one of them.
    """
    items = []
    for thing in things:
        with contextlib.suppress(UserError):
            image, caption = draw(thing)
            items.append((thumbnail(image), caption))
    return items


def thumbnail(image: np.ndarray) -> str:
    """An image as a JPEG data URI, in its own size: scale it before drawing on it.

    Args:
        image: uint8 `(H, W, 3)`, RGB.

    Raises:
        UserError: it is too large for a JPEG.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise UserError(f"cannot show an image of {image.shape[1]}x{image.shape[0]} px")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def resized(image: np.ndarray, side: int, enlarge: int = cv2.INTER_LINEAR) -> np.ndarray:
    """An image with its longer side at `side` px; `enlarge` interpolates a smaller one."""
    zoom = side / max(image.shape[:2])
    size = (max(1, round(zoom * image.shape[1])), max(1, round(zoom * image.shape[0])))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if zoom < 1 else enlarge)


def read_resized(
    sample: Sample, side: int, enlarge: bool = True
) -> tuple[np.ndarray, Sample, np.float32]:
    """The image of a sample, its boxes in the image's pixels, and by how much it was scaled.

    Args:
        sample: of a data set.
        side: px of the longer side.
        enlarge: whether a smaller image is, too.

    Raises:
        UserError: the image cannot be read.
    """
    image, sample = read_sample(sample)
    longer = max(image.shape[:2])
    side = side if enlarge else min(side, longer)
    zoom = np.float32(side / longer)
    return resized(image, side), replace(sample, boxes=sample.boxes * zoom, own_xywh=None), zoom
