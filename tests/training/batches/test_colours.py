import numpy as np
import pytest

from training.batches.colours import GREY_OF_RGB, NEUTRAL, colour_matrix

RED, GREEN, GREY = [200, 20, 20], [20, 200, 20], [90, 90, 90]


def change(colour, brightness=1.0, contrast=1.0, saturation=1.0, hue=0.0, mean_grey=100.0):
    matrix = colour_matrix(brightness, contrast, saturation, hue, mean_grey)
    return matrix @ [*colour, 1]


def test_neutral_changes_nothing():
    matrix = colour_matrix(*NEUTRAL, mean_grey=77.0)
    np.testing.assert_allclose(matrix, np.eye(3, 4), atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"brightness": 0.5}, [100, 10, 10], id="half as bright"),
        pytest.param({"contrast": 0.0}, [100, 100, 100], id="no contrast: the mean grey"),
        pytest.param({"contrast": 0.5}, [150, 60, 60], id="half the distance to the mean grey"),
        pytest.param({"saturation": 0.0}, [73.82] * 3, id="no saturation: its own grey"),
        pytest.param({"saturation": 1.5}, [263.09, -6.91, -6.91], id="not clipped in between"),
        pytest.param({"brightness": 0.5, "contrast": 0.0}, [50, 50, 50], id="brightness first"),
    ],
)
def test_red_by_hand(changes, expected):
    np.testing.assert_allclose(change(RED, **changes), expected, atol=1e-9)


@pytest.mark.parametrize("hue", [-0.3, 0.05, 0.5])
def test_a_turn_of_the_hue_keeps_each_pixels_grey(hue):
    np.testing.assert_allclose(change(GREY, hue=hue), GREY, atol=0.1)
    assert GREY_OF_RGB @ change(RED, hue=hue) == pytest.approx(GREY_OF_RGB @ RED, abs=0.1)


def test_a_third_of_a_turn_makes_the_largest_channel_another():
    turned = {int(np.argmax(change(RED, hue=hue))) for hue in (0.0, 1 / 3, 2 / 3)}
    assert turned == {0, 1, 2}


def test_a_whole_turn_is_none():
    np.testing.assert_allclose(change(GREEN, hue=1.0), GREEN, atol=1e-9)
