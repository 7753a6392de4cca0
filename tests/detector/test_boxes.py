import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from detector.boxes import (
    area,
    clip,
    cxcywh_to_xyxy,
    pairwise_iou,
    scale,
    xywh_to_xyxy,
    xyxy_to_cxcywh,
    xyxy_to_xywh,
)


@st.composite
def box_arrays(draw, max_boxes: int = 8):
    """Valid boxes, zero-area ones included."""
    corners = hnp.arrays(
        np.float32, (draw(st.integers(0, max_boxes)), 2, 2), elements=st.floats(0, 100, width=32)
    )
    return np.sort(draw(corners), axis=1).reshape(-1, 4)


def test_corners_to_centre_by_hand(xp):
    boxes = np.array([[10, 20, 30, 60]], np.float32)
    np.testing.assert_array_equal(xyxy_to_cxcywh(boxes, xp), [[20, 40, 20, 40]])


def test_centre_form_is_undone_exactly_by_corner_form(xp):
    boxes = np.array([[0, 0, 1, 1], [0.25, 0.5, 0.75, 1.0]], np.float32)
    np.testing.assert_allclose(cxcywh_to_xyxy(xyxy_to_cxcywh(boxes, xp), xp), boxes, atol=1e-7)


def test_corners_to_corner_and_size_by_hand(xp):
    boxes = np.array([[10, 20, 30, 60]], np.float32)
    np.testing.assert_array_equal(xyxy_to_xywh(boxes, xp), [[10, 20, 20, 40]])


def test_corner_and_size_are_undone_by_corner_form(xp):
    boxes = np.array([[0, 0, 1, 1], [0.25, 0.5, 0.75, 1.0]], np.float32)
    np.testing.assert_allclose(xywh_to_xyxy(xyxy_to_xywh(boxes, xp), xp), boxes, atol=1e-7)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param([0, 0, 10, 10], 1.0, id="same box"),
        pytest.param([5, 0, 15, 10], 50 / 150, id="half overlap"),
        pytest.param([10, 0, 20, 10], 0.0, id="share an edge only"),
        pytest.param([20, 20, 30, 30], 0.0, id="apart"),
        pytest.param([2, 2, 4, 4], 4 / 100, id="one inside the other"),
    ],
)
def test_iou_by_hand(other, expected, xp):
    box = np.array([[0, 0, 10, 10]], np.float32)
    iou = pairwise_iou(box, np.array([other], np.float32), xp)
    np.testing.assert_allclose(iou, [[expected]], rtol=1e-6)


def test_iou_of_two_empty_boxes_is_zero_and_not_nan(xp):
    padding = np.zeros((3, 4), np.float32)
    np.testing.assert_array_equal(pairwise_iou(padding, padding, xp), np.zeros((3, 3)))


def test_iou_of_no_boxes_has_no_rows():
    assert pairwise_iou(np.zeros((0, 4)), np.zeros((5, 4))).shape == (0, 5)


@given(box_arrays(), box_arrays())
def test_iou_lies_in_0_to_1_and_is_symmetric(boxes_a, boxes_b):
    iou = pairwise_iou(boxes_a, boxes_b)
    assert ((iou >= 0) & (iou <= 1 + 1e-6)).all()
    np.testing.assert_allclose(iou, pairwise_iou(boxes_b, boxes_a).T, atol=1e-6)


@given(box_arrays())
def test_clipped_boxes_lie_inside_and_lose_area_only(boxes):
    clipped = clip(boxes - 30, 40.0, 50.0)
    assert (clipped >= 0).all() and (clipped <= [50, 40, 50, 40]).all()
    assert (area(clipped) <= area(boxes) * (1 + 1e-5) + 1e-3).all()


def test_clip_and_scale_by_hand(xp):
    boxes = np.array([[-0.5, 0.25, 0.5, 1.5]], np.float32)
    np.testing.assert_array_equal(clip(boxes, 1.0, 1.0, xp), [[0, 0.25, 0.5, 1]])
    np.testing.assert_array_equal(scale(boxes, 100, 200, xp), [[-100, 25, 100, 150]])


def test_area_by_hand():
    np.testing.assert_array_equal(area(np.array([[1, 2, 4, 6], [3, 3, 3, 9]])), [12, 0])


def test_arguments_are_left_alone():
    boxes = np.array([[1, 2, 3, 4]], np.float32)
    before = boxes.copy()
    xyxy_to_cxcywh(boxes)
    pairwise_iou(boxes, boxes)
    clip(boxes, 2, 2)
    scale(boxes, 2, 2)
    np.testing.assert_array_equal(boxes, before)


def test_wrong_last_axis_is_named_in_the_error():
    with pytest.raises(ValueError, match=r"axis of 4, got shape \(2, 5\)"):
        xyxy_to_cxcywh(np.zeros((2, 5)))
