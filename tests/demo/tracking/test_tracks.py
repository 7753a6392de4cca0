import csv
import json

import numpy as np
import pytest

from configs.errors import UserError
from configs.schema import ModelConfig, PostprocessConfig
from demo.sources.frames import Frame, Source
from demo.tracking.events import EventLog
from demo.tracking.tracks import Tracks
from demo.view.controls import Controls
from detector.postprocess import FractionDetections, Postprocessor
from detector.types import Detections

NAMES = ["ball"]
IMAGE = np.full((240, 320, 3), 90, np.uint8)


def ball(x):
    """A ball of 40 px with its centre at (x, 120)."""
    box = np.array([[x - 20, 100, x + 20, 140]], np.float32)
    return Detections(box, np.array([0.9], np.float32), np.array([0]))


def frame_of(detections, index):
    """A frame of which all detections are shown."""
    now = index / 25
    frame = Frame(IMAGE, "video.mp4", 100 + now, index=index, time_s=now, detections=detections)
    frame.select(0.0, None)
    return frame


def roll(tracks, start=60, end=260, step=10):
    """A ball that rolls from left to right; gives the last frame as drawn."""
    for index, x in enumerate(range(start, end, step)):
        frame = frame_of(ball(x), index)
        tracks.update(frame)
        tracks.draw(frame)
    return frame.drawn


def tracks(controls=None, **wanted):
    source = Source("video.mp4", iter(()), 25.0)
    return Tracks(source, controls or Controls(NAMES), **wanted)


def test_nothing_is_followed_unasked(monkeypatch):
    from demo.tracking import tracks as tracking

    monkeypatch.setattr(tracking, "Tracker", lambda _: pytest.fail("nobody asked for tracks"))
    one = tracks()
    roll(one)
    assert one.counts() == {}


def test_tracks_leave_a_trail_and_ids_when_they_are_switched_on():
    controls = Controls(NAMES)
    plain = roll(tracks(controls))
    controls.tracks = True
    tracked = roll(tracks(controls))
    behind = slice(115, 125), slice(100, 200)  # where the ball came from
    assert (plain[behind] == 90).all()
    assert (tracked[behind] != 90).any()
    assert (tracked[75:100, 230:] != plain[75:100, 230:]).any()  # the caption has an id


def test_a_line_counts_and_its_counts_are_drawn():
    one = tracks(line=((0.5, 0.0), (0.5, 1.0)))
    drawn = roll(one)
    assert one.counts() == {"ball in": 1}
    assert (drawn[:60, 158:163] != 90).any()


def in_size(zoom, index, x):
    """A frame of another size, with the ball where it would be in the usual one."""
    frame = frame_of(ball(x), index)
    frame.image = np.full((240 * zoom[1], 320 * zoom[0], 3), 90, np.uint8)
    scale = np.array([*zoom, *zoom], np.float32)
    frame.detections = Detections(ball(x).boxes * scale, np.array([0.9], np.float32), np.array([0]))
    frame.select(0.0, None)
    return frame


@pytest.mark.parametrize("zoom", [(2, 2), (3, 1), (1, 2)])
def test_a_line_in_pixels_stays_in_the_middle_of_a_source_that_changes_its_size(zoom):
    one = tracks(line=((160.0, 0.0), (160.0, 240.0)))
    roll(one)
    for index, x in enumerate(range(260, 60, -10), 60):
        one.update(in_size(zoom, index, x))
        one.draw(in_size(zoom, index, x))
    assert one.counts() == {"ball in": 1, "ball out": 1}


