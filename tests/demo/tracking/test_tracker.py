import gc
import subprocess
import sys
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.tracking.tracker import Tracker, draw_trails
from detector.types import Detections

FPS = 30


def square(x, y, side=60):
    """A box by its centre."""
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]


def found(*boxes, labels=None):
    scores = np.linspace(0.9, 0.5, len(boxes), dtype=np.float32)
    labels = np.zeros(len(boxes)) if labels is None else np.array(labels)
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(boxes, scores, labels.astype(np.int64))


def follow(tracker, frames, fps=FPS, start=0.0):
    """What the tracker says to each frame of detections, at a steady rate."""
    return [tracker.update(frame, start + i / fps) for i, frame in enumerate(frames)]


def test_an_object_gets_its_id_in_the_second_frame_and_keeps_it():
    tracked = follow(Tracker(FPS), [found(square(100 + 5 * i, 100)) for i in range(20)])
    assert [int(one.ids[0]) for one in tracked] == [-1] + [1] * 19
    assert [one.begun for one in tracked] == [set(), {1}] + [set()] * 18


def test_every_detection_stays_in_its_place():
    tracker = Tracker(FPS)
    boxes = [square(100, 100), square(300, 100), square(500, 100)]
    follow(tracker, [found(*boxes)] * 3)
    shuffled = found(boxes[2], square(100, 400), boxes[0], boxes[1], labels=[0, 7, 0, 0])
    tracked = tracker.update(shuffled, 1.0)
    assert tracked.ids.dtype == np.int64
    assert tracked.ids.tolist() == [3, -1, 1, 2]
    assert [(one.id, one.box.tolist()) for one in tracked.seen] == [
        (3, boxes[2]),
        (1, boxes[0]),
        (2, boxes[1]),
    ]


def test_two_objects_that_pass_each_other_keep_their_ids():
    frames = [found(square(100 + 6 * i, 200), square(500 - 6 * i, 215)) for i in range(60)]
    tracked = follow(Tracker(FPS), frames)
    assert {tuple(one.ids.tolist()) for one in tracked[1:]} == {(1, 2)}


def test_objects_of_two_classes_in_one_place_have_a_track_each():
    box = square(200, 200)
    tracked = follow(Tracker(FPS), [found(box, box, labels=[0, 41])] * 10)
    assert {tuple(one.ids.tolist()) for one in tracked[1:]} == {(1, 2)}


def flicker(pattern, frames=60):
    """Frames of one thing that moves, of the classes of a pattern in turn."""
    return [
        found(square(100 + 5 * i, 200), labels=[pattern[i % len(pattern)]]) for i in range(frames)
    ]


FLICKERS = {
    "every frame": [16, 17],
    "every frame, and more often the other": [17, 16, 17],
    "once in a while": [16] * 9 + [17],
    "in bursts": [16] * 8 + [17] * 7,
    "three classes": [16, 17, 18, 17],
}


@pytest.mark.parametrize("name", FLICKERS)
def test_an_object_whose_class_flickers_has_one_track_of_the_class_of_most_frames(name):
    pattern = FLICKERS[name]
    tracked = follow(Tracker(FPS), flicker(pattern))
    assert {int(one.ids[0]) for one in tracked[1:]} == {1}
    assert sum(map(len, (one.begun for one in tracked))) == 1
    assert tracked[-1].seen[0].label == max(pattern, key=pattern.count)


@pytest.mark.parametrize("fps", [2, 10, 60])
def test_a_class_may_flicker_at_any_rate(fps):
    frames = [found(square(200 + 2 * i, 200), labels=[16 + i % 2]) for i in range(20)]
    assert {int(one.ids[0]) for one in follow(Tracker(fps), frames, fps)[1:]} == {1}


def test_the_class_of_equally_many_frames_is_that_of_the_higher_scores():
    frames = flicker([16, 17])
    for index, frame in enumerate(frames):
        frame.scores[:] = 0.5 + 0.3 * (index % 2)
    tracked = follow(Tracker(FPS), frames)
    assert [one.seen[0].label for one in tracked[1::2]] == [17] * 30
    assert [one.seen[0].label for one in tracked[2::2]] == [16] * 29


@pytest.mark.parametrize("missing", [0.0, 0.1, 0.3])
def test_a_person_on_a_bicycle_stays_two(missing):
    rng, tracker = np.random.default_rng(0), Tracker(FPS)
    tracked = []
    for i in range(90):
        boxes = np.array([square(100 + 5 * i, 180, 80), square(100 + 5 * i, 200, 80)])
        there = rng.random(2) >= (missing if i > 2 else 0)
        tracked.append(
            tracker.update(found(*boxes[there], labels=np.array([0, 1])[there]), i / FPS)
        )
    classes = {(one.id, one.label) for frame in tracked for one in frame.seen}
    assert classes == {(1, 0), (2, 1)}


