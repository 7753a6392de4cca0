import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.data.tools.shapes_drawn import (
    class_name,
    coordinate,
    ellipse,
    joined,
    polygon,
    turned,
    upright,
)

edges = st.floats(-500, 500)
sizes = st.floats(1, 500)
degrees = st.floats(-720, 720)


@given(edges, edges, sizes, sizes, degrees)
def test_a_turned_rectangle_holds_its_corners(x, y, width, height, turn):
    corner, size = np.array([x, y]), np.array([width, height])
    drawn = turned(corner, size, turn, corner + size / 2)
    radians = math.radians(turn)
    reach_x = abs(width * math.cos(radians)) + abs(height * math.sin(radians))
    reach_y = abs(width * math.sin(radians)) + abs(height * math.cos(radians))
    x1, y1, x2, y2 = drawn.box
    np.testing.assert_allclose([x2 - x1, y2 - y1], [reach_x, reach_y], rtol=1e-6, atol=1e-6)
    centre = corner + size / 2
    np.testing.assert_allclose([(x1 + x2) / 2, (y1 + y2) / 2], centre, rtol=1e-6, atol=1e-6)


@given(edges, edges, sizes, sizes, degrees)
def test_the_bounds_of_an_ellipse_are_exact(x, y, rx, ry, turn):
    centre, radii = np.array([x, y]), np.array([rx, ry])
    box = ellipse(centre, radii, turn).box
    angles = np.linspace(0, 2 * np.pi, 3601)
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    along, across = rx * np.cos(angles), ry * np.sin(angles)
    points = np.stack([x + along * cos - across * sin, y + along * sin + across * cos])
    wanted = [*points.min(axis=1), *points.max(axis=1)]
    np.testing.assert_allclose(box, wanted, atol=1e-3)


def test_clockwise_is_clockwise():
    """A wide rectangle turned by 90 degrees around its upper left corner hangs down to the left."""
    corner = np.array([10.0, 10.0])
    box = turned(corner, np.array([20.0, 5.0]), 90, corner).box
    np.testing.assert_allclose(box, [5, 10, 10, 30], atol=1e-9)


def test_several_shapes_are_one_object():
    pieces = [upright(1, 2, 5, 6), polygon(np.array([[4.0, 0], [9, 1], [8, 3]]))]
    whole = joined(pieces)
    assert whole.box == (1, 0, 9, 6)
    assert len(whole.outline) == 1


@pytest.mark.parametrize("value", ["x", None, math.nan, math.inf, 1e10, True, [1], "9" * 400])
def test_what_is_no_coordinate(value):
    with pytest.raises(ValueError, match="its x is"):
        coordinate(value, "x")


@pytest.mark.parametrize(("value", "name"), [(" a  b ", "a b"), (7, "7"), ("é", "é")])
def test_names_of_classes(value, name):
    assert class_name(value) == name


@pytest.mark.parametrize("value", [None, "", "  ", {}, [], {"a": 1}])
def test_what_is_no_name(value):
    with pytest.raises(ValueError, match="has no class"):
        class_name(value)
