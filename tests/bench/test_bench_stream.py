"""The bench of streams, small: half a minute with a fault in it."""

import pytest

from tests.bench.bench_stream import run

pytestmark = pytest.mark.slow


def test_crossings_before_and_after_a_fault_are_each_one_event(tmp_path):
    figures = run(0.5, tmp_path)
    assert figures["exit"] == 0, (tmp_path / "log.txt").read_text()
    assert sum(figures["faults"].values()) == 1
    assert figures["crossings"] >= 1
    assert (figures["missed"], figures["twice"], figures["strays"]) == (0, 0, 0)
