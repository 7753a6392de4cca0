"""Lists the cameras, tries whether one gives frames, and says what to do where there is none."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.typed_form import command_name
from demo.diagnosis.subprocess_check import NoAnswerError, SubprocessCheck

_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
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
    return "you may not read it: sudo usermod -aG video $USER, then log in again"


def try_camera(camera: Camera) -> tuple[bool, str]:
    """Take one frame, in a subprocess: a driver may hang or crash. Takes seconds.

    Returns:
        whether it gave one; size and rate, such as "640x480 at 30 fps", or why not, and the fix.
    """
    with SubprocessCheck("frame", str(camera.index)) as check:
        try:
            return True, check.answer()["found"]
        except NoAnswerError as error:
            return False, camera.fault or "; ".join(filter(None, (str(error), error.fix)))


def why_no_camera() -> str:
    """What to do where none was found, in one line."""
    place = sys.platform
    if place == "linux" and "microsoft" in platform.release().lower():
        place = "wsl"
    elif place == "linux" and any(Path(mark).exists() for mark in _CONTAINER_MARKS):
        place = "container"
    return _FIXES.get(place, _FIXES["linux"])


def camera_lines() -> Iterator[str]:
    """What `--list-cameras` prints: one line for each camera, as soon as it has been tried."""
    cameras, working = list_cameras(), []
    for camera in cameras:
        works, said = try_camera(camera)
        working += [camera.index] * works
        yield f"{camera.index}  {camera.name} ({camera.backend}): {said}"
    if working:
        yield f"use one with: {command_name('demo.webcam')} --source {working[0]}"
    if not cameras:
        yield f"no camera found: {why_no_camera()}"
