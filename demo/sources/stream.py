"""Live frame sources: a thread keeps the newest frame of a camera, and reopens a lost one."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import cv2

from configs.errors import UserError
from demo.sources.frames import Frame, Source, frame_rate
from demo.sources.prefetch_thread import STEP_S, Prefetcher

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0  # between two tries to open it again
_STEADY_S = 10.0  # what gives frames for so long is not lost any more
_POLL_S = 0.005


class LiveSource(Source):
    """A camera or a stream, read by a thread of its own that keeps only the newest frame.

    Args:
        name: the source as text, without a password.
        capture: an opened `cv2.VideoCapture`.
        open_capture: opens it once more.
        patience_s: it counts as lost when it gives nothing for so many seconds.
    """

    def __init__(
        self, name: str, capture: Any, open_capture: Callable[[], Any], patience_s: float
    ) -> None:
        super().__init__(name, self._take(), frame_rate(capture), live=True, close=self._close)
        self._open_capture = open_capture
        self._capture: Any = capture  # None while it cannot be opened again
        self._patience_s = patience_s
        self._tries = 0
        self._closing = threading.Event()
        self._newest = Prefetcher(self._read(), "capture", newest=True)

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
        # Releasing it under a thread that is stuck in the driver would crash the process.
        if self._newest.close() and self._capture is not None:
            self._capture.release()

    def _read(self) -> Iterator[Frame]:
        opened = last = time.monotonic()
        while self._capture is not None and not self._closing.is_set():
            image: Any = None
            good = self._capture.grab()
            now = time.monotonic()  # before decoding: that is latency too
            if good:
                good, image = self._capture.retrieve()
            if good:
                last, self.trouble = now, ""
                if now - opened > _STEADY_S:  # one that opens and ends at once is not back
                    self._tries = 0
                image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                yield Frame(image, self.name, now, {"grab": 1000 * (time.monotonic() - now)})
            elif now - last < self._patience_s:
                time.sleep(_POLL_S)
            else:
                self._open_again()
                opened = last = time.monotonic()

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
        if self._capture is not None:
            self._say(f"is open again after {time.monotonic() - lost:.0f} s")

    def _say(self, words: str) -> None:
        self.trouble = f"{self.name} {words}"
        print(self.trouble, file=sys.stderr)
