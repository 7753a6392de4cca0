import threading
import types
from collections import deque

import cv2
import numpy as np
import pytest

from demo.sources import live_source
from demo.sources.live_source import LiveSource
from demo.sources.timestamps import StreamClock

LONG_S = 1e9


class FakeCamera:
    """Gives the frames that it is told to, and then nothing; their red is their number.

    `drained` is set once all of them have been handed on; `repeat` gives the last without end.
    """

    def __init__(self, *numbers, repeat=False):
        self.released, self.drained = False, threading.Event()
        self._repeat = repeat
        self._numbers = deque(numbers)

    def give(self, *numbers):
        self.drained.clear()
        self._numbers.extend(numbers)

    def grab(self):
        if not self._numbers:
            self.drained.set()
            return False
        if not (self._repeat and len(self._numbers) == 1):
            self._number = self._numbers.popleft()
        else:
            self._number = self._numbers[0]
        return True

    def retrieve(self):
        return True, np.full((4, 4, 3), (0, 0, self._number % 256), np.uint8)

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def get(self, _):
        return 30.0

    def release(self):
        self.released = True


class Gone(FakeCamera):
    """A camera that cannot be opened."""

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return False


@pytest.fixture
def read():
    """Reads a camera: `read(camera, reopen, patience_s)`. None of them outlives the test."""
    sources = []

    def start(camera, reopen=Gone, patience_s=LONG_S, clock=None, is_paced=False):
        sources.append(LiveSource("camera 0", camera, reopen, patience_s, clock, is_paced))
        return sources[-1]

    yield start
    for source in sources:
        source.close()


def number(frame):
    return int(frame.image[0, 0, 0])


def test_a_slow_consumer_gets_the_newest_frame_however_many_came(read, timeout_s):
    camera = FakeCamera()
    source = read(camera)
    for first in range(0, 80, 10):
        camera.give(*range(first, first + 10))
        assert camera.drained.wait(timeout_s)
        assert number(next(source)) == first + 9


def test_a_fast_consumer_gets_each_frame_once_numbered_from_0(read):
    camera = FakeCamera()
    source = read(camera)
    frames = []
    for i in range(10):
        camera.give(100 + i)
        frames.append(next(source))
    assert [number(frame) for frame in frames] == list(range(100, 110))
    assert [frame.index for frame in frames] == list(range(10))


def test_the_end_does_not_swallow_the_last_frame(read, wait_until):
    source = read(FakeCamera(7), patience_s=0)
    wait_until(lambda: source.trouble)
    assert number(next(source)) == 7


def test_the_device_is_released_when_closed(read):
    camera = FakeCamera(repeat=True)
    read(camera).close()
    assert camera.released


def test_stopping_ends_the_wait_for_a_camera_that_is_silent(read):
    source = read(FakeCamera())
    threading.Timer(0.1, source.stop).start()
    with pytest.raises(StopIteration):
        next(source)


def test_a_camera_that_warms_up_is_waited_for(read, timeout_s):
    class Cold(FakeCamera):
        tries = 0

        def grab(self):
            self.tries += 1
            return self.tries > 5 and super().grab()

    assert number(next(read(Cold(1)).with_first_frame(timeout_s, ""))) == 1


# ---- reads that fail


class Damaged(FakeCamera):
    """Its reads fail where it is told to give None."""

    def grab(self):
        if self._numbers and self._numbers[0] is None:
            self._numbers.popleft()
            return False
        return super().grab()


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param([None] * 7 + [1], id="at the start"),
        pytest.param([1, None, 1, None], id="between frames"),
        pytest.param([1] + [None] * 99, id="many in a row"),
    ],
)
def test_a_frame_that_cannot_be_decoded_is_no_end_of_a_stream(read, capsys, lost, wait_until):
    source = read(Damaged(*lost, 2, repeat=True), patience_s=0)
    wait_until(lambda: number(next(source)) == 2)
    source.close()
    assert capsys.readouterr().err == f"camera 0: {lost.count(None)} frames could not be decoded\n"


def test_where_nothing_but_failed_reads_come_it_is_opened_again(read, wait_until):
    opened = []

    def reopen():
        opened.append(FakeCamera(2, repeat=True))
        return opened[-1]

    source = read(Damaged(1, *[None] * 1000), reopen, patience_s=0)
    wait_until(lambda: number(next(source)) == 2)
    assert len(opened) == 1


# ---- lost and found


