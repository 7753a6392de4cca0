"""Opens a frame source: a camera, a stream, a video, image files, or the built-in clip.

OpenCV's BGR ends at this door: every frame that leaves it is RGB. A live source is read by a
thread that keeps only the newest frame, so that a slow detector never falls behind, and opened
again when it is lost; of a file every frame is given, in order.
"""

import itertools
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import cv2

from configs.errors import UserError
from demo.sources.clip import PHOTO_CLIP, Clip
from demo.sources.frames import Frame, Source, frame_rate, open_images, timed
from demo.sources.prefetch_thread import STEP_S, Prefetcher
from demo.sources.video_file import open_video
from detector.files import opencv_path
from detector.images import SUFFIXES, find_images

# What `--source` may be, besides files.
_CAMERA, _URL = r"(?:/dev/video)?([0-9]{1,3})", r"(?i)(rtsps?|https?)://"
_CAMERA_PATIENCE_S = 5.0  # some give nothing while they warm up
_STREAM_TIMEOUT_S = 10.0
_LEAST_TIMEOUT_S = 5.0  # to open it again, which holds up the end of a recording
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0  # between two tries to open it again
_STEADY_S = 10.0  # what gives frames for so long is not lost any more
_POLL_S = 0.005
# Media Foundation, OpenCV's first choice on Windows, takes seconds to minutes to open a camera.
BACKENDS = {"win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION, "linux": cv2.CAP_V4L2}
_PERMISSION = {
    "win32": "allow it in Settings > Privacy & security > Camera",
    "darwin": "allow your terminal in System Settings > Privacy & Security > Camera",
    "linux": "see that you may read /dev/video*",
}


def open_source(
    source: str | None,
    size_wh: tuple[int, int] | None = None,
    fps: float | None = None,
    clip: Clip = PHOTO_CLIP,
    repeat_clip: bool = False,
) -> Source:
    """Open whatever `--source` names; None is camera 0, or the built-in clip if there is none.

    Args:
        source: a camera's number, a file, a folder, a glob or a URL.
        size_wh: width and height to ask of a camera, px; None for its own choice. One that cannot
            do it gives what comes nearest.
        fps: frames per second, likewise.
        clip: what to play where there is no camera.
        repeat_clip: without an end.

    Raises:
        UserError: there is nothing there, or it gives no frame.
    """
    # What matters of their lines comes back as a UserError.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if source is None:
        return _camera_or_clip(size_wh, fps, clip, repeat_clip)
    if camera := re.fullmatch(_CAMERA, source):
        return _open_camera(int(camera[1]), size_wh, fps)
    if re.match(_URL, source):
        return _open_url(source)
    return _open_files(source)


def shown_name(source: str) -> str:
    """A source as text, without passwords: that of the user, and what the query may hold."""
    if not re.match(_URL, source):
        return source
    return re.sub(r"//([^/:@]*):[^/]*@", r"//\1:***@", source.partition("?")[0])


def is_live(source: str | None) -> bool:
    """Whether `open_source` would look for a camera or ask the network."""
    return source is None or bool(re.fullmatch(_CAMERA, source) or re.match(_URL, source))


def _camera_or_clip(
    size_wh: tuple[int, int] | None, fps: float | None, clip: Clip, repeat: bool
) -> Source:
    try:
        if sys.platform != "linux" or any(Path("/dev").glob("video*")):
            return _open_camera(0, size_wh, fps)
        trouble = "no camera found"
    except UserError as error:
        trouble = str(error)
    name = "built-in clip"
    print(f"{trouble}; playing the {name} (use --source FILE for your own)", file=sys.stderr)
    turns = itertools.count() if repeat else range(1)
    images = (image for _ in turns for image in clip.frames())
    return Source(name, timed(images, name), clip.fps, None if repeat else clip.length)


def _open_camera(index: int, size_wh: tuple[int, int] | None, fps: float | None) -> Source:
    backend = BACKENDS.get(sys.platform, cv2.CAP_ANY)
    fix = (
        f"(tried {cv2.videoio_registry.getBackendName(backend)}): try another number, close other "
        f"programs that use it, {_PERMISSION.get(sys.platform, 'see that you may use it')}, "
        "or take --source FILE"
    )

    def open_capture() -> Any:
        capture = cv2.VideoCapture(index, backend)
        if (size_wh or fps) and capture.isOpened():
            ask_camera(capture, size_wh, fps)
        return capture

    capture = open_capture()
    if not capture.isOpened():
        raise UserError(f"camera {index} cannot be opened {fix}")
    source = LiveSource(f"camera {index}", capture, open_capture, _CAMERA_PATIENCE_S)
    return source.with_first_frame(_CAMERA_PATIENCE_S, fix)


def _open_url(url: str) -> Source:
    name, timeout_s = shown_name(url), _STREAM_TIMEOUT_S

    def open_capture() -> Any:
        opening, reading = cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC
        options = [opening, round(1000 * timeout_s), reading, round(1000 * _STREAM_TIMEOUT_S)]
        return cv2.VideoCapture(url, cv2.CAP_FFMPEG, options)

    # In a thread, so that Ctrl-C need not wait for the network.
    begun = time.monotonic()
    capture = Prefetcher((open_capture() for _ in range(1)), "opening").take()
    if capture is None or not capture.isOpened():
        raise UserError(
            f"cannot open {name}: nothing there, no answer within {_STREAM_TIMEOUT_S:.0f} s, or "
            "not a video; check the address"
        )
    timeout_s = min(timeout_s, max(_LEAST_TIMEOUT_S, 2 * (time.monotonic() - begun)))
    if url.lower().startswith("http") and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
        return open_video(name, capture)
    source = LiveSource(name, capture, open_capture, patience_s=0.0)
    return source.with_first_frame(_STREAM_TIMEOUT_S, "(check it in another player)")


def ask_camera(capture: Any, size_wh: tuple[int, int] | None, fps: float | None) -> None:
    """Ask an opened camera for a size and a rate; see `open_source`."""
    if sys.platform == "linux":  # uncompressed, USB carries large frames only slowly
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    if size_wh:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, size_wh[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size_wh[1])
    if fps:
        capture.set(cv2.CAP_PROP_FPS, fps)


def _open_files(source: str) -> Source:
    path = Path(source)
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        capture = cv2.VideoCapture(opencv_path(path))
        if not capture.isOpened():
            raise UserError(f"cannot read {source}: not a video or an image in a known format")
        return open_video(source, capture, [path])
    if not source or not (path.exists() or re.search(r"[*?\[]", source)):
        raise UserError(f"no such file or folder: {source!r}")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UserError(f"{source} is neither a file nor a folder; a camera is named by its number")
    try:
        paths = find_images([source])
    except UserError as error:
        raise UserError(f"{error}; a video is named by itself") from error
    return open_images(source, paths)


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
