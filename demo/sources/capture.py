"""Opens a frame source: a camera, a stream, a video, image files, or the built-in clip.

Of a live source only the newest frame is given (`live_source`), of a file every one, in order.
"""

import itertools
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import cv2

from configs.errors import UserError
from demo.sources.animated import open_animation
from demo.sources.clip import PHOTO_CLIP, Clip
from demo.sources.frames import Source, open_images, timed
from demo.sources.live_source import LiveSource
from demo.sources.pacing import BUFFER_S
from demo.sources.prefetch_thread import Prefetcher
from demo.sources.timestamps import StreamClock
from demo.sources.video_file import open_video
from detector.files import opencv_path
from detector.images import SUFFIXES, find_images, is_animated

# What `--source` may be, besides files.
_CAMERA, _URL = r"(?:/dev/video)?([0-9]{1,3})", r"(?i)(rtsps?|https?)://"
_CAMERA_PATIENCE_S = 5.0  # some give nothing while they warm up
_STREAM_TIMEOUT_S = 10.0
_LEAST_TIMEOUT_S = 5.0  # to open it again, which holds up the end of a recording
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
    # MJPEG has no times; FFmpeg counts its frames, at 25 per second.
    is_timed = capture.get(cv2.CAP_PROP_FOURCC) != cv2.VideoWriter.fourcc(*"MJPG")
    is_paced = is_timed and url.lower().startswith("http")
    if is_paced:
        said = f"by its own times, up to {BUFFER_S:g} s after they come, which adds to the latency"
        print(f"{name}: frames are shown {said}", file=sys.stderr)
    clock = StreamClock(runs_ahead=is_paced) if is_timed else None
    source = LiveSource(name, capture, open_capture, 0.0, clock, is_paced)
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
    if path.is_file() and is_animated(path):
        return open_animation(path)
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
