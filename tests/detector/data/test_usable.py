from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from detector.data.usable import MIN_SIDE, box_faults, usable
from detector.types import Sample


@pytest.mark.parametrize(
    ("box", "fault"),
    [
        pytest.param((10, 10, 30, 20), None, id="good"),
        pytest.param((0, 0, 64, 48), None, id="the whole image"),
        pytest.param((-1, 10, 30, 48.5), None, id="out by rounding"),
        pytest.param((30, 10, 10, 20), "inverted", id="x2 < x1"),
        pytest.param((10, 20, 30, 10), "inverted", id="y2 < y1"),
        pytest.param((10, 10, 10, 20), "zero_area", id="no width"),
        pytest.param((503, 336, 504, 337), "zero_area", id="VOC's xmin = xmax"),
        pytest.param((70, 10, 90, 20), "outside", id="to the right"),
        pytest.param((-20, 10, 0.5, 20), "outside", id="half a pixel inside"),
        pytest.param((50, 10, 90, 20), "clipped", id="reaches out"),
    ],
)
def test_the_fault_of_a_box(box, fault):
    faults = box_faults(np.array([box], np.float32), 48, 64)
    found = [n for n in ("inverted", "zero_area", "outside", "clipped") if getattr(faults, n)[0]]
    assert found == ([fault] if fault else [])


@given(
    hnp.arrays(
        np.float32, st.tuples(st.integers(0, 9), st.just(4)), elements=st.floats(-99, 199, width=32)
    )
)
def test_what_is_usable_lies_inside_and_has_area(boxes):
    count = len(boxes)
    marks = np.zeros(count, bool)
    sample = Sample(1, Path("a"), 48, 64, boxes, np.arange(count), marks, marks)
    kept = usable(sample)
    assert (kept.boxes >= 0).all()
    assert (kept.boxes <= [64, 48, 64, 48]).all()
    assert (kept.boxes[:, 2:] - kept.boxes[:, :2] > MIN_SIDE).all()
    unusable = box_faults(boxes, 48, 64).unusable
    np.testing.assert_array_equal(kept.labels, np.flatnonzero(~unusable))
