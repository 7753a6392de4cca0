import math

import numpy as np
import pytest

from demo.sources.timestamps import HASTY_GAP_S, StreamClock, VideoClock


def times(stamps_s, fps=10.0, **options):
    clock = VideoClock(fps, **options)
    return clock, [round(clock.at(1000 * stamp), 6) for stamp in stamps_s]


def test_a_frame_has_the_time_of_its_container():
    clock, found = times([0, 0.1, 0.4, 7.5])
    assert found == [0, 0.1, 0.4, 7.5]
    assert (clock.guessed, clock.breaks) == (0, 0)


@pytest.mark.parametrize("none", [0.0, math.nan, -math.inf], ids=["0", "NaN", "infinite"])
def test_what_has_no_timestamps_is_counted_by_the_rate(none):
    clock, found = times([none] * 4)
    assert found == [0, 0.1, 0.2, 0.3]
    assert clock.guessed == 3


def test_a_timestamp_that_stands_still_is_none():
    clock, found = times([0.5, 0.5, 0.5, 0.9])
    assert found == [0.5, 0.6, 0.7, 0.9]
    assert clock.guessed == 2


def test_single_frames_without_a_timestamp_lie_between_their_neighbours():
    clock, found = times([0, 0.1, 0, 0.3])
    assert found == [0, 0.1, 0.2, 0.3]
    assert clock.guessed == 1


def test_frames_out_of_order_do_not_turn_the_clock_back():
    assert times([0, 0.1, 0.3, 0.2, 0.4])[1] == [0, 0.1, 0.3, 0.3, 0.4]


def test_timestamps_that_begin_anew_are_counted_on():
    clock, found = times([0.1, 5.0, 0.2, 0.3, 5.1])
    assert found == [0.1, 5.0, 5.1, 5.2, 10.0]
    assert clock.breaks == 1


def test_a_clock_that_turns_over_is_no_gap():
    turn = 2**33 / 90_000
    clock, found = times([1.0, 1.1, turn - 1, turn - 0.9])
    assert found == [1.0, 1.1, 1.2, 1.3]
    assert clock.breaks == 1


def test_a_gap_counts_as_long_as_it_is_unless_the_clock_is_one_that_jumps():
    assert times([0, 0.1, 1000.1])[1] == [0, 0.1, 1000.1]
    clock, found = times([0, 0.1, 1000.1, 1000.2], gap_s=HASTY_GAP_S)
    assert found == [0, 0.1, 0.2, 0.3]
    assert clock.breaks == 1


# ---- live streams


def stream_times(*frames, runs_ahead=False):
    """Of frames that are pairs of when they came and of what timestamp they are, in seconds."""
    clock = StreamClock(runs_ahead)
    return [round(clock.at(1000 * stamp, 1000 + came) - 1000, 6) for came, stamp in frames]


def test_a_stream_has_its_own_times_however_it_stutters():
    frames = [(0, 0.1), (0.11, 0.2), (0.35, 0.3), (0.36, 0.4), (0.4, 0.5)]
    assert stream_times(*frames) == [0, 0.1, 0.2, 0.3, 0.4]


def test_a_stream_that_stalled_and_lost_nothing_has_no_gap():
    assert stream_times((0, 0.1), (0.1, 0.2), (5, 0.3), (5, 5.0)) == [0, 0.1, 0.2, 4.9]


def test_a_frame_is_not_of_later_than_it_came_but_in_bursts():
    frames = [(0, 0.1), (0, 0.2), (0, 0.3), (0.1, 0.4)]
    assert stream_times(*frames) == [0, 0, 0, 0.1]
    assert stream_times(*frames, runs_ahead=True) == [0, 0.1, 0.2, 0.3]


def test_a_stream_without_timestamps_has_the_times_of_arrival():
    assert stream_times((0, 0), (0.1, 0), (0.5, 0), (0.6, 0)) == [0, 0.1, 0.5, 0.6]


@pytest.mark.parametrize("runs_ahead", [False, True])
def test_timestamps_that_begin_anew_leave_the_gap_that_there_was(runs_ahead):
    before = [(i / 10, 7 + i / 10) for i in range(20)]
    after = [(60 + i / 10, 3 + i / 10) for i in range(20)]
    found = stream_times(*before, *after, runs_ahead=runs_ahead)
    assert found == [round(came, 6) for came, _ in before + after]


def test_frames_that_the_decoder_held_back_do_not_hide_a_gap():
    before = [(i / 10, 7 + i / 10) for i in range(20)]
    held = [(8, 9.0), (8, 9.1)]
    found = stream_times(*before, *held, (8, 3.0), (8.1, 3.1), runs_ahead=True)
    assert found[-4:] == [2.0, 2.1, 8.0, 8.1]


def test_a_break_within_bursts_is_no_gap():
    bursts = [(i // 10, i / 10) for i in range(40)]
    found = stream_times(*bursts, *[(4, i / 10) for i in range(1, 10)], runs_ahead=True)
    np.testing.assert_allclose(found[40:], 4 + np.arange(9) / 10, atol=0.11)


def test_a_stream_that_is_opened_again_goes_on_in_real_time():
    clock = StreamClock(runs_ahead=False)
    before = [clock.at(1000 * i, 100 + i) for i in range(1, 5)]
    clock.begin_anew()
    after = [clock.at(1000 * i, 150 + i) for i in range(5, 8)]
    assert before + after == [101, 102, 103, 104, 155, 156, 157]


@pytest.mark.parametrize("rate", [0.98, 1.02], ids=["slow", "fast"])
def test_a_clock_that_is_not_as_ours_does_not_run_away(rate):
    frames = [(i, 1 + i * rate) for i in range(2000)]
    found = stream_times(*frames)
    assert max(abs(at - came) for at, (came, _) in zip(found, frames, strict=True)) <= 10
    assert found == sorted(found)