def test_a_lost_camera_is_opened_again_at_growing_intervals_and_that_is_said(
    monkeypatch, capsys, read
):
    monkeypatch.setattr(live_source, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(live_source, "_LONGEST_WAIT_S", 0.05)
    tries = iter([Gone() for _ in range(5)] + [FakeCamera(2, repeat=True)])
    lost = FakeCamera(1)
    source = read(lost, lambda: next(tries), patience_s=0)
    while number(next(source)) != 2:
        pass
    assert lost.released
    said = capsys.readouterr().err.splitlines()
    waits = ("0.01", "0.02", "0.04", "0.05", "0.05")
    assert said[0] == "camera 0 gives no more frames; opening it again"
    assert said[1:6] == [f"camera 0 is lost; next try in {wait} s" for wait in waits]
    assert said[6].startswith("camera 0 is open again after ")


def test_one_that_opens_and_ends_at_once_is_not_back(monkeypatch, capsys, read, wait_until):
    """A snapshot's address, or a server that restarts: no storm of connections."""
    monkeypatch.setattr(live_source, "_FIRST_WAIT_S", 0.01)
    opened = []

    def reopen():
        opened.append(FakeCamera(1))
        return opened[-1]

    read(FakeCamera(1), reopen, patience_s=0)
    wait_until(lambda: len(opened) > 5)
    said = capsys.readouterr().err
    for seconds in ("0.01", "0.02", "0.04", "0.08", "0.16"):
        assert said.count(f"next try in {seconds} s") == 1


def test_after_a_steady_while_the_first_try_is_at_once_again(monkeypatch, read, wait_until):
    clock = types.SimpleNamespace(now=0.0)
    fake = types.SimpleNamespace(monotonic=lambda: clock.now, sleep=lambda _: None)
    monkeypatch.setattr(live_source, "time", fake)
    monkeypatch.setattr(live_source, "_FIRST_WAIT_S", LONG_S)
    opened = []

    class Steady(FakeCamera):
        def grab(self):
            clock.now += 1.0
            return super().grab()

    def reopen():
        opened.append(Steady(*range(20)))
        return opened[-1]

    read(Steady(*range(20)), reopen, patience_s=0)
    wait_until(lambda: len(opened) >= 3)


def test_what_is_wrong_can_be_shown_until_frames_come_again(read, wait_until, timeout_s):
    is_back = threading.Event()

    def reopen():
        is_back.wait(timeout_s)
        return FakeCamera(2, repeat=True)

    source = read(FakeCamera(1), reopen, patience_s=0)
    next(source)
    wait_until(lambda: source.trouble == "camera 0 gives no more frames; opening it again")
    is_back.set()
    wait_until(lambda: source.trouble == "")


def test_closing_does_not_wait_for_the_next_try(monkeypatch, read, wait_until):
    monkeypatch.setattr(live_source, "_FIRST_WAIT_S", LONG_S)
    monkeypatch.setattr(live_source, "_LONGEST_WAIT_S", LONG_S)
    source = read(FakeCamera(1), patience_s=0)
    wait_until(lambda: "next try" in source.trouble)
    source.close()
    wait_until(lambda: "capture" not in {thread.name for thread in threading.enumerate()})


# ---- streams with a clock of their own


class Stream(FakeCamera):
    """A frame's number is its timestamp in seconds; `count` are known, of a recording."""

    def __init__(self, *numbers, count=0, **options):
        super().__init__(*numbers, **options)
        self._count = count

    def get(self, what):
        has = {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_FRAME_COUNT: self._count}
        return has.get(what, 1000.0 * getattr(self, "_number", 0))


def test_a_stream_has_the_times_of_its_timestamps(read):
    source = read(Stream(1, 2, 3, repeat=True), clock=StreamClock(runs_ahead=True), is_paced=True)
    times = [next(source).time_s for _ in range(2)]
    assert times[1] - times[0] == pytest.approx(1.0)
    assert source.may_stall


def test_a_camera_has_the_times_of_arrival(read):
    source = read(FakeCamera(1, repeat=True))
    first, second = next(source), next(source)
    assert second.time_s == pytest.approx(second.captured_at - first.captured_at)
    assert not source.may_stall


def test_a_stream_whose_end_is_a_recording_has_ended(read, capsys):
    clock, is_paced = StreamClock(runs_ahead=True), True
    source = read(Stream(1), lambda: Stream(1, 1, count=90), 0, clock, is_paced)
    assert [number(frame) for frame in source] == [1]
    assert "camera 0 has ended\n" in capsys.readouterr().err


def test_closing_a_paced_stream_ends_its_threads(read, wait_until):
    source = read(Stream(*range(500)), clock=StreamClock(runs_ahead=True), is_paced=True)
    next(source)
    source.close()
    threads = {"capture", "pacing"}
    wait_until(lambda: not threads & {thread.name for thread in threading.enumerate()})
