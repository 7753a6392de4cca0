import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.tracking.counting import LineCounter, ZoneCounter, to_pixels
from demo.tracking.tracker import Tracker
from detector.types import Detections

FPS = 30
LEVEL = ((0, 200), (640, 200))  # a line from left to right: in is up
ROOM = ((200, 100), (400, 100), (400, 300), (200, 300))


def square(x, y, side=60):
    """A box by its centre."""
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]


def found(*boxes, labels=None):
    labels = np.zeros(len(boxes)) if labels is None else np.array(labels)
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(boxes, np.full(len(boxes), 0.8, np.float32), labels.astype(np.int64))


def count(counter, frames, fps=FPS):
    """What happens while the detections of the frames are tracked: (frame, event, id)."""
    tracker = Tracker(fps)
    return [
        (i, kind, who.id)
        for i, frame in enumerate(frames)
        for kind, who in counter.update(tracker.update(frame, i / fps))
    ]


def walk(*spots, steps=20, **options):
    """Frames of one object that goes from spot to spot."""
    pairs = itertools.pairwise(spots)
    ways = [np.linspace(start, end, steps) for start, end in pairs]
    return [found(square(x, y, **options)) for way in ways for x, y in way]


@pytest.mark.parametrize(
    ("ends", "start"),
    [
        (((0, 200), (640, 200)), (320, 300)),
        (((640, 200), (0, 200)), (320, 100)),
        (((320, 0), (320, 400)), (220, 200)),
        (((320, 400), (320, 0)), (420, 200)),
        (((0, 400), (640, 0)), (420, 300)),
    ],
    ids=["rightwards", "leftwards", "downwards", "upwards", "slanting"],
)
def test_in_is_from_the_right_of_the_line_to_its_left(ends, start):
    middle = np.mean(ends, axis=0)
    counter = LineCounter(ends)
    events = count(counter, walk(start, 2 * middle - start, start))
    assert [(kind, number) for _, kind, number in events] == [("cross_in", 1), ("cross_out", 1)]
    assert counter.counts() == {"in": {0: 1}, "out": {0: 1}}


def test_classes_are_counted_apart():
    counter = LineCounter(LEVEL)
    heights = np.linspace(300, 100, 20)
    count(
        counter,
        [
            found(square(100, y), square(300, y), square(500, 400 - y), labels=[0, 41, 41])
            for y in heights
        ],
    )
    assert counter.counts() == {"in": {0: 1, 41: 1}, "out": {41: 1}}


@pytest.mark.parametrize("seed", range(5))
def test_a_box_that_jitters_on_the_line_crosses_once(seed):
    rng = np.random.default_rng(seed)
    there = walk((300, 300), (300, 200))
    jitter = [found(square(300, 200) + rng.normal(0, 3, 4)) for _ in range(300)]
    away = walk((300, 200), (300, 100))
    counter = LineCounter(LEVEL)
    count(counter, there + jitter + away)
    assert counter.counts() == {"in": {0: 1}, "out": {}}


def test_one_stray_box_does_not_cross():
    frames = walk((300, 230), (300, 230))
    frames[10] = found(square(300, 180))
    assert count(LineCounter(LEVEL), frames) == []


def test_what_turns_back_on_the_line_has_not_crossed():
    assert count(LineCounter(LEVEL), walk((300, 300), (300, 200), (300, 300))) == []


def test_what_passes_beyond_the_end_of_a_line_does_not_cross_it():
    assert count(LineCounter(((0, 200), (200, 200))), walk((300, 300), (300, 100))) == []


def test_an_object_hidden_while_it_crosses_is_counted():
    frames = walk((300, 350), (300, 50), steps=60)
    frames[25:35] = [found()] * 10
    assert [event[1:] for event in count(LineCounter(LEVEL), frames)] == [("cross_in", 1)]


def test_an_object_without_a_track_is_not_counted():
    frames = [found(square(300, 300)), found(), found(square(300, 100)), found()] * 5
    assert count(LineCounter(LEVEL), frames) == []


def test_a_fast_object_is_counted_at_few_frames_per_second():
    assert len(count(LineCounter(LEVEL), walk((300, 390), (300, 10), steps=9), fps=5)) == 1


paths = st.lists(st.integers(20, 380), min_size=2, max_size=8)


@given(paths)
@settings(max_examples=30)
def test_whatever_way_a_track_goes_in_and_out_alternate(heights):
    counter = LineCounter(LEVEL)
    events = count(counter, walk(*((300, y) for y in heights), steps=15))
    kinds = [kind for _, kind, _ in events]
    assert all(a != b for a, b in itertools.pairwise(kinds))
    assert counter.counts()["in"].total() == kinds.count("cross_in")
    assert counter.counts()["out"].total() == kinds.count("cross_out")


