import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.slicing.tiles import make_tiles


@given(
    st.integers(1, 3000),
    st.integers(1, 3000),
    st.integers(32, 1000),
    st.sampled_from([0, 0.2, 0.5]),
)
def test_tiles_cover_an_image_and_overlap_as_asked(height, width, size, overlap):
    tiles = make_tiles(height, width, size, overlap)
    for low, high, side in ((0, 2, width), (1, 3, height)):
        starts, ends = np.unique(tiles[:, low]), np.unique(tiles[:, high])
        assert starts[0] == 0
        assert ends[-1] == side
        assert set((tiles[:, high] - tiles[:, low]).tolist()) == {min(size, side)}
        assert ((ends[:-1] - starts[1:]) >= int(overlap * size) - 1).all()


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        pytest.param(100, 100, [[0, 0, 100, 100]], id="as large as a tile"),
        pytest.param(60, 80, [[0, 0, 80, 60]], id="smaller"),
        pytest.param(100, 101, [[0, 0, 100, 100], [1, 0, 101, 100]], id="a pixel more"),
        pytest.param(50, 200, [[0, 0, 100, 50], [50, 0, 150, 50], [100, 0, 200, 50]], id="narrow"),
    ],
)
def test_tiles_by_hand(height, width, expected):
    assert make_tiles(height, width, 100, 0.25).tolist() == expected


def test_the_area_decides_how_many_there_are():
    assert len(make_tiles(3000, 3000, 300, 0.0)) == 100
    assert len(make_tiles(6000, 3000, 300, 0.0)) == 200
