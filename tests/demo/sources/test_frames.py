import numpy as np
import pytest

from demo.sources.frames import Frame, Source, timed
from detector.types import Detections

IMAGE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def frame():
    """A frame in which three objects of the classes 0, 1 and 0 were found and tracked."""
    boxes = np.array([[0, 0, 2, 2], [2, 2, 4, 4], [4, 4, 6, 6]], np.float32)
    scores = np.array([0.9, 0.6, 0.4], np.float32)
    found = Detections(boxes, scores, np.array([0, 1, 0]))
    return Frame(IMAGE, "video.mp4", 0.0, detections=found, ids=np.array([7, -1, 9]))


@pytest.mark.parametrize(
    ("score", "labels", "ids"),
    [
        pytest.param(0.0, None, [7, -1, 9], id="all"),
        pytest.param(0.6, None, [7, -1], id="from a score up, which is included"),
        pytest.param(0.0, (0,), [7, 9], id="of a class"),
        pytest.param(0.5, (0,), [7], id="of a class, from a score up"),
        pytest.param(0.0, (), [], id="of no class"),
    ],
)
def test_what_is_selected_is_shown_with_its_ids(frame, score, labels, ids):
    frame.select(score, labels)
    assert frame.shown_ids.tolist() == ids
    assert len(frame.shown) == len(ids)


def test_another_selection_starts_from_all_that_was_found(frame):
    frame.select(0.8, None)
    frame.select(0.0, None)
    assert len(frame.shown) == 3


def test_what_is_not_tracked_has_no_ids():
    assert Frame(IMAGE, "video.mp4", 0.0).shown_ids is None


def test_a_source_numbers_what_it_gives_and_counts_what_it_cannot_read():
    source = Source("images", timed([IMAGE, None, IMAGE], "a.png"))
    assert [frame.index for frame in source] == [0, 1]
    assert source.unreadable == 1


def test_each_frame_knows_when_it_was_read_and_how_long_that_took():
    first, second = timed([IMAGE, IMAGE], "a.png")
    assert first.captured_at <= second.captured_at
    assert list(first.stage_ms) == ["grab"]