def test_two_that_flicker_and_pass_each_other_stay_two():
    rng = np.random.default_rng(0)
    frames = [
        found(square(100 + 6 * i, 200), square(500 - 6 * i, 240), labels=16 + rng.integers(0, 2, 2))
        for i in range(60)
    ]
    tracked = follow(Tracker(FPS), frames)
    (ids,) = {tuple(one.ids.tolist()) for one in tracked[1:]}
    assert sorted(ids) == [1, 2]


def test_a_second_class_that_one_frame_adds_does_not_divide_a_track():
    box = square(200, 200)
    frames = [found(box, labels=[16])] * 5 + [found(box, box, labels=[16, 17])]
    frames += [found(box, labels=[17])] * 3 + [found(box, labels=[16])] * 3
    tracked = follow(Tracker(FPS), frames)
    assert {one.id for frame in tracked for one in frame.seen} == {1}


def test_what_comes_where_an_object_of_another_class_was_has_an_id_of_its_own():
    tracker = Tracker(FPS)
    follow(tracker, [found(square(200, 200), labels=[0])] * 5)
    follow(tracker, [found()] * 25, start=5 / FPS)
    tracked = follow(tracker, [found(square(200, 200), labels=[41])] * 5, start=1)
    assert [int(one.ids[0]) for one in tracked] == [-1, 2, 2, 2, 2]


def test_a_cup_beside_a_hidden_person_does_not_become_one():
    person, cup = square(200, 200, 120), square(240, 220, 30)
    frames = [found(person, labels=[0])] * 10 + [found(cup, labels=[41])] * 10
    tracked = follow(Tracker(FPS), frames)
    assert [(one.id, one.label) for one in tracked[-1].seen] == [(2, 41)]


@pytest.mark.parametrize("speed", [0, 3, 8])
def test_an_object_hidden_for_10_frames_keeps_its_id(speed):
    frames = [found(square(100 + speed * i, 200)) for i in range(50)]
    frames[20:30] = [found()] * 10
    tracked = follow(Tracker(FPS), frames)
    assert {one.ids.tolist()[0] for one in tracked[1:20] + tracked[30:]} == {1}
    (hidden,) = tracked[25].hidden
    assert (hidden.id, hidden.box.tolist()) == (1, square(100 + speed * 19, 200))
    assert tracked[30].hidden == ()


def test_an_object_that_stops_behind_something_keeps_its_id():
    frames = [found(square(100 + 8 * min(i, 22), 200)) for i in range(50)]
    frames[20:30] = [found()] * 10
    assert {one.ids.tolist()[0] for one in follow(Tracker(FPS), frames)[30:]} == {1}


@pytest.mark.parametrize("ratio", [(2, 2), (0.5, 0.25), (3, 1)])
def test_an_object_hidden_while_the_frames_change_their_size_is_where_it_was_in_theirs(ratio):
    tracker = Tracker(FPS)
    follow(tracker, [found(square(100, 100))] * 5)
    tracker.resize(*ratio)
    (hidden,) = tracker.update(found(), 0.2).hidden
    box = np.array(square(100, 100)) * [*ratio, *ratio]
    np.testing.assert_allclose(hidden.box, box)
    np.testing.assert_allclose(tracker.trails()[1], [[100 * ratio[0], 100 * ratio[1]]] * 4)
    assert tracker.update(found(box), 0.3).ids.tolist() == [1]


def test_a_track_ends_once_after_two_seconds_and_its_id_never_comes_again():
    tracker = Tracker(FPS)
    follow(tracker, [found(square(200, 200))] * 10)
    tracked = follow(tracker, [found()] * 90, start=0.5)
    (end,) = (i for i, one in enumerate(tracked) if one.ended)
    assert 0.5 + end / FPS - 9 / FPS == pytest.approx(2, abs=0.1)
    assert [one.id for one in tracked[end].ended] == [1]
    assert [one.hidden != () for one in tracked] == [i < end for i in range(90)]
    again = follow(tracker, [found(square(200, 200))] * 3, start=9)
    assert again[-1].ids.tolist() == [2]


def test_a_box_that_jitters_keeps_its_id():
    rng = np.random.default_rng(0)
    frames = [found(square(200, 200) + rng.normal(0, 5, 4)) for _ in range(200)]
    assert {one.ids.tolist()[0] for one in follow(Tracker(FPS), frames)[1:]} == {1}


def test_frames_may_come_irregularly():
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.3, 60))
    tracker = Tracker(FPS)
    ids = [tracker.update(found(square(100 + 90 * at, 200)), at).ids[0] for at in times]
    assert set(ids[1:]) == {1}


def test_a_clock_may_stand_still_but_not_go_back():
    tracker = Tracker(FPS)
    for at in (5.0, 5.0, 5.0, 5.0, 5.002):
        tracked = tracker.update(found(square(200, 200)), at)
    assert tracked.ids.tolist() == [1]
    with pytest.raises(ValueError, match=r"order of time, got 4\.9 after 5\.002"):
        tracker.update(found(), 4.9)


