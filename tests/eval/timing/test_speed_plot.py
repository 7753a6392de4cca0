from detector.runtimes import SUFFIXES
from eval.timing.speed_plot import _MARKERS


def test_every_engine_has_a_marker():
    assert set(_MARKERS) == {"keras", *SUFFIXES.values()}
