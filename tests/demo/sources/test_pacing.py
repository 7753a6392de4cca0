import types

import numpy as np
import pytest

from demo.sources import pacing
from demo.sources.frames import Frame
from demo.sources.pacing import is_buffered, paced

IMAGE = np.zeros((4, 4, 3), np.uint8)


def frame(time_s):
    return Frame(IMAGE, "live.m3u8", 0.0, time_s=time_s)


class Stream:
    """Gives frames of these times when they have come: pairs of (comes, time_s), in seconds.

    Its clock goes on only where somebody waits.
    """

    def __init__(self, *frames):
        self.now, self._frames = 0.0, list(frames)

    def monotonic(self):
        return self.now

    def take(self):
        if not self._frames:
            return None
        comes, time_s = self._frames.pop(0)
        self.now = max(self.now, comes)
        return frame(time_s)

    def wait(self, _):
        return bool(self._frames) and self._frames[0][0] <= self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def shown(monkeypatch):
    """When which frames are shown: `shown(*frames)`; see `Stream`."""

    def show(*frames):
        stream = Stream(*frames)
        monkeypatch.setattr(pacing, "time", types.SimpleNamespace(monotonic=stream.monotonic))
        return [(round(stream.now, 6), one.time_s) for one in paced(stream, stream.sleep)]

    return show


def burst(comes, begins, seconds, fps=10):
    """As many frames as so many seconds hold, which come at once."""
    return [(comes, begins + i / fps) for i in range(round(seconds * fps))]


def delays(shown):
    return [round(at - time_s, 6) for at, time_s in shown]


def test_segments_that_come_at_once_are_shown_at_their_own_rate(shown):
    found = delays(shown(*burst(0, 0, 3), *burst(1, 3, 1), *burst(2, 4, 1), *burst(3, 5, 1)))
    assert found == [0] * 60


def test_what_comes_evenly_is_shown_as_it_comes(shown):
    assert delays(shown(*[(5 + i / 10, i / 10) for i in range(30)])) == [5] * 30


def test_a_little_late_is_no_stall(shown):
    found = delays(shown((0, 0), (0.3, 0.1), (0.3, 0.2), (0.3, 0.3), (0.4, 0.4)))
    assert found == [0, 0.2, 0.1, 0, 0]


def test_after_a_stall_it_goes_on_at_its_own_rate_where_it_stood(shown):
    found = delays(shown(*burst(0, 0, 1), *burst(3, 1, 1), *burst(3.5, 2, 1)))
    assert found == [0] * 10 + [2] * 20


def test_bursts_that_begin_at_the_edge_are_smooth_after_the_first(shown):
    found = delays(shown(*burst(0, 0, 1), *burst(1.5, 1, 1), *burst(2.5, 2, 1), *burst(3.5, 3, 1)))
    assert found == [0] * 10 + [0.5] * 30


def test_what_the_stream_leaves_out_makes_up_for_a_stall(shown):
    found = delays(shown(*burst(0, 0, 1), *burst(6, 1, 1), *burst(6, 4, 1), *burst(8, 5, 4)))
    assert found[:20] == [0] * 10 + [5] * 10
    assert found[-1] == pytest.approx(3, abs=0.11)


def test_too_late_is_made_up_for_as_long_as_there_are_frames_to_take(shown):
    found = shown(*burst(0, 0, 1), *burst(21, 1, 30))
    assert max(delays(found)) == 20
    assert delays(found)[-1] == pytest.approx(10, abs=0.2)


def test_a_stream_that_was_away_is_not_hurried_when_there_is_nothing_newer(shown):
    found = shown(*burst(0, 0, 1), *[(21 + i / 10, 1 + i / 10) for i in range(30)])
    assert delays(found)[10:] == [20] * 30


# ---- the buffer


def test_the_buffer_is_bounded_in_seconds():
    assert not is_buffered([frame(i / 10) for i in range(20)])
    assert is_buffered([frame(i / 10) for i in range(21)])


def test_the_buffer_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(pacing, "_BUFFER_BYTES", 10 * IMAGE.nbytes)
    assert not is_buffered([frame(i / 1000) for i in range(9)])
    assert is_buffered([frame(i / 1000) for i in range(10)])


def test_one_frame_may_be_as_large_as_it_likes(monkeypatch):
    monkeypatch.setattr(pacing, "_BUFFER_BYTES", 1)
    assert not is_buffered([frame(0.0)])
