import numpy as np
import pytest

from detector.shapes.outlines import SHAPES, draw_outline

pytestmark = pytest.mark.slow  # hundreds of images are drawn


def drawn(name, seed, wobble=0.0, is_loose=False):
    return draw_outline(SHAPES.index(name), np.random.default_rng(seed), wobble, is_loose)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_lies_in_the_unit_frame(name):
    for seed in range(30):
        points = np.concatenate(drawn(name, seed).sides)
        low, high = points.min(axis=0), points.max(axis=0)
        np.testing.assert_allclose(low + high, 0, atol=0.1)  # rounded corners may shift it
        assert 0.75 < (high - low).max() <= 1 + 1e-9


@pytest.mark.parametrize("name", SHAPES)
def test_a_hand_strays_but_not_far(name):
    for seed in range(30):
        points = np.concatenate(drawn(name, seed, wobble=0.04, is_loose=True).sides)
        assert np.abs(points).max() < 0.75


@pytest.mark.parametrize("name", SHAPES)
def test_no_two_are_alike(name):
    first, second = (np.concatenate(drawn(name, seed).sides) for seed in (1, 2))
    assert first.shape != second.shape or np.abs(first - second).max() > 0.01


def test_a_circle_is_round_and_hardly_flatter():
    for seed in range(30):
        radii = np.linalg.norm(drawn("circle", seed).polygon, axis=1)
        assert radii.min() / radii.max() > 0.75


def test_a_triangle_has_no_needle():
    for seed in range(30):
        corners = np.array([side[0] for side in drawn("triangle", seed).sides])
        if len(corners) < 3:  # rounded
            continue
        ways = np.roll(corners, -1, axis=0) - corners
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        cosines = -np.sum(ways * np.roll(ways, 1, axis=0), axis=1)
        assert np.degrees(np.arccos(cosines)).min() > 27


def test_some_crosses_are_two_strokes_with_nothing_to_fill():
    crosses = [drawn("cross", seed) for seed in range(20)]
    strokes = [cross for cross in crosses if cross.polygon is None]
    assert 0 < len(strokes) < 20
    assert all(len(cross.sides) == 2 for cross in strokes)


def test_some_stars_are_drawn_in_one_go_from_tip_to_tip():
    stars = [drawn("star", seed) for seed in range(40)]
    in_one_go = [star for star in stars if star.polygon is None]
    assert 0 < len(in_one_go) < 20
    assert all(len(star.sides) == 5 for star in in_one_go)


def test_stars_have_five_tips_mostly():
    sides = [len(drawn("star", seed).sides) for seed in range(100)]
    tips = [count // 2 for count in sides if count in (8, 10, 12)]  # neither rounded nor in one go
    assert set(tips) == {4, 5, 6}
    assert tips.count(5) > 0.6 * len(tips)