def test_a_trail_is_the_centres_of_the_last_two_seconds():
    tracker = Tracker(FPS)
    follow(tracker, [found(square(100 + i, 200)) for i in range(100)])
    trail = tracker.trails()[1]
    assert trail.dtype == np.float32
    np.testing.assert_array_equal(trail, [(100 + i, 200) for i in range(39, 100)])


def test_the_trail_of_a_hidden_object_shortens_and_goes_with_its_track():
    tracker = Tracker(FPS)
    follow(tracker, [found(square(200, 200))] * 60)
    follow(tracker, [found()] * 30, start=2)
    assert len(tracker.trails()[1]) == pytest.approx(30, abs=2)
    follow(tracker, [found()] * 60, start=3)
    assert tracker.trails() == {}


def test_new_objects_without_end_do_not_fill_the_memory():
    tracker = Tracker(FPS)
    rng = np.random.default_rng(0)
    sizes, corners = {}, np.zeros(2)
    tracemalloc.start()
    for i in range(401):
        corners = corners + 1 if i % 4 else rng.uniform(0, 2000, 2)
        tracker.update(found([*corners, *corners + 40], labels=[i // 4 % 5]), i / FPS)
        if i % 200 == 0:
            gc.collect()
            sizes[i] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert max(tracker.trails()) == 100  # there were so many
    assert sizes[400] < 1.1 * sizes[200]


centres = st.tuples(st.integers(0, 600), st.integers(0, 400), st.integers(0, 120))
a_frame = st.lists(st.tuples(centres, st.integers(0, 2)), max_size=5)


@given(st.lists(st.tuples(a_frame, st.floats(0, 1)), max_size=25))
@settings(max_examples=40)
def test_whatever_is_found_ids_are_consistent(frames):
    tracker, at = Tracker(FPS), 0.0
    votes, over, living = {}, set(), set()
    for objects, wait in frames:
        at += wait
        given = found(*(square(*c) for c, _ in objects), labels=[label for _, label in objects])
        tracked = tracker.update(given, at)
        ids = [one.id for one in tracked.seen]
        assert sorted(ids) == sorted(set(tracked.ids[tracked.ids != -1].tolist()))
        for number, label in zip(tracked.ids.tolist(), given.labels.tolist(), strict=True):
            votes.setdefault(number, Counter())[label] += 1
        for one in tracked.seen:  # the frame before an id is given is one more
            assert votes[one.id][one.label] + 1 >= max(votes[one.id].values())
        assert not over & set(ids)
        over |= {one.id for one in tracked.ended}
        assert tracked.begun == set(ids) - living
        living = set(ids) | {one.id for one in tracked.hidden}
        assert living | over == set(range(1, max(votes, default=0) + 1)) - {-1, 0}
        assert not living & over
        assert tracker.trails().keys() == living


def test_the_libraries_are_imported_only_when_something_is_tracked():
    code = (
        "import sys, demo.tracking.tracker, demo.tracking.counting, demo.tracking.events; "
        "print({'trackers', 'supervision', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n"


GREY, RED = 90, (255, 0, 0)


def blank(height=120, width=160):
    return np.full((height, width, 3), GREY, np.uint8)


def test_a_trail_is_strong_where_the_object_is_and_fades_behind():
    image = blank()
    trail = np.array([(20 + 2 * i, 60) for i in range(60)], np.float32)
    draw_trails(image, {1: trail}, {1: RED})
    assert image[60, 138].tolist() == [255, 0, 0]
    strength = [int(image[60, x, 0]) for x in range(25, 138, 12)]
    assert strength == sorted(strength)
    assert GREY < strength[0] < 120
    assert (image[70:] == GREY).all()


def test_a_trail_shows_on_a_background_of_its_own_colour():
    image = np.full((120, 160, 3), RED, np.uint8)
    draw_trails(image, {1: np.array([(20, 60), (140, 60)], np.float32)}, {1: RED})
    assert (image != RED).any(axis=-1)[:, 130].sum() == 2  # a rim on either side


@pytest.mark.parametrize("trail", [[], [(80, 60)]], ids=["nowhere", "one spot"])
def test_what_has_not_moved_yet_has_no_trail(trail):
    image = blank()
    draw_trails(image, {1: np.array(trail, np.float32).reshape(-1, 2)}, {1: RED})
    assert (image == GREY).all()


def test_a_trail_without_a_colour_is_not_drawn():
    image = blank()
    draw_trails(image, {1: np.array([(20, 60), (140, 60)], np.float32)}, {})
    assert (image == GREY).all()


@pytest.mark.parametrize("far", [-1e10, 1e10])
def test_a_trail_that_leads_far_out_of_the_image_is_no_fault(far):
    image = blank()
    draw_trails(image, {1: np.array([(far, 60), (80, 60), (far, far)], np.float32)}, {1: RED})
    assert (image[60, 80] != GREY).any()
