import tracemalloc

import numpy as np
import pytest

from demo.view.stats import MovingAverage, Rate, Stats


def test_a_rate_counts_intervals_not_stamps():
    rate = Rate()
    for stamp in (10.0, 10.5, 11.0, 11.5):
        rate.add(stamp)
    assert rate.mean == pytest.approx(2.0)
    assert rate.recent == pytest.approx(2.0)


@pytest.mark.parametrize("stamps", [[], [3.0]], ids=["no event", "one event"])
def test_a_rate_is_unknown_before_the_second_event(stamps):
    rate = Rate()
    for stamp in stamps:
        rate.add(stamp)
    assert rate.mean is None
    assert rate.recent is None


def test_the_recent_rate_follows_a_change_and_the_mean_remembers():
    rate = Rate()
    stamps = np.concatenate([np.arange(10) / 10, 1 + np.arange(100) / 30])
    for stamp in stamps:
        rate.add(float(stamp))
    assert rate.recent == pytest.approx(30, rel=0.01)
    assert rate.mean == pytest.approx(109 / stamps[-1])


def test_smoothing_starts_at_the_first_number_and_moves_by_its_weight():
    smooth = MovingAverage(weight=0.25)
    smooth.add(8.0)
    smooth.add(4.0)
    assert smooth.value == 7.0


def test_the_tally_reports_medians_that_a_slow_first_frame_does_not_move():
    stats = Stats()
    for latency_s in (3.0, 0.02, 0.02):
        stats.add(latency_s, {"run": 1000 * latency_s}, [])
    assert stats.latency_s == 0.02
    assert stats.stage_ms == {"run": 20.0}


def test_the_tally_counts_a_class_once_per_frame():
    stats = Stats()
    stats.add(0.02, {}, ["person", "person", "tie"])
    stats.add(0.02, {}, ["person"])
    assert list(stats.lines())[1:] == ["person in 2 of 2 frames", "tie in 1 of 2 frames"]


def test_the_rate_of_a_single_frame_comes_from_its_latency():
    stats = Stats()
    stats.add(0.05, {}, [])
    assert stats.fps == pytest.approx(20)


def test_no_frame_at_all_is_reported_without_a_fault():
    assert list(Stats().lines()) == ["0 frames, 0.0 fps, latency 0 ms", "nothing detected"]


def test_a_long_run_takes_no_more_memory_than_a_short_one():
    stats = Stats()
    sizes = []
    tracemalloc.start()
    for frame in range(12_000):
        stats.add(0.02, {"run": 1.0, "nms": 0.1}, ["person"])
        if frame % 4000 == 3999:
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[2] - sizes[0] < 0.05 * sizes[0]


def test_recent_times_follow_and_medians_remember():
    stats = Stats()
    for ms in [10.0] * 100 + [20.0] * 60:
        stats.add(0.02, {"run": ms}, [])
    assert stats.recent_ms["run"] == pytest.approx(20, abs=0.1)
    assert stats.stage_ms["run"] == 10
