"""Values as files hold them: read leniently, and written so that they read back equal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from configs.errors import UserError
from detector.boxes import cxcywh_to_xyxy, scale, xywh_to_xyxy, xyxy_to_cxcywh, xyxy_to_xywh
from detector.data.values import as_id, flag, number, plain, read_lines, shortest, shown, side
from detector.data.voc.voc_file import from_voc_corners, to_voc_corners

BOXES = hnp.arrays(np.float32, (5, 4), elements=st.floats(-100, 5000, width=32))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        pytest.param(" 45.5 ", 45.5, id="text"),
        pytest.param(3, 3.0, id="a whole number"),
        pytest.param("inf", None, id="not finite"),
        pytest.param("", None, id="no text"),
        pytest.param(None, None, id="nothing"),
        pytest.param(10**400, None, id="too large"),
    ],
)
def test_a_number_is_finite_or_none(value, wanted):
    assert number(value) == wanted


@pytest.mark.parametrize("value", [1, True, "1", " True ", "YES"])
def test_a_flag_may_be_written_in_many_ways(value):
    assert flag(value)


@pytest.mark.parametrize("value", [0, False, None, "", "0", "Unspecified", 2])
def test_anything_else_is_no_flag(value):
    assert not flag(value)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(7, 7), (7.0, 7), ("7", "7"), (7.5, None), (True, None), (None, None), ([7], None)],
)
def test_an_id_is_a_whole_number_or_a_text(value, wanted):
    assert as_id(value) == wanted
    assert type(as_id(value)) is type(wanted)


@pytest.mark.parametrize(
    ("value", "wanted"), [("64", 64), (64.0, 64), ("-3", 0), ("1e12", 0), ("wide", 0)]
)
def test_a_side_is_a_count_of_pixels_or_0(value, wanted):
    assert side(value) == wanted


def test_lines_are_stripped_and_keep_their_numbers(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf 0 0.5 \r\n\r\n1\n")
    assert read_lines(path) == ["0 0.5", "", "1"]


def test_text_in_another_encoding_is_refused_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("Bär".encode("latin-1"))
    with pytest.raises(UserError, match=r"a\.txt: it is not UTF-8 text"):
        read_lines(path)
    assert read_lines(path, errors="replace") == ["B\ufffdr"]


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*a\.txt: No such file"):
        read_lines(tmp_path / "a.txt")


def test_a_whole_number_is_written_without_a_point():
    assert [str(plain(value)) for value in (3.0, 3.5, -0.0)] == ["3", "3.5", "0"]


@given(BOXES)
def test_numbers_in_a_coco_file_read_back_equal(boxes):
    numbers = shortest(boxes, xyxy_to_xywh, xywh_to_xyxy)
    back = np.c_[numbers[:, :2], numbers[:, :2] + numbers[:, 2:]]
    np.testing.assert_allclose(back.astype(np.float32), boxes, rtol=0, atol=1e-12)


@given(BOXES)
def test_numbers_in_a_voc_file_read_back_equal(boxes):
    numbers = shortest(boxes, to_voc_corners, from_voc_corners)
    np.testing.assert_allclose(from_voc_corners(numbers), boxes, rtol=0, atol=1e-12)


@given(BOXES, st.integers(1, 5000), st.integers(1, 5000))
def test_numbers_in_a_yolo_file_read_back_equal(boxes, height, width):
    size = np.array([width, height, width, height])
    numbers = shortest(
        boxes,
        lambda b: xyxy_to_cxcywh(b / size),
        lambda n: scale(cxcywh_to_xyxy(n), height, width),
    )
    back = scale(cxcywh_to_xyxy(numbers), height, width)
    np.testing.assert_allclose(back.astype(np.float32), boxes, rtol=0, atol=1e-12)


def test_few_digits_are_enough_for_few_digits():
    boxes = np.array([[473.07, 395.93, 511.72, 424.6]], np.float32)
    numbers = shortest(boxes, lambda b: b, lambda n: n)
    assert numbers.tolist() == [[473.07, 395.93, 511.72, 424.6]]


@pytest.mark.parametrize("text", ["9" * 400, "a\nb", "short"])
def test_a_text_of_a_file_is_shown_short_and_in_one_line(text):
    said = shown(text)
    assert len(said) <= 63
    assert "\n" not in said
