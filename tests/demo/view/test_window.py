import ctypes
import ctypes.util
import shutil
import subprocess
import sys
import textwrap
import time

import cv2
import pytest

from demo.view import window as screen
from demo.view.window import why_no_window
from detector.images import read_image

SHOW = """
    import sys, time
    import numpy as np
    from demo.view.controls import Controls
    from demo.view.window import Window
    frames, height, width = map(int, sys.argv[1:])
    image = np.full((height, width, 3), (250, 10, 10), np.uint8)  # red
    controls = Controls(["a"])
    with Window("test window", controls) as window:
        for shown in range(frames):
            window.show(image, {})
            window.wait(0.02)
            if controls.ended:
                break
    print(shown, controls.ended, controls.paused)
"""

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="displays are X11's")


@pytest.fixture(scope="module")
def display():
    """An X server of our own, or a skip."""
    missing = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)} (apt-get install xvfb xdotool)")
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1600x1200x24", "-nolisten", "tcp", "-noreset"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield f":{server.stdout.readline().strip()}"
    server.terminate()
    server.wait()
    server.stdout.close()


@pytest.fixture
def on_display(display, monkeypatch):
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture
def show(on_display):
    """Start showing red frames in a process of its own; Qt would tie this one to the display."""
    running = []

    def start(frames=100_000, height=240, width=320):
        arguments = [str(number) for number in (frames, height, width)]
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SHOW), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def xdotool(*command):
    return subprocess.run(["xdotool", *command], check=True, capture_output=True, text=True).stdout


def find_window():
    return xdotool("search", "--sync", "--onlyvisible", "--name", "test window").split()[-1]


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent, padded to the size of an XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 12),
    )


def close_as_a_window_manager_does(display, window):
    """Send WM_DELETE_WINDOW, as a click on the cross in the title bar does."""
    x11 = ctypes.CDLL(ctypes.util.find_library("X11"))
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    protocols, delete = (
        x11.XInternAtom(connection, name, False) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
    )
    event = ClientMessage(type=33, window=window, message_type=protocols, format=32)
    event.data[0] = delete
    x11.XSendEvent(connection, ctypes.c_ulong(window), False, 0, ctypes.byref(event))
    x11.XCloseDisplay(connection)


def finish(process):
    """How many frames it showed, whether its user ended it, and whether they paused it."""
    shown, ended, paused = process.communicate(timeout=60)[0].split()
    return int(shown), ended == "True", paused == "True"


@on_linux
def test_a_display_that_answers_has_windows(on_display, monkeypatch):
    monkeypatch.setattr(screen, "_PROBE_TIMEOUT_S", 60.0)  # of a busy machine
    assert why_no_window() is None


@on_linux
def test_no_display_is_said_at_once(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert why_no_window() == "no display"


@on_linux
def test_a_display_that_does_not_answer_is_said_and_nothing_aborts(monkeypatch):
    monkeypatch.setattr(screen, "_PROBE_TIMEOUT_S", 60.0)  # of a busy machine
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert why_no_window() == "no answer from display ':987'"


def test_an_opencv_without_windows_is_said_with_the_fix(monkeypatch):
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    reason = why_no_window()
    assert "pip install --force-reinstall --no-deps opencv-python==" in reason
    assert "\n" not in reason


@pytest.mark.parametrize("key", ["q", "Escape"])
def test_q_and_escape_end_it(show, key):
    process = show()
    window = find_window()
    xdotool("windowfocus", "--sync", window, "key", key)
    shown, ended, _ = finish(process)
    assert ended
    assert shown < 100_000


def test_other_keys_reach_the_controls(show):
    process = show()
    xdotool("windowfocus", "--sync", find_window(), "key", "space", "key", "q")
    _, ended, paused = finish(process)
    assert (ended, paused) == (True, True)


@pytest.mark.parametrize("key", ["Down", "Right", "Shift_L"])
def test_keys_without_a_meaning_do_nothing(show, key):
    process = show()
    xdotool("windowfocus", "--sync", find_window(), "key", key, "key", "q")
    _, ended, paused = finish(process)
    assert (ended, paused) == (True, False)


def test_closing_the_window_ends_it(show, display):
    process = show()
    close_as_a_window_manager_does(display, int(find_window()))
    assert finish(process)[1]


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        pytest.param(240, 320, "320x240", id="as it is"),
        pytest.param(2160, 3840, "1280x720", id="4K is bounded"),
        pytest.param(3000, 1000, "320x960", id="upright"),
    ],
)
def test_the_window_opens_at_the_frames_size(show, height, width, expected):
    process = show(height=height, width=width)
    assert f"Geometry: {expected}" in xdotool("getwindowgeometry", find_window())
    process.kill()


def test_qt_prints_nothing(show):
    process = show(frames=2)
    assert process.communicate(timeout=60)[1] == ""


@pytest.mark.skipif(shutil.which("import") is None, reason="ImageMagick is not installed")
def test_the_colours_on_the_screen_are_those_of_the_frame(show, tmp_path):
    process = show()
    find_window()
    time.sleep(1.5)  # a screenshot of a window that is just being mapped keeps Qt from painting it
    shot = tmp_path / "screen.png"
    colour, deadline = None, time.monotonic() + 60
    while colour != (250, 10, 10) and time.monotonic() < deadline:  # until it has been painted
        time.sleep(0.5)  # a screenshot holds up the X server
        subprocess.run(["import", "-window", "root", str(shot)], check=True)
        colour = tuple(read_image(shot)[120, 160].tolist())
    process.kill()
    assert colour == (250, 10, 10)


def test_the_probe_gives_up_on_a_display_that_hangs(monkeypatch):
    monkeypatch.setattr(screen, "_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(screen, "_PROBE_TIMEOUT_S", 0.2)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys, "platform", "linux")
    assert why_no_window() == "no answer from display ':0'"
