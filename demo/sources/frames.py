"""On-demand frame sources: videos, image files and clips, decoded when a frame is asked for."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from configs.errors import UserError
from detector.images import read_image

_VIDEO_FPS = 30.0  # of a video that does not say


class Shot(NamedTuple):
    """One frame as it comes in.

    Attributes:
        image: uint8 `(H, W, 3)`, RGB.
        file: its path, or the name of the source.
        captured_at: `time.monotonic()` when it came out of the camera or the file, seconds.
        grab_ms: what decoding it took, milliseconds.
    """

    image: np.ndarray
    file: str
    captured_at: float
    grab_ms: float


@dataclass(frozen=True)
class Video:
    """An opened video.

    Attributes:
        shots: its frames; None, at the end, stands for those that are missing.
        fps: frames per second.
        count: how many there are, or None where that is unknown.
        close: lets go of the file.
    """

    shots: Iterator[Shot | None]
    fps: float
    count: int | None
    close: Callable[[], None]


def open_video(name: str, capture: cv2.VideoCapture) -> Video:
    """The frames of a video that OpenCV has opened.

    Raises:
        UserError: not even the first can be read.
    """
    count = int(max(0, capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    good, first = capture.read()
    if not good:
        raise UserError(f"no frame can be read from {name}: it is empty, damaged or cut short")

    def images() -> Iterator[np.ndarray | None]:
        good, image, given = True, first, 0
        while good:
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            given += 1
            good, image = capture.read()
        if given < 0.95 * count - 2:  # some formats only estimate how many frames there are
            print(f"{name} ends after {given} of {count} frames: it is cut short", file=sys.stderr)
            yield None

    fps = frame_rate(capture) or _VIDEO_FPS
    return Video(timed(images(), name), fps, count or None, capture.release)


def read_images(paths: Sequence[Path]) -> Iterator[Shot | None]:
    """The images; None stands for one that cannot be read, which is said."""
    for path in paths:
        yield from timed(map(_read, [path]), str(path))


def timed(images: Iterable[np.ndarray | None], file: str) -> Iterator[Shot | None]:
    """Frames of one file with the time at which each was read and what that took."""
    images = iter(images)
    while True:
        begun = time.monotonic()
        try:
            image = next(images)
        except StopIteration:
            return
        now = time.monotonic()
        yield None if image is None else Shot(image, file, now, 1000 * (now - begun))


def frame_rate(capture: Any) -> float | None:
    """Frames per second as the capture has it, or None if it does not say."""
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if 0 < fps <= 1000 else None  # 0, -1, NaN: it does not say


def _read(path: Path) -> np.ndarray | None:
    try:
        return read_image(path)
    except UserError as error:
        print(f"skipped: {error}", file=sys.stderr)
        return None
