"""The loop of the demo, with a camera and a model made of sleeps, and a view that notes."""

import os
import threading
import time

import numpy as np
import psutil
import pytest

from demo.sources.capture import Source
from demo.sources.frames import Shot
from demo.sources.stream import LiveReader

PROOFS = bool(os.environ.get("SSDLITE_PROOFS"))
SIZE_HW = (120, 160)


class Camera:
    """A camera of so many fps; the brightness of a frame is its number."""

    def __init__(self, fps):
        self.fps, self.number, self._start = fps, -1, time.monotonic()

    def grab(self):
        # A driver drops what nobody reads.
        self.number = max(self.number + 1, int((time.monotonic() - self._start) * self.fps))
        time.sleep(max(0, self._start + self.number / self.fps - time.monotonic()))
        return True

    def retrieve(self):
        return True, np.full((*SIZE_HW, 3), self.number % 250, np.uint8)

    def release(self):
        pass


def camera(fps=30.0):
    reader = LiveReader("camera 0", Camera(fps), lambda: None, patience_s=1)

    def shots():
        while frame := reader.take(lambda: source.stopped):
            yield Shot(frame[0], "camera 0", *frame[1:])

    source = Source("camera 0", shots(), fps, live=True, close=reader.close)
    return source


@pytest.fixture
def controls(two_classes):
    return two_classes


@pytest.fixture
def pausing_view(noting_view):
    class Pausing(noting_view):
        """Its user ends each pause after half a second."""

        def wait(self, seconds):
            paused = self.controls.paused
            super().wait(seconds)
            if paused and time.monotonic() - self.at[-1] > 0.5:
                self.controls.press(ord(" "))
            return False

    return Pausing


# ---- speed


def test_every_frame_of_a_file_is_shown_in_order(run, controls, noting_view, video):
    view = noting_view(controls)
    assert run(video(30), controls, view).stats.frames == 30
    corners = [int(image[-1, -1, 0]) for image in view.shown]
    assert corners == list(range(30))


def test_reading_detecting_and_drawing_overlap(run, controls, noting_view, video):
    view = noting_view(controls, seconds=0.03)
    begun = time.monotonic()
    run(video(20), controls, view, seconds=0.03)
    assert time.monotonic() - begun < 0.8 * 20 * (0.03 + 0.03)


@pytest.mark.timeout(900)
def test_a_slow_model_shows_no_frame_older_than_two_frame_times_and_its_own(run, controls):
    """Latency, not backlog, however long it runs (SSDLITE_PROOFS: ten minutes)."""
    inference_s, frames = 0.1, 6000 if PROOFS else 30
    stats = run(camera(fps=30.0), controls, seconds=inference_s, most=frames).stats
    print(f"median {1000 * stats.latency_s:.0f} ms at {stats.fps:.1f} fps")
    assert stats.latency_s < 2 / 30 + inference_s
    assert stats.fps == pytest.approx(1 / inference_s, rel=0.1)


def test_the_stages_are_told_from_grab_to_draw(run, controls, noting_view, video):
    view = noting_view(controls)
    stats = run(video(5), controls, view).stats
    assert list(stats.stage_ms) == ["grab", "resize", "run", "decode", "nms", "draw"]
    assert list(view.statuses[-1]["stage_ms"]) == list(stats.stage_ms)


@pytest.mark.timeout(3600)
def test_a_long_video_takes_no_more_memory_than_a_short_one(
    run, controls, sleeping_predictor, video
):
    """SSDLITE_PROOFS: an hour at 30 fps."""
    frames, process, memory = 108_000 if PROOFS else 8000, psutil.Process(), []

    class Measuring(sleeping_predictor):
        def __call__(self, image):
            self.seen = getattr(self, "seen", 0) + 1
            if self.seen % (frames // 10) == 0:
                memory.append(process.memory_info().rss / 2**20)
            return super().__call__(image)

    controls.tracks = True
    run(video(frames, fps=30.0), controls, predictor=Measuring())
    print(f"{frames} frames: {[round(each, 1) for each in memory]} MB")
    assert max(memory[5:]) - memory[4] < 1.5  # MB; medians are of the latest 3600 frames


def test_no_thread_is_left(run, controls, video, noting_view):
    run(camera(fps=200), controls, seconds=0.01, most=5)
    run(video(50), controls, noting_view(controls, {3: "q"}))
    names = {thread.name for thread in threading.enumerate()}
    assert not names & {"capture", "reading", "detecting"}


# ---- pauses


def test_a_pause_holds_the_frame_and_then_goes_on_where_it_was(run, controls, pausing_view, video):
    view = pausing_view(controls, {5: " "})
    assert run(video(20), controls, view).stats.frames == 20
    gaps = np.diff(view.at)
    assert gaps.max() > 0.5
    assert view.statuses[5]["note"] == "paused"  # the same frame once more, with a note
    np.testing.assert_array_equal(view.shown[4][20:100], view.shown[5][20:100])


def test_after_a_pause_a_camera_shows_what_is_there_now(run, controls, pausing_view):
    view = pausing_view(controls, {5: " "})
    # So fast that a frame is at hand already when the key is pressed.
    run(camera(fps=200), controls, view, most=12)
    numbers = [int(image[-1, -1, 0]) for image in view.shown]
    paused = next(i for i, status in enumerate(view.statuses) if status["note"] == "paused")
    following = next(number for number in numbers[paused:] if number != numbers[paused])
    assert following - numbers[paused] > 0.4 * 200  # the pause took half a second


def test_a_pause_does_not_count_as_slow(run, controls, video, pausing_view):
    stats = run(video(20, fps=50), controls, pausing_view(controls, {10: " "})).stats
    assert stats.fps > 30
