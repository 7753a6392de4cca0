import numpy as np
import pytest

from detector.shapes.background import draw_background

pytestmark = pytest.mark.slow  # hundreds of images are drawn


@pytest.mark.parametrize("is_held", [False, True])
def test_a_shape_appears_as_large_as_asked_for_wherever_it_is(is_held):
    for seed in range(20):
        background = draw_background(np.random.default_rng(seed), (240, 320), is_held)
        x, y = background.plane_hw[1] * 0.4, background.plane_hw[0] * 0.6
        matrix = background.at(x, y, size=20.0)
        corners = np.array([[-0.5, -0.5, 1], [0.5, -0.5, 1], [0.5, 0.5, 1], [-0.5, 0.5, 1]]).T
        seen = (matrix @ corners)[:2] / (matrix @ corners)[2]
        following = np.roll(seen, -1, axis=1)
        area = abs(np.sum(seen[0] * following[1] - seen[1] * following[0])) / 2
        assert area == pytest.approx(400, rel=0.05)


def test_the_middle_of_a_sheet_is_on_it_and_a_box_beyond_its_edge_is_not():
    for seed in range(20):
        background = draw_background(np.random.default_rng(seed), (240, 320), is_held=True)
        height, width = background.plane_hw
        middle, edge = background.seen(np.array([[width / 2, height / 2], [0.0, height / 2]]))
        boxes = np.array([[*middle - 5, *middle + 5], [*edge - 5, *edge + 5]])
        np.testing.assert_array_equal(background.are_on_sheet(boxes), [True, False])


def test_a_held_sheet_is_no_square():
    for seed in range(30):
        height, width = draw_background(np.random.default_rng(seed), (240, 320), True).plane_hw
        assert max(height, width) / min(height, width) > 1.2