@pytest.mark.parametrize("zoom", [(2, 2), (3, 1), (1, 2)])
def test_an_object_keeps_its_id_its_line_and_its_trail_where_a_source_changes_its_size(zoom):
    one = tracks(Controls(NAMES, tracks=True), line=((160.0, 0.0), (160.0, 240.0)))
    roll(one, 60, 140)
    for index, x in enumerate(range(180, 260, 10), 12):  # it crossed while the source was away
        frame = in_size(zoom, index, x)
        one.update(frame)
        one.draw(frame)
        assert frame.ids.tolist() == [1]
    assert one.counts() == {"ball in": 1}
    x, y = 100 * zoom[0], 120 * zoom[1]  # where it came from, in pixels of this size
    assert (frame.drawn[y - 2 : y + 3, x - 4 : x + 5] != 90).any()
    assert (frame.drawn[: y - 30, : 2 * x // 3] == 90).all()


def test_a_zone_keeps_its_counts_in_a_source_that_changes_its_size():
    one = tracks(zone=((160.0, 0.0), (320.0, 0.0), (320.0, 240.0), (160.0, 240.0)))
    roll(one)
    for index, x in enumerate([60] * 60 + list(range(60, 260, 10)), 30):
        one.update(in_size((2, 3), index, x))
    assert one.counts() == {"ball inside": 1, "ball entered": 2}


def test_a_zone_counts_who_is_inside():
    one = tracks(zone=((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
    roll(one)
    assert one.counts() == {"ball inside": 1, "ball entered": 1}


def test_events_are_written_with_the_time_of_the_file(tmp_path):
    path = tmp_path / "events.csv"
    with tracks(line=((160.0, 0.0), (160.0, 240.0)), log=EventLog(path, NAMES)) as one:
        roll(one)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["event"] for row in rows] == ["appear", "cross_in"]
    crossed = rows[1]
    assert float(crossed["time"]) == pytest.approx(int(crossed["frame"]) / 25, abs=1e-3)


def test_a_wrong_line_leaves_the_events_of_an_earlier_run(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("what was counted yesterday")
    wrong = tracks(line=((0.0, 0.0), (900.0, 9.0)), log=EventLog(path, NAMES))
    with pytest.raises(UserError, match="lies outside the frame"), wrong:
        roll(wrong)
    assert path.read_text() == "what was counted yesterday"


@pytest.mark.parametrize("pattern", [[0, 1, 1], [1, 1, 1, 0], [1, 0, 0, 1, 1]])
def test_one_object_whose_class_flickers_counts_once_as_what_it_mostly_is(pattern, tmp_path):
    path = tmp_path / "events.jsonl"
    names = ["ball", "moon"]
    one = Tracks(
        Source("video.mp4", iter(()), 25.0),
        Controls(names),
        line=((0.5, 0.0), (0.5, 1.0)),
        zone=((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)),
        log=EventLog(path, names),
    )
    with one:
        for index, x in enumerate(range(60, 260, 10)):
            rolling = ball(x)
            rolling.labels[:] = pattern[index % len(pattern)]
            one.update(frame_of(rolling, index))
    assert one.counts() == {"moon in": 1, "moon inside": 1, "moon entered": 1}
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(event["event"], event["id"]) for event in events] == [
        ("appear", 1),
        ("enter", 1),
        ("cross_in", 1),
    ]
    assert [event["name"] for event in events[1:]] == ["moon", "moon"]


def test_a_person_on_a_bicycle_counts_as_one_of_each():
    one = Tracks(
        Source("video.mp4", iter(()), 25.0),
        Controls(["person", "bicycle"]),
        line=((0.5, 0.0), (0.5, 1.0)),
    )
    for index, x in enumerate(range(60, 260, 10)):
        boxes = ball(x).boxes + np.array([[0, -8, 0, -8], [0, 8, 0, 8]], np.float32)
        both = Detections(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 1]))
        one.update(frame_of(both, index))
    assert one.counts() == {"person in": 1, "bicycle in": 1}


def test_an_image_of_a_folder_is_followed_like_the_frame_of_a_video_and_counts_a_second(tmp_path):
    path = tmp_path / "events.jsonl"
    source = Source("photos", iter(()))
    with Tracks(source, Controls(NAMES), log=EventLog(path, NAMES)) as one:
        for index in range(40):
            shown = ball(60 + 5 * index) if index < 10 or index > 30 else ball(0)[:0]
            frame = frame_of(shown, index)
            frame.time_s = float(index)
            one.update(frame)
    (event,) = (json.loads(line) for line in path.read_text().splitlines())
    assert (event["event"], event["time"]) == ("appear", 1.0)


def test_two_classes_on_one_box_have_an_id_each():
    controls = Controls(["ball", "moon"], tracks=True)
    source = Source("video.mp4", iter(()), 25.0)
    one = Tracks(source, controls)
    boxes = ball(100).boxes.repeat(2, axis=0)
    both = Detections(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 1]))
    for index in range(5):
        frame = frame_of(both, index)
        one.update(frame)
    assert sorted(frame.ids) == [1, 2]


@pytest.mark.parametrize("class_agnostic", [True, False])
def test_two_classes_on_one_box_count_once_where_nms_is_class_agnostic(class_agnostic):
    config = PostprocessConfig(class_agnostic=class_agnostic)
    suppress = Postprocessor(ModelConfig(), config).suppress
    one = Tracks(
        Source("video.mp4", iter(()), 25.0),
        Controls(["ball", "moon"]),
        line=((0.5, 0.0), (0.5, 1.0)),
    )
    for index, x in enumerate(range(60, 260, 10)):  # the moon comes first in every third frame
        scores = np.array([0.8, 0.7 if index % 3 else 0.9], np.float32)
        boxes = (ball(x).boxes / 320).repeat(2, axis=0)
        kept = suppress(FractionDetections(boxes, scores, np.array([0, 1])))
        one.update(frame_of(Detections(kept.boxes_fraction * 320, kept.scores, kept.labels), index))
    assert one.counts() == {"ball in": 1} | ({} if class_agnostic else {"moon in": 1})


def test_a_line_beyond_the_frame_is_the_users_to_fix():
    with pytest.raises(UserError, match="--count-line: the point 900,0 lies outside the frame"):
        roll(tracks(line=((900.0, 0.0), (900.0, 240.0))))


def test_ids_stay_with_their_detections_whatever_is_shown():
    controls = Controls(["ball", "moon"], tracks=True)
    one = Tracks(Source("video.mp4", iter(()), 25.0), controls)
    boxes = np.concatenate([ball(60).boxes, ball(260).boxes])
    both = Detections(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 1]))
    for index in range(5):
        frame = frame_of(both, index)
        one.update(frame)
    of_moon = frame.ids[1]
    frame.select(0.0, (1,))
    assert frame.shown_ids.tolist() == [of_moon]


def test_what_was_not_shown_when_it_was_tracked_has_no_id():
    one = tracks(Controls(NAMES, tracks=True))
    for index in range(5):
        frame = frame_of(ball(100), index)
        frame.select(0.95, None)
        one.update(frame)
    frame.select(0.0, None)
    assert frame.shown_ids.tolist() == [-1]


def test_where_nothing_is_shown_the_trail_alone_is_drawn():
    one = tracks(Controls(NAMES, tracks=True))
    roll(one)
    nothing = frame_of(ball(0)[:0], 20)
    one.update(nothing)
    one.draw(nothing)
    assert (nothing.drawn != 90).any()
