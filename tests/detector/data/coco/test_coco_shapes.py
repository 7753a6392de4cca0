import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.data.coco.coco_shapes import outline_bounds, rotation, turned_bounds
from detector.data.coco.read_coco import read_coco
from detector.data.write import write_dataset

SIDE = st.floats(0.5, 500)


@pytest.mark.parametrize(
    ("angle", "bounds"),
    [(0, [10, 20, 40, 10]), (90, [25, 5, 10, 40]), (180, [10, 20, 40, 10]), (270, [25, 5, 10, 40])],
)
def test_right_angles_turn_a_box_into_itself_or_on_end(angle, bounds):
    np.testing.assert_allclose(turned_bounds([10, 20, 40, 10], angle), bounds, atol=1e-9)


@given(st.tuples(SIDE, SIDE, SIDE, SIDE), st.floats(-720, 720))
def test_the_bounds_are_those_of_the_turned_corners(box, angle):
    x, y, width, height = box
    middle = np.array([x + width / 2, y + height / 2])
    turn = math.radians(angle)
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    points = corners @ matrix.T + middle
    expected = [*points.min(axis=0), *np.ptp(points, axis=0)]
    np.testing.assert_allclose(turned_bounds(box, angle), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("attributes", "angle"),
    [
        ({"rotation": 30}, 30),
        ({"rotation": "30.5"}, 30.5),
        ({"rotation": -90}, 270),
        ({"rotation": 360}, 0),
        ({"rotation": None}, 0),
        ({"rotation": "left"}, 0),
        ({"occluded": True}, 0),
        ([{"rotation": 30}], 0),
        (None, 0),
    ],
)
def test_an_angle_is_read_where_there_is_one(attributes, angle):
    assert rotation(attributes) == angle


@pytest.mark.parametrize(
    ("segmentation", "bounds"),
    [
        ([[1, 2, 11, 2, 6, 9]], [1, 2, 10, 7]),
        ([[1, 2, 11, 2, 6, 9], [0, 3, 4, 3, 4, 20]], [0, 2, 11, 18]),
        ([["1", 2, 11, 2.5, 6, 9]], [1, 2, 10, 7]),
        ([[1, 2, 11, 2, 6, 9], ["a", 0, 0, 0, 0, 0]], [1, 2, 10, 7]),
        ([], None),
        ([[]], None),
        ([[1, 2, 3, 4]], None),
        ({"counts": [1, 2], "size": [2, 2]}, None),
        (None, None),
        ("[[1, 2]]", None),
    ],
)
def test_an_outline_has_bounds_where_it_has_corners(segmentation, bounds):
    assert outline_bounds(segmentation) == bounds


def test_a_box_that_is_absent_is_that_of_its_outline(make, ann):
    objects = [ann(i, segmentation=[[1, 2, 11, 2, 6, 9]]) for i in range(3)]
    objects[0]["bbox"] = None
    objects[1]["bbox"] = []
    del objects[2]["bbox"]
    dataset = read_coco(make.coco(annotations=[*objects, ann(9)]))
    np.testing.assert_array_equal(dataset[1].boxes, [[1, 2, 11, 9]] * 3 + [[5, 6, 12, 14]])
    (note,) = dataset.notes
    assert note == "objects without a bbox, of whose outlines the bounds are taken: 3"


@pytest.mark.parametrize(
    "shape",
    [
        {"segmentation": {"counts": "abc", "size": [48, 64]}},
        {"keypoints": [1, 2, 2, 5, 6, 2]},
        {},
    ],
)
def test_without_box_and_polygon_an_object_is_left_out_and_told(make, ann, shape):
    objects = [ann(1), {**ann(2), "bbox": None, **shape}]
    dataset = read_coco(make.coco(annotations=objects))
    assert len(dataset[1]) == 1
    assert [str(one.message) for one in dataset.findings] == ["has neither a bbox nor a polygon"]


def test_a_turned_box_is_made_upright(make, ann):
    turned = ann(1, bbox=[10, 20, 40, 10], attributes={"occluded": False, "rotation": 90.0})
    plain = ann(2, bbox=[10, 20, 40, 10], attributes={"occluded": False, "rotation": 0.0})
    dataset = read_coco(make.coco(annotations=[turned, plain]))
    np.testing.assert_allclose(dataset[1].boxes, [[25, 5, 35, 45], [10, 20, 50, 30]])
    (note,) = dataset.notes
    assert note == "boxes turned by attributes.rotation, of which the upright bounds are taken: 1"


def test_where_a_turned_box_has_an_outline_too_its_bounds_are_the_box(make, ann):
    known = {"segmentation": [[25, 5, 35, 5, 35, 45, 25, 45]], "attributes": {"rotation": 90}}
    dataset = read_coco(make.coco(annotations=[ann(1, bbox=[25, 5, 10, 40], **known)]))
    np.testing.assert_array_equal(dataset[1].boxes, [[25, 5, 35, 45]])


def test_a_box_is_not_turned_twice_by_a_conversion(make, ann):
    turned = ann(1, bbox=[10, 20, 30, 8], attributes={"occluded": False, "rotation": 45.0})
    dataset = read_coco(make.coco(annotations=[turned]), details=True)
    write_dataset(dataset, make.root / "out", "coco")
    written = make.root / "out" / "annotations" / "instances.json"
    again = read_coco(written)
    np.testing.assert_array_equal(again[1].boxes, dataset[1].boxes)
    assert json.loads(written.read_text())["annotations"][0]["attributes"] == {"occluded": False}


def test_five_numbers_are_refused_by_name(make, ann):
    dataset = read_coco(make.coco(annotations=[ann(1), ann(2, bbox=[30, 20, 10, 5, 0.5])]))
    assert len(dataset[1]) == 1
    (finding,) = dataset.findings
    assert finding.kind.name == "bad-object"
    assert "5 numbers as of a turned box" in finding.message


def test_nothing_is_counted_of_ordinary_boxes(make, ann):
    assert read_coco(make.coco(annotations=[ann(1, attributes={"a": 1}), ann(2)])).notes == ()
