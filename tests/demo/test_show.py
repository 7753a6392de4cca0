"""The loop of the demo, with a camera and a model that the test steps on, and a view that notes."""

import itertools
import threading
from collections import deque

import numpy as np
import pytest

from configs.errors import UserError
from demo.show import detect
from demo.sources.frames import Frame, Source
from demo.sources.live_source import LiveSource
from detector.slicing.tiling import choose_tiling

SIZE_HW = (120, 160)


class SteppedCamera:
    """Gives the frames that a test steps it on to; the grey of a frame is its number."""

    def __init__(self):
        self.drained = threading.Event()
        self._numbers = deque()

    def give(self, *numbers):
        self.drained.clear()
        self._numbers.extend(numbers)

    def grab(self):
        if not self._numbers:
            self.drained.set()  # all that it gave has been handed on
            return False
        self.number = self._numbers.popleft()
        return True

    def retrieve(self):
        return True, np.full((*SIZE_HW, 3), self.number, np.uint8)

    def get(self, _):
        return 30.0

    def release(self):
        pass


@pytest.fixture
def camera():
    return SteppedCamera()


@pytest.fixture
def live(camera):
    """The camera as a source, which is never lost."""
    return LiveSource("camera 0", camera, lambda: None, patience_s=1e9)


@pytest.fixture
def controls(two_classes):
    return two_classes


def number(image):
    return int(image[-1, -1, 0])


# ---- which frames are shown


def test_every_frame_of_a_file_is_shown_in_order(run, controls, noting_view, video):
    view = noting_view(controls)
    assert run(video(30), controls, view).stats.frames == 30
    assert [number(image) for image in view.shown] == list(range(30))


def test_the_next_frame_is_detected_while_one_is_shown(
    run, controls, noting_view, video, predictor, wait_until
):
    begun = []

    class Counted(predictor):
        def __call__(self, image):
            begun.append(number(image))
            return super().__call__(image)

    class Holding(noting_view):
        def show(self, image, status):
            super().show(image, status)
            wait_until(lambda: len(begun) >= min(20, len(self.shown) + 1))

    assert run(video(20), controls, Holding(controls), predictor=Counted).stats.frames == 20


def test_a_slow_model_gets_the_newest_frame_and_no_backlog(run, live, camera, predictor, timeout_s):
    """While it is busy with one frame, the camera takes three more."""
    detected = []

    class Slow(predictor):
        def __call__(self, image):
            detected.append(last := number(image))
            camera.give(last + 1, last + 2, last + 3)
            assert camera.drained.wait(timeout_s)
            return super().__call__(image)

    camera.give(0)
    run(live, most=10, predictor=Slow)
    assert detected == list(range(0, 3 * len(detected), 3))
    assert len(detected) >= 10


def test_the_stages_are_told_from_grab_to_draw(run, controls, noting_view, video):
    view = noting_view(controls)
    stats = run(video(5), controls, view).stats
    assert list(stats.stage_ms) == ["grab", "resize", "run", "decode", "nms", "draw"]
    assert list(view.statuses[-1]["stage_ms"]) == list(stats.stage_ms)


def test_no_thread_is_left(run, controls, live, camera, video, noting_view, wait_until):
    camera.give(0)
    run(live, controls, most=1)
    run(video(50), controls, noting_view(controls, {3: "q"}))
    threads = {"capture", "reading", "detecting"}
    wait_until(lambda: not threads & {thread.name for thread in threading.enumerate()})


def test_a_file_is_played_at_its_own_rate(run, controls, noting_view, video):
    view = noting_view(controls)
    run(video(16, fps=50), controls, view)
    np.testing.assert_allclose(np.diff(view.at), 1 / 50)


def test_a_variable_rate_is_played_by_the_times_of_the_frames(run, controls, noting_view):
    times = [0.0, 0.03, 0.06, 0.5, 1.5, 1.53, 4000.0]  # of a gap, ten seconds are enough

    def frames():
        for at in times:
            yield Frame(np.zeros((*SIZE_HW, 3), np.uint8), "v.mp4", 0.0, time_s=at)

    view = noting_view(controls)
    run(Source("v.mp4", frames(), 30.0, len(times), has_times=True), controls, view)
    np.testing.assert_allclose(np.diff(view.at), [0.03, 0.03, 0.44, 1.0, 0.03, 10.0])


# ---- pauses


@pytest.fixture
def pausing_view(noting_view):
    class Pausing(noting_view):
        """Its user ends each pause after ten more looks, 0.2 s by its clock."""

        looks = 0

        def wait(self, seconds):
            paused = self.controls.paused
            super().wait(seconds)
            self.looks = self.looks + 1 if paused else 0
            if self.looks == 10:
                self.controls.press(ord(" "))
            return False

    return Pausing


def test_a_pause_holds_the_frame_and_then_goes_on_where_it_was(run, controls, pausing_view, video):
    view = pausing_view(controls, {5: " "})
    assert run(video(20), controls, view).stats.frames == 20
    assert np.diff(view.at).max() > 0.15
    assert view.statuses[5]["note"] == "paused"  # the same frame once more, with a note
    np.testing.assert_array_equal(view.shown[4][20:100], view.shown[5][20:100])
    numbers = [number(image) for image in view.shown]
    assert [each for each, _ in itertools.groupby(numbers)] == list(range(20))


def test_after_a_pause_a_camera_shows_what_is_there_now(
    run, controls, noting_view, live, camera, predictor, wait_until, timeout_s
):
    detected = []

    class Noting(predictor):
        def __call__(self, image):
            detected.append(number(image))
            return super().__call__(image)

    class Pausing(noting_view):
        def wait(self, seconds):
            self.clock.sleep(seconds)
            if len(self.shown) == 1 and not self.controls.paused:
                camera.give(1)  # at hand already when the key is pressed
                wait_until(lambda: 1 in detected)
                self.controls.press(ord(" "))
            elif self.controls.paused:
                for late in (100, 101):  # the second begins when the first has been handed on
                    camera.give(late)
                    wait_until(lambda late=late: late in detected)
                self.controls.press(ord(" "))
            return False

    camera.give(0)
    view = Pausing(controls)
    run(live, controls, view, most=2, predictor=Noting)
    assert number(view.shown[0]) == 0
    assert number(view.shown[-1]) >= 100


def test_a_pause_does_not_count_as_slow(run, controls, video, pausing_view):
    stats = run(video(20, fps=50), controls, pausing_view(controls, {10: " "})).stats
    assert stats.fps == pytest.approx(50, rel=0.1)


# ---- tiles


def test_an_image_smaller_than_a_tile_is_named(predictor):
    sliced = predictor()
    sliced.tiling = choose_tiling(500, None)
    frames = [
        Frame(np.zeros((*size_hw, 3), np.uint8), file, 0.0)
        for file, size_hw in (("large.jpg", (600, 500)), ("small.jpg", SIZE_HW))
    ]
    detected = detect(frames, sliced)
    assert len(next(detected).detections) == 2
    with pytest.raises(UserError, match=r"small\.jpg is 160x120 px, smaller than a tile of 500 px"):
        next(detected)
