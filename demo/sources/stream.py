"""Live frame sources: a thread keeps the newest frame of a camera, and reopens a lost one."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np

from demo.sources.prefetch_thread import Prefetcher

Frame = tuple[np.ndarray, float, float]  # RGB, captured_at, grab_ms

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0  # between two tries to open it again
_STEADY_S = 10.0  # what gives frames for so long is not lost any more
_POLL_S = 0.005


class LiveReader:
    """A thread that reads a camera or a stream and keeps only the newest frame.

    Args:
        name: of the source, for messages.
        capture: an opened `cv2.VideoCapture`, or anything with its `grab`, `retrieve`, `release`.
        reopen: opens it once more; None if that fails.
        patience_s: it counts as lost when it gives nothing for so many seconds.

    Attributes:
        trouble: what is wrong at the moment, in words; "" while it gives frames.
    """

    def __init__(
        self, name: str, capture: Any, reopen: Callable[[], Any | None], patience_s: float
    ) -> None:
        self.trouble = ""
        self._name, self._reopen = name, reopen
        self._capture: Any = capture  # None once it could not be opened again
        self._patience_s = patience_s
        self._tries = 0
        self._closing = threading.Event()
        self._frames = Prefetcher(self._read(), "capture", newest=True)

    def wait(self, seconds: float) -> bool:
        """Whether there is a frame not yet taken, or one comes within so many seconds."""
        return self._frames.wait(seconds)

    def take(self, stopped: Callable[[], bool]) -> Frame | None:
        """The next frame, or None if it was stopped or closed."""
        frame = None
        while frame is None and not (stopped() or self._frames.ended):
            frame = self._frames.take()
        return frame

    def close(self) -> None:
        """End the thread and let go of the device."""
        self._closing.set()
        # Releasing it under a thread that is stuck in the driver would crash the process.
        if self._frames.close() and self._capture is not None:
            self._capture.release()

    def _read(self) -> Iterator[Frame]:
        while self._capture is not None and not self._closing.is_set():
            yield from self._until_lost()
            if not self._closing.is_set():
                self._capture.release()
                self._capture = None
                self._open_again()

    def _until_lost(self) -> Iterator[Frame]:
        opened = last = time.monotonic()
        while not self._closing.is_set():
            frame = self._read_one()
            if frame:
                last = time.monotonic()
                self.trouble = ""
                if last - opened > _STEADY_S:  # one that opens and ends at once is not back
                    self._tries = 0
                yield frame
            elif time.monotonic() - last >= self._patience_s:
                return
            else:
                time.sleep(_POLL_S)

    def _read_one(self) -> Frame | None:
        if not self._capture.grab():
            return None
        captured_at = time.monotonic()  # before decoding: that is latency too
        good, image = self._capture.retrieve()
        if not good:
            return None
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        return image, captured_at, 1000 * (time.monotonic() - captured_at)

    def _open_again(self) -> None:
        """Try until it opens, at growing intervals, or until it is closed."""
        lost = time.monotonic()
        while self._capture is None and not self._closing.is_set():
            if self._tries:
                seconds = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (self._tries - 1))
                self._say(f"is lost; next try in {seconds:.2g} s")
                self._closing.wait(seconds)
            else:
                self._say("gives no more frames; opening it again")
            self._tries += 1
            self._capture = None if self._closing.is_set() else self._reopen()
        if self._capture is not None:
            self._say(f"is open again after {time.monotonic() - lost:.0f} s")

    def _say(self, words: str) -> None:
        self.trouble = f"{self._name} {words}"
        print(self.trouble, file=sys.stderr)
