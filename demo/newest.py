"""The newest picture of a live source, however slow its reader is."""

import threading
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np


class Newest:
    """A thread that reads a camera or a stream and keeps only the newest picture.

    Args:
        capture: an opened `cv2.VideoCapture`, or anything with its `grab`, `retrieve`, `release`.
        patience_s: it counts as ended when it gives nothing for so many seconds.
    """

    def __init__(self, capture: Any, patience_s: float) -> None:
        self._capture, self._patience_s = capture, patience_s
        self._picture: tuple[np.ndarray, float] | None = None
        self._ended = self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="capture", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether there is a picture not yet taken, or one comes within so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._picture or self._ended, seconds)
            return self._picture is not None

    def take(self, stopped: Callable[[], bool]) -> tuple[np.ndarray, float] | None:
        """The next picture (RGB) and its time of capture, or None if it ended or was stopped."""
        # In short steps: a signal handler cannot wake a waiting thread.
        while not self.wait(0.05) and not self._ended and not stopped():
            pass
        with self._changed:
            picture, self._picture = self._picture, None
        return picture

    def close(self) -> None:
        """End the thread and let go of the device."""
        self._closing = True
        self._thread.join(timeout=2.0)
        # Releasing it under a thread that is stuck in the driver would crash the process.
        if not self._thread.is_alive():
            self._capture.release()

    def _read(self) -> None:
        last = time.monotonic()
        try:
            while not self._closing:
                if self._read_one():
                    last = time.monotonic()
                elif time.monotonic() - last >= self._patience_s:
                    break
                else:
                    time.sleep(0.005)
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _read_one(self) -> bool:
        if not self._capture.grab():
            return False
        captured_at = time.monotonic()  # before decoding: that is latency too
        good, image = self._capture.retrieve()
        if good:
            picture = cv2.cvtColor(image, cv2.COLOR_BGR2RGB), captured_at
            with self._changed:
                self._picture = picture
                self._changed.notify_all()
        return good
