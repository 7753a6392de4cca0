"""A camera or a stream: only its newest picture counts, and it is opened again when it is lost."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import tenacity

from demo.ahead import Ahead

Picture = tuple[np.ndarray, float, float]  # RGB, captured_at, grab_ms

_LONGEST_WAIT_S = 30.0  # between two tries to open it again
_POLL_S = 0.005


class LiveReader:
    """A thread that reads a camera or a stream and keeps only the newest picture.

    Args:
        name: of the source, for messages.
        capture: an opened `cv2.VideoCapture`, or anything with its `grab`, `retrieve`, `release`.
        reopen: opens it once more; None if that fails.
        patience_s: it counts as lost when it gives nothing for so many seconds.

    Attributes:
        trouble: what is wrong at the moment, in words; "" while it gives pictures.
    """

    def __init__(
        self, name: str, capture: Any, reopen: Callable[[], Any | None], patience_s: float
    ) -> None:
        self.trouble = ""
        self._name, self._reopen = name, reopen
        self._capture: Any = capture  # None once it could not be opened again
        self._patience_s = patience_s
        self._closing = threading.Event()
        self._pictures = Ahead(self._read(), "capture", newest=True)

    def wait(self, seconds: float) -> bool:
        """Whether there is a picture not yet taken, or one comes within so many seconds."""
        return self._pictures.wait(seconds)

    def take(self, stopped: Callable[[], bool]) -> Picture | None:
        """The next picture, or None if it was stopped or closed."""
        picture = None
        while picture is None and not (stopped() or self._pictures.ended):
            picture = self._pictures.take()
        return picture

    def close(self) -> None:
        """End the thread and let go of the device."""
        self._closing.set()
        # Releasing it under a thread that is stuck in the driver would crash the process.
        if self._pictures.close() and self._capture is not None:
            self._capture.release()

    def _read(self) -> Iterator[Picture]:
        while self._capture is not None and not self._closing.is_set():
            yield from self._until_lost()
            if not self._closing.is_set():
                self._capture.release()
                self._capture = None
                self._open_again()

    def _until_lost(self) -> Iterator[Picture]:
        last = time.monotonic()
        while not self._closing.is_set():
            picture = self._read_one()
            if picture:
                last = time.monotonic()
                self.trouble = ""
                yield picture
            elif time.monotonic() - last >= self._patience_s:
                return
            else:
                time.sleep(_POLL_S)

    def _read_one(self) -> Picture | None:
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
        self._say("gives no more pictures; opening it again")
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda capture: capture is None),
            wait=tenacity.wait_exponential(max=_LONGEST_WAIT_S),
            sleep=tenacity.sleep_using_event(self._closing),
            stop=tenacity.stop_when_event_set(self._closing),
            before_sleep=self._say_when,
            retry_error_callback=lambda _: None,
        )
        self._capture = retrying(self._reopen)
        if self._capture is not None:
            self._say(f"is open again after {time.monotonic() - lost:.0f} s")

    def _say_when(self, state: tenacity.RetryCallState) -> None:
        seconds = state.next_action.sleep if state.next_action else 0.0
        self._say(f"is lost; next try in {seconds:.0f} s")

    def _say(self, words: str) -> None:
        self.trouble = f"{self._name} {words}"
        print(self.trouble, file=sys.stderr)
