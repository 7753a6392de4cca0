"""The loop of the demo, with a camera and a model made of sleeps, and a view that notes."""

import os
import threading
import time
import types

import numpy as np
import psutil
import pytest

from demo.capture import Source
from demo.controls import Controls
from demo.files import Files
from demo.follower import Follower, Wanted
from demo.live import LiveReader
from demo.recorded import Shot, timed
from demo.show import Show
from detector.classes import coco_classes
from detector.images import read_image
from detector.types import Detections

PROOFS = bool(os.environ.get("SSDLITE_PROOFS"))
SIZE_HW = (120, 160)


class FakePredictor:
    """Finds a person at 90 % and a tie at 50 % in every picture, in so many seconds."""

    name = "fake"
    classes = coco_classes([1, 32])

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def __call__(self, _image):
        time.sleep(self.seconds)
        self.stage_ms = {"resize": 0.1, "run": 1000 * self.seconds, "decode": 0.1, "nms": 0.1}
        boxes = np.array([[2, 3, 30, 40], [10, 20, 20, 30]], np.float32)
        return Detections(boxes, np.array([0.9, 0.5], np.float32), np.array([0, 1]))


class NotingView:
    """Notes what it is shown; `plan` says what its user does after so many pictures."""

    def __init__(self, controls, plan=(), seconds=0.0):
        self.controls, self.plan, self.seconds = controls, dict(plan), seconds
        self.shown, self.statuses, self.at = [], [], []

    def show(self, image, status):
        time.sleep(self.seconds)
        self.at.append(time.monotonic())
        self.shown.append(image)
        self.statuses.append(status)

    def wait(self, seconds):
        time.sleep(seconds)
        action = self.plan.pop(len(self.shown), None)
        for key in action or "":
            self.controls.press(ord(key))
        return bool(action)


class PausingView(NotingView):
    """Its user ends each pause after half a second."""

    def wait(self, seconds):
        paused = self.controls.paused
        super().wait(seconds)
        if paused and time.monotonic() - self.at[-1] > 0.5:
            self.controls.press(ord(" "))
        return False


def video(frames, fps=1000.0):
    images = (np.full((*SIZE_HW, 3), i % 250, np.uint8) for i in range(frames))
    return Source("video.mp4", timed(images, "video.mp4"), fps, frames)


