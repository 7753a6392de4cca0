import platform
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from demo.diagnosis import cameras, diagnostics, subprocess_check
from demo.diagnosis.cameras import (
    Camera,
    camera_lines,
    list_cameras,
    try_camera,
    why_no_camera,
)
from demo.diagnosis.subprocess_check import BusyError
from demo.sources import capture
from demo.sources.frames import Frame, Source

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the devices are Linux's")

CAPTURES, DESCRIBES = 0x00000001, 0x00800000  # V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_META_CAPTURE

STAND_IN = """
import cv2

open_capture = cv2.VideoCapture


def from_a_file(source, *rest):
    return open_capture({path!r}) if isinstance(source, int) else open_capture(source, *rest)


cv2.VideoCapture = from_a_file
"""


@pytest.fixture
def devices(tmp_path, monkeypatch):
    """Makes files that answer as video devices do: `devices({"video0": capabilities})`."""

    def make(capabilities):
        from cv2_enumerate_cameras import linux_backend

        found = [tmp_path / name for name in capabilities]
        for path in found:
            path.touch()

        def ioctl(device, request, capability):
            assert request == linux_backend.VIDIOC_QUERYCAP
            capability.device_caps = capabilities[device.name.rpartition("/")[2]]

        paths = SimpleNamespace(glob=lambda _: [str(path) for path in found])
        monkeypatch.setattr(linux_backend, "glob", paths)
        monkeypatch.setattr(linux_backend, "fcntl", SimpleNamespace(ioctl=ioctl))

    return make


@pytest.fixture
def camera_from_a_file(tmp_path, monkeypatch):
    """Every camera, also of other processes, plays a video of 64x48 pixels at 25 fps."""
    path = str(tmp_path / "video.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for _ in range(50):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    (tmp_path / "sitecustomize.py").write_text(STAND_IN.format(path=path))
    monkeypatch.syspath_prepend(tmp_path)


@on_linux
def test_where_there_is_no_device_there_is_no_camera(devices):
    devices({})
    assert list_cameras() == []


@on_linux
def test_cameras_come_in_the_order_of_their_numbers(devices):
    devices({"video10": CAPTURES, "video2": CAPTURES, "video0": CAPTURES})
    assert [camera.index for camera in list_cameras()] == [0, 2, 10]


@on_linux
def test_a_camera_knows_its_name_and_what_opens_it(devices):
    devices({"video87": CAPTURES})
    assert list_cameras() == [Camera(87, "video87", "V4L2")]


@on_linux
def test_a_device_that_only_describes_frames_is_no_camera(devices):
    devices({"video0": CAPTURES, "video1": DESCRIBES})
    assert [camera.index for camera in list_cameras()] == [0]


@on_linux
def test_a_device_that_may_not_be_read_is_listed_with_the_fix(devices, monkeypatch):
    devices({"video0": CAPTURES})
    monkeypatch.setattr(cameras.os, "access", lambda *_: False)
    assert "usermod -aG video" in list_cameras()[0].fault


def test_a_camera_gives_a_frame(camera_from_a_file):
    assert try_camera(Camera(0, "Lid", "V4L2")) == (True, "64x48 at 25 fps")


def test_a_camera_that_is_not_there_says_so_with_the_fix():
    works, said = try_camera(Camera(97, "Lid", "V4L2"))
    assert not works
    assert "camera 97 cannot be opened" in said
    assert "--source FILE" in said


def test_of_a_camera_that_may_not_be_read_that_is_the_fault():
    assert try_camera(Camera(97, "Lid", "V4L2", "no right")) == (False, "no right")


@pytest.mark.parametrize(
    ("idle", "fault"),
    [
        pytest.param(0.5, "no answer within 1 s", id="it hangs"),
        pytest.param(
            0.05,
            f"no answer within 1 s, the machine is busy; {BusyError.fix}",
            id="the machine is busy",
        ),
    ],
)
def test_a_camera_without_an_answer_is_given_up(tmp_path, monkeypatch, processors, idle, fault):
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(600)")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(subprocess_check, "PATIENCE_S", 1.0)
    processors(idle)
    assert try_camera(Camera(0, "Lid", "V4L2")) == (False, fault)


def test_a_camera_that_does_not_say_how_fast_it_is(monkeypatch):
    frame = Frame(np.zeros((480, 640, 3), np.uint8), "camera 0", 0.0)
    silent = Source("camera 0", iter([frame]), live=True)
    monkeypatch.setattr(capture, "open_source", lambda _: silent)
    assert diagnostics.DIAGNOSTICS["frame"]("0") == {"found": "640x480"}


@pytest.mark.parametrize(
    ("system", "release", "marks", "fix"),
    [
        pytest.param("linux", "6.1.0", (), "/dev/video*", id="Linux"),
        pytest.param("linux", "6.1.0", (__file__,), "--device /dev/video0", id="container"),
        pytest.param("linux", "5.15.0-microsoft-standard-WSL2", (), "usbipd", id="WSL"),
        pytest.param("darwin", "23.0", (), "allow your terminal", id="macOS"),
        pytest.param("win32", "11", (), "close other programs", id="Windows"),
        pytest.param("freebsd14", "14.1", (), "/dev/video*", id="another"),
    ],
)
def test_where_there_is_no_camera_the_fix_fits_the_place(monkeypatch, system, release, marks, fix):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "release", lambda: release)
    monkeypatch.setattr(cameras, "_CONTAINER_MARKS", marks)
    assert fix in why_no_camera()
    assert "\n" not in why_no_camera()


def test_the_list_says_which_cameras_work_and_how_to_use_one(monkeypatch):
    there = [Camera(0, "Lid", "V4L2"), Camera(2, "Desk", "V4L2"), Camera(4, "Wall", "V4L2")]
    trials = {0: (False, "busy"), 2: (True, "640x480 at 30 fps"), 4: (False, "no")}
    monkeypatch.setattr(cameras, "list_cameras", lambda: there)
    monkeypatch.setattr(cameras, "try_camera", lambda camera: trials[camera.index])
    assert list(camera_lines()) == [
        "0  Lid (V4L2): busy",
        "2  Desk (V4L2): 640x480 at 30 fps",
        "4  Wall (V4L2): no",
        "use one with: python -m demo.webcam --source 2",
    ]


def test_an_empty_list_says_so_with_the_fix(monkeypatch):
    monkeypatch.setattr(cameras, "list_cameras", list)
    (line,) = camera_lines()
    assert line == f"no camera found: {why_no_camera()}"
