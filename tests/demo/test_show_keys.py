"""What the user of the loop does with keys."""

import numpy as np
import pytest

from demo.sources.frames import Frame, Source
from detector.images import read_image

SIZE_HW = (120, 160)


@pytest.fixture
def controls(two_classes):
    return two_classes


def test_q_ends_it(run, controls, noting_view, video):
    view = noting_view(controls, {5: "q"})
    assert run(video(100), controls, view).stats.frames == 5


def test_the_threshold_takes_away_and_gives_back_also_while_paused(
    run, controls, noting_view, video
):
    class Turning(noting_view):
        def wait(self, seconds):
            self.clock.sleep(seconds)
            keys = {5: " ", 6: "+++", 7: "---", 8: " ", 9: ""}.get(len(self.shown), "q")
            if len(self.shown) >= 5:
                for key in keys:
                    self.controls.press(ord(key))
            return False

    view = Turning(controls)
    run(video(100), controls, view)
    names = [[found["name"] for found in status["detections"]] for status in view.statuses[4:8]]
    assert names == [["person", "tie"], ["person", "tie"], ["person"], ["person", "tie"]]


def test_c_shows_one_class_after_the_other(run, controls, noting_view, video):
    view = noting_view(controls, {2: "c", 4: "c", 6: "c"})
    run(video(8), controls, view)
    names = [{found["name"] for found in status["detections"]} for status in view.statuses]
    assert names[0] == {"person", "tie"}
    assert {"person"} in names
    assert {"tie"} in names
    assert names[-1] == {"person", "tie"}


def test_s_saves_what_is_shown(run, controls, tmp_path, noting_view, video):
    view = noting_view(controls, {3: "s"})
    result = run(video(6), controls, view)
    (saved,) = result.files.saved
    assert saved.parent.name == "out"
    assert read_image(tmp_path / saved).shape == (*SIZE_HW, 3)
    assert any(status["note"].startswith("saved out/snapshot-") for status in view.statuses)


def test_s_while_paused_saves_what_stands_there(run, controls, tmp_path, noting_view, video):
    class Pausing(noting_view):
        def wait(self, seconds):
            self.clock.sleep(seconds)
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


def test_a_snapshot_that_cannot_be_saved_is_said_and_the_demo_goes_on(
    run, controls, tmp_path, noting_view, video
):
    (tmp_path / "out").write_text("a file where the folder should be")
    view = noting_view(controls, {3: "s"})
    assert run(video(8), controls, view).stats.frames == 8
    assert any("cannot write" in status["note"] for status in view.statuses)


def test_keys_act_on_the_frame_that_is_on_the_screen(run, controls, noting_view):
    def frames():
        for grey in (50, 90, 130):
            yield Frame(np.full((*SIZE_HW, 3), grey, np.uint8), "a.png", 0.0)

    class Quick(noting_view):
        def wait(self, seconds):
            self.clock.sleep(seconds)
            if len(self.shown) == 1:
                self.controls.press(ord("s"))
            return True  # Enter: on to the next

    result = run(Source("photos", frames(), count=3), controls, Quick(controls))
    greys = {int(read_image(saved)[-1, -1, 0]) for saved in result.files.saved}
    assert greys == {50}


def test_nothing_of_the_screen_alone_is_saved(run, controls, noting_view, video):
    controls.help = True
    view = noting_view(controls, {3: "sr"})
    result = run(video(8), controls, view)
    saved = [path for path in result.files.saved if path.suffix == ".jpg"]
    assert read_image(saved[0])[:12, -30:].max() < 30  # neither REC nor a note


def test_h_draws_the_times(run, controls, noting_view, video):
    view = noting_view(controls, {5: "h"})
    run(video(10), controls, view)
    without, with_help = view.shown[4].astype(int), view.shown[-1].astype(int)
    assert np.abs(with_help - without)[:12, :20].max() > 60


def test_t_draws_tracks_and_their_ids(run, controls, noting_view, video):
    view = noting_view(controls, {5: "t"})
    result = run(video(12), controls, view)
    assert result.stats.frames == 12
    assert controls.tracks


def test_what_has_no_track_yet_has_no_number(run, controls, noting_view, video):
    controls.tracks = True
    view = noting_view(controls)
    run(video(12), controls, view)
    tracks = [found["track"] for status in view.statuses for found in status["detections"]]
    assert set(tracks) == {None, 1, 2}


def test_the_last_frame_cannot_be_recorded_and_that_is_said(run, controls, noting_view):
    frame = Frame(np.full((*SIZE_HW, 3), 50, np.uint8), "a.png", 0.0)

    class Asking(noting_view):
        def wait(self, seconds):
            self.clock.sleep(seconds)
            key = "q" if any(status["note"] for status in self.statuses) else "r"
            if self.shown and not self.controls.recording:
                self.controls.press(ord(key))
            return False

    view = Asking(controls)
    result = run(Source("photos", iter([frame]), count=1), controls, view, linger=True)
    assert not result.files.saved
    assert any("nothing more to record" in status["note"] for status in view.statuses)


def test_counts_reach_the_view_and_the_end(run, controls, noting_view, video):
    zone = ((0, 0), (1, 0), (1, 1), (0, 1))
    view = noting_view(controls)
    result = run(video(6), controls, view, zone=zone)
    assert result.tracks.counts()["person entered"] == 1
    assert view.statuses[-1]["counts"]["person inside"] == 1
