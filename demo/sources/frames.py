"""The frame record of the demo, what every frame source is, and the source of images."""

import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from configs.errors import UserError
from detector.images import is_animated, read_image
from detector.types import Detections

LIVE_FPS = 30.0
"""Frames per second of a camera or a stream that does not say."""

IMAGE_FPS = 1.0
"""Images of a folder per second, on the clock of events and in a recording."""

_NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


@dataclass(eq=False)
class Frame:
    """One frame on its way from a source to the screen; each stage fills in its part.

    Attributes:
        image: uint8 `(H, W, 3)`, RGB.
        file: the image's own path, or the name of the source.
        captured_at: `time.monotonic()` when it came out of the camera or the file, seconds: for
            latency alone.
        time_s: when it was, on the clock of its source, seconds since the first frame, also where
            that was lost: events, tracks, JSON and recordings count by it. Never less than that of
            the frame before.
        stage_ms: milliseconds in each stage so far, from "grab", its decoding, on.
        index: 0 for the first frame that the source gives.
        detections: N, all that the model gives, best first.
        is_shown: bool `(N,)`, those that `select` has picked.
        shown: these alone.
        ids: int64 `(N,)`, the track id of each, -1 for none; None if they are not tracked.
        drawn: the image with what is shown drawn on it, uint8 `(H, W, 3)`, RGB.
    """

    image: np.ndarray
    file: str
    captured_at: float
    stage_ms: dict[str, float] = field(default_factory=dict)
    index: int = 0
    time_s: float = 0.0
    detections: Detections = _NOTHING
    is_shown: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    shown: Detections = _NOTHING
    ids: np.ndarray | None = None
    drawn: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))

    def select(self, score: float, labels: Sequence[int] | None) -> None:
        """Show the detections of at least this score; of these labels, unless they are None."""
        found = self.detections
        is_wanted = True if labels is None else np.isin(found.labels, labels)
        self.is_shown = (found.scores >= score) & is_wanted
        self.shown = found[self.is_shown]

    @property
    def shown_ids(self) -> np.ndarray | None:
        """The track ids of the detections shown."""
        return None if self.ids is None else self.ids[self.is_shown]


@dataclass(eq=False)
class Source(Iterator[Frame], AbstractContextManager["Source"]):
    """An iterator of frames; a context manager that closes what it reads from.

    Attributes:
        name: the source as text, without a password.
        frames: what it gives, in order; None stands for an image that cannot be read.
        fps: frames per second, or None: images, or a camera that does not say.
        count: how many frames there are, or None where that is unknown.
        live: it goes on by itself, and only its newest frame is given.
        may_stall: one that is live with times of its own, which stand still while it gives
            nothing, unless it is in trouble.
        close: lets go of the camera or the file.
        paths: the files it reads.
        trouble: what keeps a live source from giving frames, in words; "" if nothing does.
        stopped: `stop` was called.
        unreadable: how many images, or frames of a video, could not be read so far.
        has_times: its frames come with their `time_s`, of one that is live on a clock that may
            begin anywhere; otherwise those have the time they came, and others the rate's.
    """

    name: str
    frames: Iterator[Frame | None]
    fps: float | None = None
    count: int | None = None
    live: bool = False
    may_stall: bool = False
    close: Callable[[], Any] = lambda: None
    paths: Sequence[Path] = ()
    trouble: str = ""
    stopped: bool = False
    unreadable: int = 0
    has_times: bool = False
    _indices: Iterator[int] = field(default_factory=itertools.count)
    _begun: float = 0.0  # when the first frame was, on the same clock

    @property
    def of_images(self) -> bool:
        """Whether its frames are images on disk, not a video."""
        return self.fps is None and not self.live

    def stop(self) -> None:
        """Give no further frame; may be called from a signal handler."""
        self.stopped = True

    def __next__(self) -> Frame:
        while not self.stopped:
            frame = next(self.frames)
            if frame is not None:
                frame.index = next(self._indices)
                frame.time_s = self._time_s(frame)
                return frame
            self.unreadable += 1
        raise StopIteration

    def __exit__(self, *_: object) -> None:
        self.close()

    def _time_s(self, frame: Frame) -> float:
        if not (self.live or self.has_times):
            return frame.index / (self.fps or IMAGE_FPS)
        time_s = frame.time_s if self.has_times else frame.captured_at
        self._begun = time_s if self.live and frame.index == 0 else self._begun
        return time_s - self._begun


def open_images(name: str, paths: Sequence[Path]) -> Source:
    """The images, in this order; one that cannot be read is skipped with a line on stderr.

    Of an animated one it is the first frame; at its end, a line says how many there were.
    """
    animated: list[Path] = []

    def tell() -> None:
        if animated:
            said = f"the first frame of {len(animated)} animated images was taken"
            print(f"{name}: {said}; name one alone to see all of it", file=sys.stderr)

    return Source(name, _frames(paths, animated), count=len(paths), close=tell, paths=paths)


def _frames(paths: Sequence[Path], animated: list[Path]) -> Iterator[Frame | None]:
    for path in paths:
        for frame in timed(map(_read, [path]), str(path)):
            if frame and is_animated(path):
                animated.append(path)
            yield frame


def timed(images: Iterable[np.ndarray | None], file: str) -> Iterator[Frame | None]:
    """Frames of images, uint8 `(H, W, 3)`, that are read from one file as they are asked for."""
    begun = time.monotonic()
    for image in images:
        now = time.monotonic()
        yield None if image is None else Frame(image, file, now, {"grab": 1000 * (now - begun)})
        begun = time.monotonic()


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
