"""The JSON of a live run, written as it comes: the file is whole at every moment of the run."""

import io
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from detector.classes import ClassMap
from detector.files import atomic_path, explained
from detector.results import TAIL, ResultsWriter
from detector.types import Detections

_INTERVAL_S = 1.0  # what a process that is killed loses at most
_END = TAIL.encode()


class LiveJson(AbstractContextManager["LiveJson"]):
    """A file in the readable form of `detector/results.py`; a context manager.

    It takes the place of an older file with the frames of the first second. About once a second
    what came since is put before its end, so that it can be read at any time: whatever ends the
    process or the disk's space leaves a file that is good up to there. What `finish` adds tells
    that it is complete.

    Args:
        path: where it goes.
        model: name of the model.
        classes: of it.

    Attributes:
        path: where it goes.
        frames: how many are in the file by now.
    """

    def __init__(self, path: Path, model: str, classes: ClassMap) -> None:
        self.path = path
        self.frames = 0
        self._text = io.StringIO()  # what is not in the file yet
        self._writer = ResultsWriter(self._text, model, classes)
        self._waiting = 0  # frames of it
        self._file: io.FileIO | None = None
        self._good = 0  # bytes before the end
        self._written_at = time.monotonic()

    def add(
        self,
        file: str,
        height: int,
        width: int,
        detections: Detections,
        frame: int | None = None,
        time_s: float | None = None,
    ) -> None:
        """Append a frame or an image, as `ResultsWriter.add`.

        Raises:
            UserError: the file cannot be written; what is in it already stays.
        """
        self._writer.add(file, height, width, detections, frame, time_s)
        self._waiting += 1
        self.rest()

    def rest(self) -> None:
        """Write what is waiting if it is time, whether or not another frame comes.

        Raises:
            UserError: it cannot be written; what is in it already stays.
        """
        if self._waiting and time.monotonic() - self._written_at >= _INTERVAL_S:
            self._write(_END)

    def finish(self, **extra: Any) -> None:
        """Complete the file with further top-level keys.

        Raises:
            UserError: it cannot be written; what is in it already stays.
        """
        self._writer.finish(**extra)
        self._write(b"")

    def __exit__(self, *error: Any) -> None:
        """Write what is waiting.

        Raises:
            UserError: it cannot be written; what is in it already stays.
        """
        try:
            if self._waiting:
                self._write(_END)
        finally:
            self._close()

    def _write(self, end: bytes) -> None:
        """Put what is waiting, and an end, where the end of the file is."""
        text, added = self._text.getvalue().encode(), self._waiting
        self._text.seek(0)
        self._text.truncate()
        self._waiting = 0
        if self._file is None:
            with atomic_path(self.path) as temporary:
                temporary.write_bytes(text + end)
            with explained(self.path):
                self._file = io.FileIO(self.path, "r+")
        else:
            self._overwrite_end(self._file, text + end)
        self._good += len(text)
        self.frames += added
        self._written_at = time.monotonic()

    def _overwrite_end(self, file: io.FileIO, data: bytes) -> None:
        with explained(self.path):
            try:
                _write_at(file, self._good, data)
            except OSError:
                with suppress(OSError):  # its space on the disk is the file's still
                    _write_at(file, self._good, _END)
                    file.truncate()
                raise

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


def _write_at(file: io.FileIO, position: int, data: bytes) -> None:
    file.seek(position)
    while data:
        data = data[file.write(data) or 0 :]