class Camera:
    """A camera of so many fps; the brightness of a picture is its number."""

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
        while picture := reader.take(lambda: source.stopped):
            yield Shot(picture[0], "camera 0", *picture[1:])

    source = Source("camera 0", shots(), fps, live=True, close=reader.close)
    return source


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a show of a source to its end."""
    monkeypatch.chdir(tmp_path)

    def run(source, controls=None, view=None, seconds=0.0, most=None, wanted=None):
        controls = controls or Controls(FakePredictor.classes.names, score=0.4)
        predictor = FakePredictor(seconds)
        follower = Follower(controls.names, source, controls, wanted or Wanted())
        with source, Files(source, controls, None) as files, follower:
            show = Show(source, predictor, controls, view, files, follower, most)
            show.run()
        return types.SimpleNamespace(tally=show.tally, files=files, follower=follower)

    return run


@pytest.fixture
def controls():
    return Controls(FakePredictor.classes.names, score=0.4)


# ---- speed


def test_every_frame_of_a_file_is_shown_in_order(run, controls):
    view = NotingView(controls)
    assert run(video(30), controls, view).tally.frames == 30
    corners = [int(image[-1, -1, 0]) for image in view.shown]
    assert corners == list(range(30))


def test_reading_detecting_and_drawing_overlap(run, controls):
    view = NotingView(controls, seconds=0.03)
    begun = time.monotonic()
    run(video(20), controls, view, seconds=0.03)
    assert time.monotonic() - begun < 0.8 * 20 * (0.03 + 0.03)


@pytest.mark.timeout(900)
def test_a_slow_model_shows_no_frame_older_than_two_frame_times_and_its_own(run, controls):
    """Latency, not backlog, however long it runs (SSDLITE_PROOFS: ten minutes)."""
    inference_s, frames = 0.1, 6000 if PROOFS else 30
    tally = run(camera(fps=30.0), controls, seconds=inference_s, most=frames).tally
    print(f"median {1000 * tally.latency_s:.0f} ms at {tally.fps:.1f} fps")
    assert tally.latency_s < 2 / 30 + inference_s
    assert tally.fps == pytest.approx(1 / inference_s, rel=0.1)


def test_the_stages_are_told_from_grab_to_draw(run, controls):
    view = NotingView(controls)
    tally = run(video(5), controls, view).tally
    assert list(tally.stage_ms) == ["grab", "resize", "run", "decode", "nms", "draw"]
    assert list(view.statuses[-1]["stage_ms"]) == list(tally.stage_ms)


@pytest.mark.timeout(3600)
def test_a_long_video_takes_no_more_memory_than_a_short_one(run, controls, monkeypatch):
    """SSDLITE_PROOFS: an hour at 30 fps."""
    frames, process, memory = 108_000 if PROOFS else 8000, psutil.Process(), []

    class Measuring(FakePredictor):
        def __call__(self, image):
            self.seen = getattr(self, "seen", 0) + 1
            if self.seen % (frames // 10) == 0:
                memory.append(process.memory_info().rss / 2**20)
            return super().__call__(image)

    monkeypatch.setitem(globals(), "FakePredictor", Measuring)
    controls.tracks = True
    run(video(frames, fps=30.0), controls)
    print(f"{frames} frames: {[round(each, 1) for each in memory]} MB")
    assert max(memory[5:]) - memory[4] < 1.5  # MB; medians are of the latest 3600 frames


def test_no_thread_is_left(run, controls):
    run(camera(fps=200), controls, seconds=0.01, most=5)
    run(video(50), controls, NotingView(controls, {3: "q"}))
    names = {thread.name for thread in threading.enumerate()}
    assert not names & {"capture", "reading", "detecting"}


# ---- what its user does


def test_q_ends_it(run, controls):
    view = NotingView(controls, {5: "q"})
    assert run(video(100), controls, view).tally.frames == 5


def test_a_pause_holds_the_picture_and_then_goes_on_where_it_was(run, controls):
    view = PausingView(controls, {5: " "})
    assert run(video(20), controls, view).tally.frames == 20
    gaps = np.diff(view.at)
    assert gaps.max() > 0.5
    assert view.statuses[5]["note"] == "paused"  # the same picture once more, with a note
    np.testing.assert_array_equal(view.shown[4][20:100], view.shown[5][20:100])


def test_after_a_pause_a_camera_shows_what_is_there_now(run, controls):
    view = PausingView(controls, {5: " "})
    # So fast that a frame is at hand already when the key is pressed.
    run(camera(fps=200), controls, view, most=12)
    numbers = [int(image[-1, -1, 0]) for image in view.shown]
    paused = next(i for i, status in enumerate(view.statuses) if status["note"] == "paused")
    following = next(number for number in numbers[paused:] if number != numbers[paused])
    assert following - numbers[paused] > 0.4 * 200  # the pause took half a second


def test_the_threshold_takes_away_and_gives_back_also_while_paused(run, controls):
    class Turning(NotingView):
        def wait(self, seconds):
            time.sleep(seconds)
            keys = {5: " ", 6: "+++", 7: "---", 8: " ", 9: ""}.get(len(self.shown), "q")
            if len(self.shown) >= 5:
                for key in keys:
                    self.controls.press(ord(key))
            return False

    view = Turning(controls)
    run(video(100), controls, view)
    names = [[found["name"] for found in status["detections"]] for status in view.statuses[4:8]]
    assert names == [["person", "tie"], ["person", "tie"], ["person"], ["person", "tie"]]


def test_c_shows_one_class_after_the_other(run, controls):
    view = NotingView(controls, {2: "c", 4: "c", 6: "c"})
    run(video(8), controls, view)
    names = [{found["name"] for found in status["detections"]} for status in view.statuses]
    assert names[0] == {"person", "tie"}
    assert {"person"} in names
    assert {"tie"} in names
    assert names[-1] == {"person", "tie"}


def test_s_saves_what_is_shown(run, controls, tmp_path):
    view = NotingView(controls, {3: "s"})
    result = run(video(6), controls, view)
    (saved,) = result.files.saved
    assert saved.parent.name == "out"
    assert read_image(tmp_path / saved).shape == (*SIZE_HW, 3)
    assert any(status["note"].startswith("saved out/snapshot-") for status in view.statuses)


def test_s_while_paused_saves_what_stands_there(run, controls, tmp_path):
    class Pausing(NotingView):
        def wait(self, seconds):
            time.sleep(seconds)
            key = {5: " ", 6: "s"}.get(len(self.shown), "q" if self.controls.paused else "")
            if key and key not in self.pressed:
                self.pressed += key
                self.controls.press(ord(key))
            return False

    view = Pausing(controls)
    view.pressed = ""
    result = run(video(50), controls, view)
    (saved,) = result.files.saved
    assert read_image(tmp_path / saved)[-1, -1, 0] == pytest.approx(4, abs=3)  # the fifth


def test_a_snapshot_that_cannot_be_saved_is_said_and_the_demo_goes_on(run, controls, tmp_path):
    (tmp_path / "out").write_text("a file where the folder should be")
    view = NotingView(controls, {3: "s"})
    assert run(video(8), controls, view).tally.frames == 8
    assert any("cannot write" in status["note"] for status in view.statuses)


def test_keys_act_on_the_picture_that_is_on_the_screen(run, controls):
    def pictures():
        for grey in (50, 90, 130):
            yield Shot(np.full((*SIZE_HW, 3), grey, np.uint8), "a.png", time.monotonic(), 0.1)

    class Quick(NotingView):
        def wait(self, seconds):
            time.sleep(min(seconds, 0.01))
            if len(self.shown) == 1:
                self.controls.press(ord("s"))
            return True  # Enter: on to the next

    result = run(Source("photos", pictures(), count=3), controls, Quick(controls))
    greys = {int(read_image(saved)[-1, -1, 0]) for saved in result.files.saved}
    assert greys == {50}


def test_a_pause_does_not_count_as_slow(run, controls):
    tally = run(video(20, fps=50), controls, PausingView(controls, {10: " "})).tally
    assert tally.fps > 30


def test_nothing_of_the_screen_alone_is_saved(run, controls):
    controls.help = True
    view = NotingView(controls, {3: "sr"})
    result = run(video(8), controls, view)
    saved = [path for path in result.files.saved if path.suffix == ".jpg"]
    assert read_image(saved[0])[:12, -30:].max() < 30  # neither REC nor a note


def test_h_draws_the_times(run, controls):
    view = NotingView(controls, {5: "h"})
    run(video(10), controls, view)
    without, with_help = view.shown[4].astype(int), view.shown[-1].astype(int)
    assert np.abs(with_help - without)[:12, :20].max() > 60


def test_t_draws_tracks_and_their_ids(run, controls):
    view = NotingView(controls, {5: "t"})
    result = run(video(12), controls, view)
    assert result.tally.frames == 12
    assert controls.tracks


def test_a_file_is_played_at_its_own_rate(run, controls):
    view = NotingView(controls)
    run(video(16, fps=50), controls, view)
    assert np.diff(view.at).mean() > 0.9 / 50


def test_counts_reach_the_view_and_the_end(run, controls):
    wanted = Wanted(zone=((0, 0), (1, 0), (1, 1), (0, 1)))
    view = NotingView(controls)
    result = run(video(6), controls, view, wanted=wanted)
    assert result.follower.counts()["person entered"] == 1
    assert view.statuses[-1]["counts"]["person inside"] == 1
