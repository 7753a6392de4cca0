"""Video recording in real time; a file is either playable or not there."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from configs.errors import UserError
from detector.backend import stderr_held_back
from detector.files import atomic_path, opencv_path
from detector.images import write_image

_LONGEST_GAP_S = 600.0  # for which a frame stands still: a night without a camera fills no disk
_CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".webm": "VP80"}


class Recorder(contextlib.AbstractContextManager["Recorder"]):
    """A video file; a context manager.

    The file takes the size of its first frame (codecs cut an odd number by one); frames of
    another size are letterboxed. Frames are written at the rate of the video: each is repeated
    until the time of the next, or left out where that comes at once; those that come at just this
    rate are written once each. The file appears under its name when the block ends; if that ends
    in an exception, or there was no frame, nothing is left behind.

    Args:
        path: its suffix names the format: .mp4, .avi or .webm.
        fps: frames per second of the video.

    Attributes:
        path: where it goes.
        frames: how many frames of video have been written.

    Raises:
        UserError: the suffix is another one, or the name is not UTF-8.
    """

    def __init__(self, path: Path, fps: float) -> None:
        if path.suffix.lower() not in _CODECS:
            raise UserError(f"cannot record to {path}: its suffix must be {' or '.join(_CODECS)}")
        opencv_path(path)
        self.frames = 0
        self.path = self._temporary = path
        self._fps = fps
        self._writer: cv2.VideoWriter | None = None
        self._size_hw = (0, 0)
        self._held: np.ndarray | None = None  # the latest frame, not written to its end yet
        self._is_written = False  # at least once
        self._unwritten = 0  # frames that were replaced before
        self._start = self._last = 0.0
        self._file = contextlib.ExitStack()

    def add(self, image: np.ndarray, at: float) -> None:
        """Append a frame.

        Args:
            image: uint8 `(H, W, 3)`, RGB.
            at: when it was seen, in seconds of any clock. The video takes as long as the frames
                took; of a gap of more than ten minutes the rest is left out, and a line says so.

        Raises:
            UserError: the file cannot be written.
        """
        if self._writer is None:
            self._size_hw = image.shape[0], image.shape[1]
            self._writer = self._open()
            self._start = self._last = at
        self._write_until(at)
        if self._held is not None and self._held is not image and not self._is_written:
            self._unwritten += 1
        left_out = at - self._last - _LONGEST_GAP_S
        if left_out > 0:
            where = f"{self.path}: at {self.frames / self._fps:.1f} s"
            print(f"{where} {left_out:.0f} s without a frame are left out", file=sys.stderr)
            self._start += left_out
        self._last, self._held, self._is_written = at, image, False

    def rest(self, at: float) -> None:
        """Let the latest frame stand until `at`, a time as for `add`, as none has come since.

        Raises:
            UserError: the file cannot be written.
        """
        if self._held is not None:
            self._write_until(at)

    def close(self) -> None:
        """Write what is held back and finish the file.

        Raises:
            UserError: the file cannot be written.
        """
        with self._file:
            if self._held is not None:
                self._write(self._held)
            if self._unwritten:
                said = f"{self._unwritten} frames came faster than its {self._fps:g} per second"
                print(f"{self.path}: {said} and are left out", file=sys.stderr)
            if self._writer is not None:
                # Who presses Ctrl-C twice loses the check alone.
                with contextlib.suppress(KeyboardInterrupt, SystemExit):
                    self._writer.release()
                    self._require_complete()

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            self.close()
        else:
            self._file.__exit__(*error)

    def _write_until(self, at: float) -> None:
        seconds = min(at, self._last + _LONGEST_GAP_S) - self._start
        while self._held is not None and self.frames < round(seconds * self._fps):
            self._write(self._held)

    def _write(self, image: np.ndarray) -> None:
        if self._writer is not None:
            self._writer.write(cv2.cvtColor(letterbox(image, self._size_hw), cv2.COLOR_RGB2BGR))
            self.frames += 1
            self._is_written = True

    def _open(self) -> cv2.VideoWriter:
        self._temporary = self._file.enter_context(atomic_path(self.path))
        codec, (height, width) = _CODECS[self.path.suffix.lower()], self._size_hw
        target, fourcc = opencv_path(self._temporary), cv2.VideoWriter.fourcc(*codec)
        with stderr_held_back():  # a harmless line about VP80 past OpenCV's own log level
            writer = cv2.VideoWriter(target, fourcc, self._fps, (width, height))
        self._file.callback(writer.release)  # called before the file is renamed or removed
        if not writer.isOpened():
            raise UserError(
                f"cannot write {self.path}: OpenCV cannot encode {codec} at {width}x{height}; "
                "try .avi"
            )
        return writer

    def _require_complete(self) -> None:
        """OpenCV goes on without a fault on a full disk; what tells depends on the format."""
        video = cv2.VideoCapture(opencv_path(self._temporary))
        video.set(cv2.CAP_PROP_POS_FRAMES, self.frames - 1)
        complete = video.get(cv2.CAP_PROP_FRAME_COUNT) >= 1 and video.grab()
        video.release()
        if not complete:
            raise UserError(f"cannot write {self.path}: it is incomplete; is the disk full?")


class Still(contextlib.AbstractContextManager["Still"]):
    """A recording of a single image: an image file. It is used like a `Recorder`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, image: np.ndarray, at: float) -> None:  # noqa: ARG002
        """Write the image; as `Recorder.add`, but `at` has no meaning here."""
        write_image(self.path, image)

    def rest(self, at: float) -> None:
        """Nothing happens."""

    def __exit__(self, *_: object) -> None:
        pass


def letterbox(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Scale an image to fit into a size, centred on black.

    Args:
        image: uint8 `(H, W, 3)`.
        size_hw: height and width of the result, px.

    Returns:
        uint8 `(height, width, 3)`; `image` itself if it has that size.
    """
    if image.shape[:2] == size_hw:
        return image
    scale = min(wanted / given for wanted, given in zip(size_hw, image.shape, strict=False))
    height, width = (max(1, round(scale * given)) for given in image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    top, left = (size_hw[0] - height) // 2, (size_hw[1] - width) // 2
    canvas = np.zeros((*size_hw, 3), np.uint8)
    scaled = cv2.resize(image, (width, height), interpolation=method)
    canvas[top : top + height, left : left + width] = scaled
    return canvas
