import argparse

import pytest

from configs.errors import UserError
from demo.tracking.counting import (
    parse_line,
    parse_zone,
    to_pixels,
)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("0,240,640,240", ((0, 240), (640, 240))),
        ("0.5, 0, 0.5, 1", ((0.5, 0), (0.5, 1))),
        ("1e2,.5,7,8", ((100, 0.5), (7, 8))),
    ],
)
def test_a_line_is_four_numbers(text, ends):
    assert parse_line(text) == ends


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "needs numbers between commas"),
        ("1,2,3,x", "needs numbers between commas"),
        ("1 2 3 4", "needs numbers between commas"),
        ("1,2,3", "needs pairs of numbers, got 3"),
        ("1,2,3,4,5,6", "needs four numbers X1,Y1,X2,Y2"),
        ("1,2,3,-4", "has a number below zero"),
        ("1,2,3,inf", "below zero or too large"),
        ("1,2,3,nan", "below zero or too large"),
        ("7,8,7,8", "begins and ends at the same point"),
    ],
)
def test_another_line_is_refused_with_what_is_wrong(text, complaint):
    with pytest.raises(argparse.ArgumentTypeError, match=complaint):
        parse_line(text)


def test_a_zone_is_three_points_or_more():
    assert parse_zone("0,0,10,0,0,10") == ((0, 0), (10, 0), (0, 10))
    assert len(parse_zone("0,0,1,0,1,1,.5,.5,0,1")) == 5


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1,2,3,4", "needs three points"),
        ("1,2,3,4,5", "needs pairs of numbers, got 5"),
        ("0,0,5,5,9,9", "encloses no area"),
    ],
)
def test_another_zone_is_refused_with_what_is_wrong(text, complaint):
    with pytest.raises(argparse.ArgumentTypeError, match=complaint):
        parse_zone(text)


def test_numbers_up_to_1_are_fractions_of_the_frame():
    assert to_pixels(((0, 0.5), (1, 0.25)), 480, 640, "--count-line") == ((0, 240), (640, 120))


def test_larger_numbers_are_pixels():
    assert to_pixels(((0, 0.5), (640, 480)), 480, 640, "--count-line") == ((0, 0.5), (640, 480))


def test_a_fraction_above_1_is_no_pixel():
    with pytest.raises(UserError, match="--count-line: all lies within two pixels; fractions go"):
        to_pixels(((0, 0.5), (1.2, 0.5)), 480, 640, "--count-line")


@pytest.mark.parametrize("point", [(641, 2), (2, 481)])
def test_a_point_outside_the_frame_is_the_users_to_fix(point):
    wanted = r"--count-line: the point \d+,\d+ lies outside the frame, which has 640x480 pixels"
    with pytest.raises(UserError, match=wanted):
        to_pixels(((5, 5), point), 480, 640, "--count-line")
