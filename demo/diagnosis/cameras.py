"""Lists the cameras, tries whether one gives frames, and says what to do where there is none."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from configs.typed_form import command_name
from demo.diagnosis.subprocess_check import NoAnswerError, SubprocessCheck

_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
_NO_RIGHT = "you may not read it: sudo usermod -aG video $USER, then log in again"
_FIXES = {
    "linux": "plug one in, and see that it appears as /dev/video* (ls -l /dev/video*)",
    "container": "start the container with the camera: docker run --device /dev/video0 ...",
    "wsl": "hand the camera to WSL from Windows: usbipd bind and usbipd attach --wsl; see that "
    "/dev/video* appears (WSL's kernel may lack the driver: then run this in Windows)",
    "darwin": "plug one in, and allow your terminal in System Settings > Privacy & Security > "
    "Camera, then start the terminal anew",
    "win32": "plug one in, close other programs that use it, and allow desktop apps in "
    "Settings > Privacy & security > Camera",
}


@dataclass(frozen=True)
class Camera:
    """A camera of this machine.

    Attributes:
        index: what `--source` takes.
        name: as its maker calls it.
        backend: what OpenCV opens it with: "V4L2", "DSHOW", "AVFOUNDATION".
        fault: what is known to prevent reading it, and the fix; "" if nothing is. The camera has
            not been opened: `try_camera` does that.
    """

    index: int
    name: str
    backend: str
    fault: str = ""


class Trial(NamedTuple):
    """What a camera gave.

    Attributes:
        size_hw: height and width of a frame, px, or None if it gave none.
        fps: frames per second that it promises, or None: it does not say.
        fault: why it gave none, and the fix; "" if it did.
    """

    size_hw: tuple[int, int] | None
    fps: float | None
    fault: str

    def __str__(self) -> str:
        """Such as "640x480 at 30 fps"."""
        if self.size_hw is None:
            return self.fault
        height, width = self.size_hw
        return f"{width}x{height}" + (f" at {self.fps:.3g} fps" if self.fps else "")


def list_cameras() -> list[Camera]:
    """The cameras that can be opened by their number, in that order; none of them is opened.

    On Linux a UVC camera makes two devices, one of which only describes the other's frames;
    that one is left out.
    """
    import cv2
    from cv2_enumerate_cameras import enumerate_cameras

    from demo.sources.capture import BACKENDS

    backend = BACKENDS.get(sys.platform, cv2.CAP_ANY)
    name = cv2.videoio_registry.getBackendName(backend)
    found = sorted(enumerate_cameras(backend), key=lambda info: info.index)
    return [Camera(info.index, info.name, name, _fault(info.path)) for info in found]


def _fault(device: str | None) -> str:
    if sys.platform != "linux" or device is None or os.access(device, os.R_OK | os.W_OK):
        return ""
    return _NO_RIGHT


def try_camera(index: int) -> Trial:
    """Take one frame, in a subprocess: a driver may hang or crash. Takes seconds."""
    with SubprocessCheck("frame", str(index)) as check:
        try:
            answer = check.answer()
        except NoAnswerError as error:
            return Trial(None, None, "; ".join(filter(None, (str(error), error.fix))))
    height, width = answer["size_hw"]
    return Trial((height, width), answer["fps"], "")


def why_no_camera() -> str:
    """What to do where none was found, in one line."""
    return _FIXES.get(_place(), _FIXES["linux"])


def _place() -> str:
    if sys.platform != "linux":
        return sys.platform
    if "microsoft" in platform.release().lower():
        return "wsl"
    return "container" if any(Path(mark).exists() for mark in _CONTAINER_MARKS) else "linux"


def camera_lines() -> Iterator[str]:
    """What `--list-cameras` prints: one line for each camera, as soon as it has been tried."""
    cameras, working = list_cameras(), []
    for camera in cameras:
        trial = try_camera(camera.index)
        working += [camera.index] if not trial.fault else []
        said = camera.fault if trial.fault and camera.fault else trial
        yield f"{camera.index}  {camera.name} ({camera.backend}): {said}"
    if working:
        yield f"use one with: {command_name('demo.webcam')} --source {working[0]}"
    if not cameras:
        yield f"no camera found: {why_no_camera()}"
