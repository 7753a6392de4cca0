"""Video files: each frame that can be decoded, with its own time, and the truth about the rest."""

import itertools
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from configs.errors import UserError
from demo.sources.edit_list import seconds_played
from demo.sources.frames import Frame, Source, frame_rate
from demo.sources.timestamps import HASTY_GAP_S, PATIENT_GAP_S, VideoClock

_FPS = 30.0  # of a video that does not say
_UNLIKELY_FPS = 120.0
_LOOKED_AT = 3  # frames, for the rate
_VARIABLE = 1.25  # times the mean rate; timestamps in milliseconds vary by less
# A read fails at the end, and at each packet that cannot be decoded; OpenCV does not say which.
# At the end it takes microseconds, so a few more cost nothing.
_LEAST_SPARE_READS, _MOST_SPARE_READS = 300, 100_000  # in a row
_SPARE_S = 10.0  # for all of them: behind a URL there may be nobody any more
_JUMPING = frozenset(".m2ts .mpeg .mpg .mts .ts .vob".split())  # whose clock may
_FROM_ZERO = frozenset(".mk3d .mkv .webm".split())  # whose duration is the time of their end


def open_video(name: str, capture: Any, paths: Sequence[Path] = ()) -> Source:
    """The frames of a video that OpenCV has opened.

    What cannot be decoded is passed over, and told on stderr at the end.

    Raises:
        UserError: not even one can be read.
    """
    return _Video(name, capture, paths)


class _Read(NamedTuple):
    """A frame as it was read."""

    image: np.ndarray  # BGR
    milliseconds: float  # as the container has its time
    failed: int  # reads before it that did


class _Video(Source):
    """A video while it is read; see `open_video`."""

    def __init__(self, name: str, capture: Any, paths: Sequence[Path]) -> None:
        self._capture = capture
        self._expected = int(max(0, capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        suffix = Path(name.partition("?")[0]).suffix.lower()
        self._rate = frame_rate(capture) or _FPS
        gap_s = HASTY_GAP_S if suffix in _JUMPING else PATIENT_GAP_S
        self._clock = VideoClock(self._rate, gap_s)
        self._given = self._failed = 0  # reads that did; not those at the end
        self._at_end = self._is_told = False
        first = self._read()
        if first is None:
            raise UserError(f"no frame can be read from {name}: it is empty, damaged or cut short")
        self._ahead: list[_Read | None] = [first]  # None: the end
        if suffix in _FROM_ZERO:
            self._expected = max(0, self._expected - self._frames_before(first))
        # The time of its start is 0, also where its first frames are lost; unless it has none.
        has_start = 0 <= first.milliseconds < 1000 * gap_s
        self._start = 0.0 if has_start else first.milliseconds / 1000
        super().__init__(
            name,
            self._frames(),
            self._likely_rate(),
            self._expected or None,
            close=self._close,
            paths=paths,
            has_times=True,
        )

    def _frames_before(self, first: _Read) -> int:
        """How many would have been before the container's first time, which may be any."""
        frames = self._capture.get(cv2.CAP_PROP_PTS) - first.milliseconds / 1000 * self._rate
        return max(0, round(frames))

    def _likely_rate(self) -> float:
        """Frames per second at which none is left out, as far as the first ones tell.

        Of a variable rate the container has the mean, or the tick of its clock.
        """
        while len(self._ahead) < _LOOKED_AT and self._ahead[-1]:
            self._ahead.append(self._read())
        times = [read.milliseconds / 1000 for read in self._ahead if read]
        steps = [after - before for before, after in itertools.pairwise(times) if after > before]
        if not steps:
            return self._rate
        fastest = 1 / min(steps)
        if self._rate > _UNLIKELY_FPS:
            return min(self._rate, fastest)
        return min(fastest, _UNLIKELY_FPS) if fastest > _VARIABLE * self._rate else self._rate

    def _frames(self) -> Iterator[Frame]:
        begun = time.monotonic()
        while read := self._ahead.pop(0) if self._ahead else self._read():
            self._given += 1
            self._failed += read.failed
            time_s = self._clock.at(read.milliseconds) - self._start
            image = cv2.cvtColor(read.image, cv2.COLOR_BGR2RGB)
            now = time.monotonic()
            self.unreadable, stages = self._failed, {"grab": 1000 * (now - begun)}
            yield Frame(image, self.name, now, stages, time_s=time_s)
            begun = time.monotonic()
        self._at_end = True
        self.unreadable = self._lost()
        self._tell()

    def _read(self) -> _Read | None:
        """The next frame that can be decoded; None at the end."""
        left = min(self._expected - self._given, _MOST_SPARE_READS)
        begun = time.monotonic()
        for failed in range(max(_LEAST_SPARE_READS, left)):
            good, image = self._capture.read()
            if good:
                return _Read(image, self._capture.get(cv2.CAP_PROP_POS_MSEC), failed)
            if time.monotonic() - begun > _SPARE_S:
                break
        return None

    def _lost(self) -> int:
        """How many frames are missing at the end."""
        self._leave_out_trimmed()
        missing = self._expected - self._given
        if self._failed or self._clock.breaks:
            # A count that was estimated from the first and the last timestamp means nothing then.
            return self._failed if self._clock.breaks else max(self._failed, missing)
        # Where frames are further apart than the rate says, the count was estimated from a rate
        # that is none.
        is_counted = self._clock.steady >= self._given // 2
        is_short = missing > 0.05 * self._expected + 2  # some formats only estimate
        return missing if is_short and (is_counted or self._ends_early()) else 0

    def _leave_out_trimmed(self) -> None:
        """Of what an MP4 holds, its edit list may play only a part."""
        if self.paths and self._given < self._expected:
            seconds = seconds_played(self.paths[0])
            if seconds is not None:
                played = math.ceil(seconds * self._rate)
                self._expected = max(self._given, min(self._expected, played))

    def _ends_early(self) -> bool:
        # However the count was come by, it is the duration times the rate.
        return self._at_end and self._clock.seconds < (0.95 * self._expected - 3) / self._rate

    def _tell(self) -> None:
        """Say what is missing, and what was guessed of the times."""
        if self._is_told:
            return
        self._is_told, clock = True, self._clock
        if lost := self.unreadable:
            of = f"{self._given + lost} frames"
            damaged = f"{self.name} is damaged: {lost} of {of} cannot be decoded"
            cut = f"{self.name} ends after {self._given} of {of}: it is cut short"
            print(cut if self._ends_early() else damaged, file=sys.stderr)
        if clock.guessed:
            said = f"of {self._given} frames {clock.guessed} have no time of their own"
            print(f"{self.name}: {said}; counted at {clock.fps:g} per second", file=sys.stderr)
        if clock.breaks:
            said = f"its times begin anew {clock.breaks} times; they are counted on from there"
            print(f"{self.name}: {said}", file=sys.stderr)

    def _close(self) -> None:
        self._tell()  # of one that was not read to its end
        self._capture.release()
