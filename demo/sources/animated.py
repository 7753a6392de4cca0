"""Animated images as videos: GIF, WebP, APNG and AVIF, whose frames stay for times of their own."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from configs.errors import UserError
from demo.sources.frames import Frame, Source
from detector.images import decoding

_LEAST_S, _USUAL_S = 0.02, 0.1  # what stays shorter stays as long as in browsers
_LOOKED_AT = 10  # frames, for the rate


def open_animation(path: Path) -> Source:
    """The frames of an animated image, once, composed as its viewers do.

    Transparency is dropped, as of any image. Times are those of the file; a frame of less than
    0.02 s stays for 0.1 s, as in browsers. At a damaged frame it ends, which is told on stderr.

    Raises:
        UserError: not even the first can be decoded.
    """
    return _Animation(path)


class _Animation(Source):
    """An animated image while it is read; see `open_animation`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unsaid = 0  # frames whose duration is none
        with decoding(path):
            self._image = Image.open(path)
        with ExitStack() as on_failure:
            on_failure.callback(self._image.close)
            self._numbers = self._shown_ones()
            stays = self._looked_at()
            on_failure.pop_all()
        super().__init__(
            str(path),
            self._frames(),
            1 / min(map(_shown_s, stays)),
            len(self._numbers),
            close=self._image.close,
            paths=[path],
            has_times=True,
        )

    def _shown_ones(self) -> range:
        """The numbers of the frames to show."""
        with decoding(self._path):
            # An APNG may begin with a still image for those who know no animations.
            first = int(getattr(self._image, "default_image", False))
            return range(first, getattr(self._image, "n_frames", 1))

    def _looked_at(self) -> list[float]:
        """How long the first frames stay by the file, as far as they can be decoded; seconds."""
        stays = []
        try:
            for number in self._numbers[:_LOOKED_AT]:
                stays.append(self._decode(number)[1])
        except UserError:
            if not stays:
                raise
        return stays

    def _decode(self, number: int) -> tuple[np.ndarray, float]:
        """A frame, RGB, and how many seconds it stays by the file."""
        with decoding(self._path):
            self._image.seek(number)
            self._image.load()  # a WebP has its duration only then
            stays = float(self._image.info.get("duration", 0)) / 1000
            pixels = np.array(ImageOps.exif_transpose(self._image).convert("RGB"))
        return pixels, stays

    def _frames(self) -> Iterator[Frame]:
        time_s, count = 0.0, len(self._numbers)
        for given, number in enumerate(self._numbers):
            begun = time.monotonic()
            try:
                pixels, stays = self._decode(number)
            except UserError as error:
                self.unreadable = count - given
                print(f"{error}; it ends after {given} of {count} frames", file=sys.stderr)
                return
            now = time.monotonic()
            stages = {"grab": 1000 * (now - begun)}
            yield Frame(pixels, self.name, now, stages, time_s=time_s)
            time_s += _shown_s(stays)
            self._unsaid += stays < _LEAST_S
        if self._unsaid:
            said = f"{self._unsaid} of {count} frames are to stay less than {_LEAST_S:g} s"
            print(f"{self.name}: {said}; they stay {_USUAL_S:g} s, as in browsers", file=sys.stderr)


def _shown_s(stays: float) -> float:
    return stays if stays >= _LEAST_S else _USUAL_S