def test_a_zone_is_entered_with_the_centre_and_left_with_the_middle_of_a_box():
    counter = ZoneCounter(ROOM)
    frames = walk((100, 200), (500, 200), steps=41)  # 10 px each
    events = count(counter, frames)
    assert events == [(10, "enter", 1), (31, "leave", 1)]
    assert counter.counts()["inside"] == {}
    assert counter.counts()["entered"] == {0: 1}


def test_a_zone_knows_how_many_are_inside_by_class():
    counter = ZoneCounter(ROOM)
    count(
        counter, [found(square(250, 200), square(350, 200), square(600, 200), labels=[0, 7, 7])] * 3
    )
    assert counter.counts()["inside"] == {0: 1, 7: 1}
    assert counter.counts()["entered"] == {0: 1, 7: 1}


@pytest.mark.parametrize("seed", range(5))
def test_a_box_that_jitters_on_the_border_enters_once(seed):
    rng = np.random.default_rng(seed)
    jitter = [found(square(200, 200) + rng.normal(0, 3, 4)) for _ in range(300)]
    counter = ZoneCounter(ROOM)
    count(counter, walk((100, 200), (200, 200)) + jitter)
    assert counter.counts()["entered"] == {0: 1}


def test_what_comes_back_enters_once_more():
    counter = ZoneCounter(ROOM)
    events = count(counter, walk((100, 200), (300, 200), (100, 200), (300, 200)))
    assert [kind for _, kind, _ in events] == ["enter", "leave", "enter"]
    assert counter.counts() == {"inside": {0: 1}, "entered": {0: 2}}


def test_what_is_hidden_is_still_inside_and_leaves_when_its_track_ends():
    counter = ZoneCounter(ROOM)
    frames = [found(square(300, 200))] * 10 + [found()] * 90
    assert count(counter, frames[:30])[0][1:] == ("enter", 1)
    assert counter.counts()["inside"] == {0: 1}
    counter = ZoneCounter(ROOM)
    assert [event[1:] for event in count(counter, frames)] == [("enter", 1), ("leave", 1)]
    assert counter.counts()["inside"] == {}


def test_a_zone_may_be_smaller_than_what_enters_it():
    counter = ZoneCounter(((300, 200), (310, 200), (310, 210), (300, 210)))
    assert len(count(counter, walk((200, 205), (400, 205), steps=101, side=300))) == 2


def test_a_zone_may_have_a_notch():
    counter = ZoneCounter(((100, 100), (500, 100), (500, 300), (300, 150), (100, 300)))
    count(counter, [found(square(300, 250), square(150, 200))] * 3)
    assert counter.counts()["inside"].total() == 1


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 400)), min_size=2, max_size=6))
@settings(max_examples=30)
def test_who_entered_is_inside_or_has_left(spots):
    counter = ZoneCounter(ROOM)
    kinds = [kind for _, kind, _ in count(counter, walk(*spots))]
    assert counter.counts()["entered"].total() == kinds.count("enter")
    assert counter.counts()["inside"].total() == kinds.count("enter") - kinds.count("leave")


GREY = 90
SIZES = [(120, 160), (480, 640), (2160, 3840)]


def blank(height, width):
    return np.full((height, width, 3), GREY, np.uint8)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_line_is_drawn_with_its_arrow_to_the_left_and_its_counts_to_the_right(height, width):
    image = blank(height, width)
    y = height // 2
    LineCounter(((0, y), (width, y))).draw(image, ["cup"])
    assert (image[y, :: width // 8] == 255).all()
    assert (image[y - height // 40, width // 2] == 255).all()  # the shaft of the arrow
    changed = (image != GREY).any(axis=-1)
    assert 0.002 < changed[y + height // 40 :].mean() < 0.2
    assert not changed[: y - height // 4].any()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_zone_is_drawn_with_its_counts_above_it(height, width):
    image = blank(height, width)
    corners = to_pixels(((0.25, 0.5), (0.75, 0.5), (0.75, 0.9), (0.25, 0.9)), height, width, "")
    ZoneCounter(corners).draw(image, ["cup"])
    assert (image[round(0.9 * height), width // 2] == 255).all()
    assert (image[round(0.7 * height), width // 2] == GREY).all()
    above = image[: height // 2 - 8]
    assert above.max() == 255
    assert (above != GREY).any(axis=-1).mean() < 0.2


def test_counts_change_what_is_drawn():
    counter = LineCounter(LEVEL)
    before, after = blank(400, 640), blank(400, 640)
    counter.draw(before, ["cup"])
    count(counter, walk((300, 300), (300, 100)))
    counter.draw(after, ["cup"])
    assert (before != after).any()


def test_many_classes_leave_the_image_visible():
    counter = ZoneCounter(ROOM)
    boxes = [square(220 + 2 * k, 200) for k in range(80)]
    count(counter, [found(*boxes, labels=list(range(80)))] * 3)
    image = blank(480, 640)
    counter.draw(image, [f"class {k}" for k in range(80)])
    assert (image != GREY).any(axis=-1).mean() < 0.2
