import threading
import time

import numpy as np

from demo.sources import stream as live
from demo.sources.stream import LiveReader


class FakeCamera:
    """30 frames per second; the red of a frame is its number. `length` ends it."""

    def __init__(self, length=10_000, fps=30):
        self.length, self.released = length, False
        self._fps = fps
        self.number = -1
        self._start = time.monotonic()

    def grab(self):
        self.number += 1
        time.sleep(max(0, self._start + self.number / self._fps - time.monotonic()))
        return self.number < self.length

    def retrieve(self):
        return True, np.full((4, 4, 3), (0, 0, self.number % 256), np.uint8)

    def release(self):
        self.released = True


def read(camera, patience_s=1.0):
    """A reader of a camera that cannot be opened again: it tries for as long as it is open."""
    return LiveReader("camera 0", camera, lambda: None, patience_s)


def test_a_slow_consumer_gets_fresh_frames_in_order():
    camera = FakeCamera()
    reader = read(camera)
    numbers = []
    for _ in range(8):
        shown_by_camera = camera.number
        image, *_ = reader.take(lambda: False)
        numbers.append(int(image[0, 0, 0]))
        # The camera's latest frame may be on its way from the driver; the one before is here.
        assert numbers[-1] >= shown_by_camera - 1
        time.sleep(0.11)  # a slow detector: 9 fps
    reader.close()
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - numbers[0] > len(numbers)  # most were dropped, none was queued


def test_a_fast_consumer_gets_each_frame_once():
    reader = read(FakeCamera(length=10, fps=100), patience_s=0)
    numbers = []
    while frame := reader.take(lambda: bool(reader.trouble)):
        numbers.append(int(frame[0][0, 0, 0]))
    reader.close()
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 9  # the end does not swallow the last


def test_the_device_is_released_when_closed():
    camera = FakeCamera()
    read(camera).close()
    assert camera.released


def test_stopping_ends_the_wait_for_a_camera_that_is_silent():
    silent = FakeCamera(length=0)
    reader = read(silent, patience_s=60)
    start = time.monotonic()
    assert reader.take(lambda: time.monotonic() - start > 0.1) is None
    reader.close()
    assert time.monotonic() - start < 30  # far less than its patience


def test_a_camera_that_warms_up_is_waited_for():
    class Cold(FakeCamera):
        def grab(self):
            return super().grab() and self.number > 5

    reader = read(Cold(), patience_s=2)
    assert reader.wait(2)
    reader.close()


# ---- lost and found


class Flaky:
    """A camera that gives five frames and is then gone; it opens at the `opens_at`-th try."""

    def __init__(self, opens_at):
        self.tries, self._opens_at = 0, opens_at

    def reopen(self):
        self.tries += 1
        return FakeCamera(length=5, fps=200) if self.tries >= self._opens_at else None


def test_a_lost_camera_is_opened_again_at_growing_intervals_and_that_is_said(monkeypatch, capsys):
    monkeypatch.setattr(live, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(live, "_LONGEST_WAIT_S", 0.05)
    flaky = Flaky(opens_at=6)
    lost = FakeCamera(length=5, fps=200)
    reader = LiveReader("camera 0", lost, flaky.reopen, patience_s=0)
    frames = [reader.take(lambda: False) for _ in range(8)]
    reader.close()
    assert all(frame is not None for frame in frames)
    assert lost.released
    said = capsys.readouterr().err.splitlines()
    waits = ("0.01", "0.02", "0.04", "0.05", "0.05")
    assert said[0] == "camera 0 gives no more frames; opening it again"
    assert said[1:6] == [f"camera 0 is lost; next try in {wait} s" for wait in waits]
    assert said[6].startswith("camera 0 is open again after ")


def test_one_that_opens_and_ends_at_once_is_not_back(monkeypatch, capsys):
    """A snapshot's address, or a server that restarts: no storm of connections."""
    monkeypatch.setattr(live, "_FIRST_WAIT_S", 0.05)
    opened = []

    def reopen():
        opened.append(time.monotonic())
        return FakeCamera(length=1, fps=1000)

    reader = LiveReader("camera 0", FakeCamera(length=1, fps=1000), reopen, patience_s=0)
    time.sleep(1)
    reader.close()
    assert len(opened) <= 6
    assert np.diff(opened)[-1] > 0.25


def test_after_a_steady_while_the_first_try_is_at_once_again(monkeypatch):
    monkeypatch.setattr(live, "_STEADY_S", 0.05)
    monkeypatch.setattr(live, "_FIRST_WAIT_S", 30.0)
    opened = []

    def reopen():
        opened.append(1)
        return FakeCamera(length=40, fps=200)

    reader = LiveReader("camera 0", FakeCamera(length=40, fps=200), reopen, patience_s=0)
    time.sleep(1)
    reader.close()
    assert len(opened) >= 3


def test_what_is_wrong_can_be_shown_until_frames_come_again():
    flaky = Flaky(opens_at=2)
    reader = LiveReader("camera 0", FakeCamera(length=3, fps=200), flaky.reopen, patience_s=0)
    assert reader.take(lambda: False) is not None
    assert reader.trouble == ""
    deadline = time.monotonic() + 5
    while not reader.trouble and time.monotonic() < deadline:
        time.sleep(0.01)
    assert reader.trouble.startswith("camera 0 ")
    reader.close()


def test_closing_does_not_wait_for_the_next_try():
    reader = LiveReader("camera 0", FakeCamera(length=1), lambda: None, patience_s=0)
    while not reader.trouble:
        time.sleep(0.01)
    begun = time.monotonic()
    reader.close()
    assert time.monotonic() - begun < 1
    assert "capture" not in {thread.name for thread in threading.enumerate()}
