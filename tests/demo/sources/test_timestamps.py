import math

import pytest

from demo.sources.timestamps import HASTY_GAP_S, VideoClock


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
