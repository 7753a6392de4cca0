import sys

import cv2
import pytest

from configs.errors import UserError
from demo.sources import capture
from demo.sources.capture import ask_camera, open_source


@pytest.fixture
def camera_number():
    """A camera that no machine has."""
    return "97"


@pytest.mark.parametrize("prefix", ["", "/dev/video"])
def test_an_absent_camera_is_reported_with_the_fix(camera_number, prefix, capfd):
    with pytest.raises(UserError, match=r"camera 97 cannot be opened \(tried .+--source FILE"):
        open_source(prefix + camera_number)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for /dev/video*")
def test_without_a_camera_the_clip_plays_after_one_clear_line(capfd):
    if list(capture.Path("/dev").glob("video*")):
        pytest.skip("this machine has a camera")
    with open_source(None) as source:
        assert source.name == "built-in clip"
        assert next(source).image.shape == (480, 640, 3)
    assert (source.fps, source.count, source.live) == (30.0, 180, False)
    assert capfd.readouterr().err == (
        "no camera found; playing the built-in clip (use --source FILE for your own)\n"
    )


def test_a_camera_that_stays_dark_is_the_users_to_fix(monkeypatch):
    class Dark:
        def __init__(self, *_):
            pass

        def isOpened(self):  # noqa: N802 - OpenCV's name
            return True

        def get(self, _):
            return 0.0

        def grab(self):
            return False

        def release(self):
            pass

    monkeypatch.setattr(cv2, "VideoCapture", Dark)
    monkeypatch.setattr(capture, "_CAMERA_PATIENCE_S", 0.2)
    with pytest.raises(UserError, match=r"camera 3 gave no frame within 0 s \(tried"):
        open_source("3")


def test_a_camera_is_asked_for_size_and_rate():
    class Asked:
        def set(self, number, value):
            asked[number] = value

    asked = {}
    ask_camera(Asked(), (1280, 720), 60)
    asked.pop(cv2.CAP_PROP_FOURCC, None)
    assert asked == {
        cv2.CAP_PROP_FRAME_WIDTH: 1280,
        cv2.CAP_PROP_FRAME_HEIGHT: 720,
        cv2.CAP_PROP_FPS: 60,
    }
