"""Where frames come from: a camera, a stream, a video, pictures, or the built-in clip.

OpenCV's BGR ends at this door: every frame that leaves it is RGB. A live source is read by a
thread that keeps only the newest frame, so that a slow detector never falls behind; of a file
every frame is given, in order.
"""

import itertools
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np

from configs.errors import UserError
from demo.clip import CLIP_FPS, CLIP_FRAMES, clip_frames
from demo.newest import Newest
from detector.files import opencv_path
from detector.images import SUFFIXES, find_images, read_image

_VIDEO_FPS = 30.0  # of a video that does not say
_CAMERA_PATIENCE_S = 5.0  # some give nothing while they warm up
_STREAM_TIMEOUT_S = 10.0
# Media Foundation, OpenCV's first choice on Windows, takes seconds to minutes to open a camera.
_BACKENDS = {"win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION, "linux": cv2.CAP_V4L2}
_PERMISSION = {
    "win32": "allow it in Settings > Privacy & security > Camera",
    "darwin": "allow your terminal in System Settings > Privacy & Security > Camera",
    "linux": "see that you may read /dev/video*",
}
_Shot = tuple[np.ndarray, str, float]  # image, file, captured_at


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes:
        image: uint8 `(H, W, 3)`, RGB.
        file: the picture's own path, or the name of the source.
        captured_at: `time.monotonic()` when it came out of the camera or the file, seconds.
        index: 0 for the first frame given.
    """

    image: np.ndarray
    file: str
    captured_at: float
    index: int

    @property
    def age_s(self) -> float:
        """Seconds since it was captured."""
        return time.monotonic() - self.captured_at


@dataclass(eq=False)
class Source:
    """An iterator of frames; a context manager that closes what it reads from.

    Attributes:
        name: the source as text, without a password.
        shots: what it gives, in order; None stands for a picture that cannot be read.
        fps: frames per second, or None: pictures, or a camera that does not say.
        count: how many frames there are, or None where that is unknown.
        live: it goes on by itself, and only its newest frame is given.
        close: lets go of the camera or the file.
        stopped: `stop` was called.
        paths: the files it reads.
        unreadable: how many pictures could not be read so far, or 1 for a video cut short.
    """

    name: str
    shots: Iterator[_Shot | None]
    fps: float | None = None
    count: int | None = None
    live: bool = False
    close: Callable[[], None] = lambda: None
    paths: Sequence[Path] = ()
    stopped: bool = False
    unreadable: int = 0

    def __post_init__(self) -> None:
        self._indices = itertools.count()

    @property
    def pictures(self) -> bool:
        """Whether its frames are separate pictures, not a video."""
        return self.fps is None and not self.live

    def stop(self) -> None:
        """Give no further frame; may be called from a signal handler."""
        self.stopped = True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        while not self.stopped:
            shot = next(self.shots)
            if shot is not None:
                return Frame(*shot, next(self._indices))
            self.unreadable += 1
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(source: str | None) -> Source:
    """Open whatever `--source` names; None is camera 0, or the built-in clip if there is none.

    Raises:
        UserError: there is nothing there, or it gives no frame.
    """
    # What matters of their lines comes back as a UserError.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if source is None:
        return _camera_or_clip()
    if re.fullmatch(r"[0-9]{1,3}", source):
        return _open_camera(int(source))
    if re.match(r"(rtsps?|https?)://", source, re.IGNORECASE):
        return _open_url(source)
    return _open_files(source)


def _camera_or_clip() -> Source:
    try:
        if sys.platform != "linux" or any(Path("/dev").glob("video*")):
            return _open_camera(0)
    except UserError:
        pass  # nobody asked for a camera; the line below is enough
    print(
        "no camera found; playing the built-in clip (use --source FILE for your own)",
        file=sys.stderr,
    )
    name = "built-in clip"
    shots = ((image, name, time.monotonic()) for image in clip_frames())
    return Source(name, shots, CLIP_FPS, CLIP_FRAMES)


def _open_camera(index: int) -> Source:
    backend = _BACKENDS.get(sys.platform, cv2.CAP_ANY)
    mend = (
        f"(tried {cv2.videoio_registry.getBackendName(backend)}): try another number, close other "
        f"programs that use it, {_PERMISSION.get(sys.platform, 'see that you may use it')}, "
        "or take --source FILE"
    )
    capture = cv2.VideoCapture(index, backend)
    if not capture.isOpened():
        raise UserError(f"camera {index} cannot be opened {mend}")
    return _live(f"camera {index}", capture, _CAMERA_PATIENCE_S, _CAMERA_PATIENCE_S, mend)


def _open_url(url: str) -> Source:
    name = re.sub(r"//([^/:@]*):[^/@]*@", r"//\1:***@", url)  # the password stays out of outputs
    seconds = int(_STREAM_TIMEOUT_S)
    timeouts = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
    options = [number for timeout in timeouts for number in (timeout, 1000 * seconds)]
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, options)
    if not capture.isOpened():
        raise UserError(
            f"cannot open {name}: nothing there, no answer within {seconds} s, or not a video; "
            "check the address"
        )
    if url.lower().startswith("http") and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
        return _video(name, capture)
    return _live(name, capture, 0.0, _STREAM_TIMEOUT_S, "(check it in another player)")


def _live(name: str, capture: Any, patience_s: float, first_s: float, mend: str) -> Source:
    newest = Newest(capture, patience_s)
    if not newest.wait(first_s):
        newest.close()
        raise UserError(f"{name} gave no picture within {first_s:.0f} s {mend}")

    def shots() -> Iterator[_Shot]:
        while picture := newest.take(lambda: source.stopped):
            yield picture[0], name, picture[1]
        if not source.stopped:
            print(f"{name} gives no more frames", file=sys.stderr)

    source = Source(name, shots(), _fps(capture), live=True, close=newest.close)
    return source


def _open_files(source: str) -> Source:
    path = Path(source)
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        capture = cv2.VideoCapture(opencv_path(path))
        if not capture.isOpened():
            raise UserError(f"cannot read {source}: not a video or a picture in a known format")
        return _video(source, capture, [path])
    if not path.exists() and not re.search(r"[*?\[]", source):
        raise UserError(f"no such file or folder: {source!r}")
    try:
        paths = find_images([source])
    except UserError as error:
        raise UserError(f"{error}; a video is named by itself") from error
    return Source(source, map(_picture, paths), count=len(paths), paths=paths)


def _video(name: str, capture: cv2.VideoCapture, paths: Sequence[Path] = ()) -> Source:
    count = int(max(0, capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    good, first = capture.read()
    if not good:
        raise UserError(f"no frame can be read from {name}: it is empty, damaged or cut short")

    def shots() -> Iterator[_Shot | None]:
        good, image, given = True, first, 0
        while good:
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB), name, time.monotonic()
            given += 1
            good, image = capture.read()
        if given < 0.95 * count - 2:  # some formats only estimate how many frames there are
            print(f"{name} ends after {given} of {count} frames: it is cut short", file=sys.stderr)
            yield None

    fps = _fps(capture) or _VIDEO_FPS
    return Source(name, shots(), fps, count or None, close=capture.release, paths=paths)


def _picture(path: Path) -> _Shot | None:
    try:
        return read_image(path), str(path), time.monotonic()
    except UserError as error:
        print(f"skipped: {error}", file=sys.stderr)
        return None


def _fps(capture: Any) -> float | None:
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if 0 < fps <= 1000 else None  # 0, -1, NaN: it does not say
