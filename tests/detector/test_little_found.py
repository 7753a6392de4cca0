from types import SimpleNamespace

import pytest

from detector.little_found import LittleFound


def counter(tiling=None):
    spec = SimpleNamespace(model=SimpleNamespace(input_size=100))
    return LittleFound(SimpleNamespace(spec=spec, tiling=tiling))


@pytest.mark.parametrize(
    ("found", "is_told"),
    [
        pytest.param([0], True, id="nothing"),
        pytest.param([2], True, id="two"),
        pytest.param([3], False, id="three"),
        pytest.param([0, 0, 9], True, id="in most"),
        pytest.param([0, 9], False, id="in half"),
    ],
)
def test_it_is_told_where_most_large_images_show_fewer_than_three(found, is_told):
    little = counter()
    for one in found:
        little.add(300, 401, one)
    assert bool(little.in_words()) == is_told


def test_small_images_and_tiles_do_not_count():
    small, tiles = counter(), counter("tiles")
    small.add(400, 400, 0)
    tiles.add(4000, 4000, 0)
    assert small.in_words() == tiles.in_words() == ""
