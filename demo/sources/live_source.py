"""Cameras and streams, read by a thread of their own and opened again when they are lost.

OpenCV's BGR ends at this door: every frame that leaves it is RGB. Only the newest frame is kept, so
that a slow detector never falls behind; of a stream that may come in bursts, the newest of those
whose time has come.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import cv2
import numpy as np

from configs.errors import UserError
from demo.sources.frames import Frame, Source, frame_rate
from demo.sources.pacing import is_buffered, paced
from demo.sources.prefetch_thread import STEP_S, Prefetcher
from demo.sources.timestamps import StreamClock

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0  # between two tries to open it again
_STEADY_S = 10.0  # what gives frames for so long is not lost any more
_SPARE_READS = 100  # that may fail in a row, as each packet does that cannot be decoded
_STALL_S = 5.0  # a read that fails after so long has waited for the network
_POLL_S = 0.005


class LiveSource(Source):
    """A camera or a stream, read by a thread of its own, that gives only the newest frame.

    Args:
        name: the source as text, without a password.
        capture: an opened `cv2.VideoCapture`.
        open_capture: opens it once more.
        patience_s: it counts as lost when it gives nothing for so many seconds.
        clock: of its timestamps; None if it has none, and a frame is of when it came.
        is_paced: the newest is the newest of those whose time has come.
    """

    def __init__(
        self,
        name: str,
        capture: Any,
        open_capture: Callable[[], Any],
        patience_s: float,
        clock: StreamClock | None = None,
        is_paced: bool = False,
    ) -> None:
        rate = frame_rate(capture)
        super().__init__(name, self._take(), rate, live=True, close=self._close, has_times=True)
        self._open_capture = open_capture
        self._capture: Any = capture  # None while it cannot be opened again
        self._patience_s, self._clock, self._is_paced = patience_s, clock, is_paced
        self.may_stall = clock is not None
        self._tries = self._failed = 0
        self._closing = threading.Event()
        if is_paced:
            self._capturing = Prefetcher(self._read(), "capture", is_full=is_buffered)
            due = paced(self._capturing, self._closing.wait)
            self._newest = Prefetcher(due, "pacing", newest=True)
        else:
            self._newest = self._capturing = Prefetcher(self._read(), "capture", newest=True)

    def with_first_frame(self, seconds: float, fix: str) -> Self:
        """The source itself, once it has given a frame.

        Raises:
            UserError: none came within so many seconds; the message ends in `fix`.
        """
        if not self._newest.wait(seconds):
            self.close()
            raise UserError(f"{self.name} gave no frame within {seconds:.0f} s {fix}")
        return self

    def _take(self) -> Iterator[Frame]:
        while not (self.stopped or self._newest.ended):
            if frame := self._newest.take(STEP_S):
                yield frame

    def _close(self) -> None:
        self._closing.set()
        if self._failed:
            print(f"{self.name}: {self._failed} frames could not be decoded", file=sys.stderr)
        # Releasing it under a thread that is stuck in the driver would crash the process.
        if self._capturing.close() and self._capture is not None:
            self._capture.release()
        self._newest.close(0.0)  # it ends with the other, and holds nothing

    def _read(self) -> Iterator[Frame]:
        opened = last = time.monotonic()
        failed = 0  # in a row: at the end of a stream all do
        while self._capture is not None and not self._closing.is_set():
            image: Any = None
            good = self._capture.grab()
            now = time.monotonic()  # before decoding: that is latency too
            if good:
                good, image = self._capture.retrieve()
            if good:
                last, self.trouble = now, ""
                self._failed, failed = self._failed + failed, 0
                if now - opened > _STEADY_S:  # one that opens and ends at once is not back
                    self._tries = 0
                yield self._frame(image, now)
            elif now - last < self._patience_s:
                time.sleep(_POLL_S)
            elif failed < _SPARE_READS and now - last < _STALL_S:
                failed += 1
            else:
                self._open_again()
                failed, opened = 0, time.monotonic()
                last = opened

    def _frame(self, image: np.ndarray, now: float) -> Frame:
        image, time_s = cv2.cvtColor(image, cv2.COLOR_BGR2RGB), now
        if self._clock:
            time_s = self._clock.at(self._capture.get(cv2.CAP_PROP_POS_MSEC), now)
        stages = {"grab": 1000 * (time.monotonic() - now)}
        return Frame(image, self.name, now, stages, time_s=time_s)

    def _open_again(self) -> None:
        """Try until it opens, at growing intervals, or until it is closed."""
        self._capture.release()
        self._capture, lost = None, time.monotonic()
        while self._capture is None and not self._closing.is_set():
            if self._tries:
                seconds = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (self._tries - 1))
                self._say(f"is lost; next try in {seconds:.2g} s")
                self._closing.wait(seconds)
            else:
                self._say("gives no more frames; opening it again")
            self._tries += 1
            if not self._closing.is_set() and (capture := self._open_capture()).isOpened():
                self._capture = capture
                if self._has_ended():
                    return
        if self._capture is not None:
            if self._clock:
                self._clock.begin_anew()
            self._say(f"is open again after {time.monotonic() - lost:.0f} s")

    def _has_ended(self) -> bool:
        """Whether a stream that goes on in segments is a recording of its last ones by now."""
        if not self._is_paced or self._capture.get(cv2.CAP_PROP_FRAME_COUNT) <= 0:
            return False
        self._say("has ended")
        self._capture.release()
        self._capture = None
        return True

    def _say(self, words: str) -> None:
        self.trouble = f"{self.name} {words}"
        print(self.trouble, file=sys.stderr)
