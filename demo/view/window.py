"""The OpenCV window that shows frames and takes keys, and whether one can be opened."""

import contextlib
import importlib.metadata
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from demo.view.controls import Controls

_MAX_HEIGHT, _MAX_WIDTH = 960, 1280  # px at which the window opens; it can be resized
_STEP_S = 0.05
_PROBE = "import cv2; cv2.namedWindow('ssdlite')"
_PROBE_TIMEOUT_S = 10.0


def why_no_window() -> str | None:
    """Why no window can be opened here, in a few words, or None if one can."""
    if not cv2.currentUIFramework():
        version = ""
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = "==" + importlib.metadata.version("opencv-python")
        return (
            "this OpenCV has no windows (fix it: "
            f"pip install --force-reinstall --no-deps opencv-python{version})"
        )
    if sys.platform != "linux":
        return None
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not display:
        return "no display"
    # Qt aborts the whole process where it finds no display, so another process tries first.
    command = [sys.executable, "-c", _PROBE]
    with contextlib.suppress(subprocess.TimeoutExpired):
        if not subprocess.run(command, capture_output=True, timeout=_PROBE_TIMEOUT_S).returncode:
            return None
    return f"no answer from display {display!r}"


class Window(contextlib.AbstractContextManager["Window"]):
    """A window that opens with its first frame; a context manager that destroys it.

    Args:
        title: unique among the windows of this process.
        controls: get the keys; closing the window ends them.
    """

    def __init__(self, title: str, controls: Controls) -> None:
        self._title, self._controls = title, controls
        self._opened = False

    def show(self, image: np.ndarray, status: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Show a uint8 `(H, W, 3)` RGB image; the window has no use for its `status`."""
        if not self._opened:
            self._open(image)
        if not self._controls.ended:
            cv2.imshow(self._title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    def wait(self, seconds: float) -> bool:
        """Serve the window for so long, or until a key is pressed or it is closed.

        Returns:
            whether it was a key that the controls have no use for.
        """
        deadline = time.monotonic() + seconds
        while self._opened and not self._controls.ended:
            left = max(0.0, deadline - time.monotonic())
            key = cv2.waitKeyEx(max(1, int(1000 * min(left, _STEP_S))))
            is_other = key >= 0 and not self._controls.press(key)
            self._controls.ended |= not self._is_open()
            if key >= 0 or left <= 0:
                return is_other
        return False

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(cv2.error):  # it was closed already
            cv2.destroyWindow(self._title)

    def _open(self, image: np.ndarray) -> None:
        _give_qt_fonts()
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        cv2.namedWindow(self._title, flags)
        self._opened = True
        height, width = image.shape[:2]
        scale = min(1.0, _MAX_HEIGHT / height, _MAX_WIDTH / width)
        cv2.resizeWindow(self._title, round(scale * width), round(scale * height))

    def _is_open(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) > 0
        except cv2.error:  # Qt, after the last window
            return False


def _give_qt_fonts() -> None:
    # The wheel names a folder of fonts that it does not carry, and Qt complains line by line.
    if not Path(os.environ.get("QT_QPA_FONTDIR", ".")).is_dir():
        import matplotlib

        os.environ["QT_QPA_FONTDIR"] = str(Path(matplotlib.get_data_path()) / "fonts/ttf")
