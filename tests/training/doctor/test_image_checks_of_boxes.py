from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.doctor.image_checks import check_boxes, same_boxes

NAMES = ("cat", "dog")


def kinds(sample) -> list[str]:
    return [finding.kind.name for finding in check_boxes([sample], NAMES)]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param([10, 10, 50, 50], [], id="good"),
        pytest.param([50, 10, 10, 50], ["inverted-box"], id="x2 < x1"),
        pytest.param([10, 10, 10, 50], ["zero-area-box"], id="no width"),
        pytest.param([10, 10, 11, 50], ["zero-area-box"], id="xmin = xmax in VOC"),
        pytest.param([250, 10, 290, 50], ["outside-box"], id="beside the image"),
        pytest.param([-20, 10, 50, 50], ["clipped-box"], id="reaches out"),
        pytest.param([10, 10, 50, 13], ["tiny-box"], id="3 px high"),
    ],
)
def test_each_fault_has_its_kind(sample_of, box, expected):
    assert kinds(sample_of([box])) == expected


def test_a_finding_names_file_element_image_and_numbers(sample_of):
    sample = sample_of([[0, 0, 30, 30], [10, 20, 11, 50]], [0, 1])
    (finding,) = check_boxes([sample], NAMES)
    assert (finding.path, finding.element) == (sample.source, "object 2")
    assert finding.others == (sample.path,)
    assert finding.message == "dog at x 10...11, y 20...50 has no area"


def test_where_one_file_tells_of_all_images_the_message_names_the_image(sample_of):
    sample = replace(sample_of([[10, 20, 10, 50]]), source=Path("instances.json"))
    (finding,) = check_boxes([sample], NAMES)
    assert finding.message.startswith("a.jpg: cat at")


@pytest.mark.parametrize(
    ("second", "label", "expected"),
    [
        pytest.param([10, 10, 50, 50], 0, ["duplicate-box"], id="equal"),
        pytest.param([10, 10, 51, 50], 0, ["duplicate-box"], id="1 px wider"),
        pytest.param([10, 10, 55, 50], 0, [], id="5 px wider"),
        pytest.param([10, 10, 50, 50], 1, ["conflicting-box"], id="another class"),
    ],
)
def test_two_boxes_in_one_place(sample_of, second, label, expected):
    assert kinds(sample_of([[10, 10, 50, 50], second], [0, label])) == expected


def test_a_crowd_is_no_twin_of_the_object_in_it(sample_of):
    assert not len(same_boxes(sample_of([[10, 10, 50, 50]] * 2, crowd=[1])))


def test_three_equal_boxes_are_three_pairs(sample_of):
    pairs = same_boxes(sample_of([[10, 10, 50, 50]] * 3))
    np.testing.assert_array_equal(pairs, [[0, 1], [0, 2], [1, 2]])


def test_of_three_equal_boxes_two_are_too_many(sample_of):
    assert kinds(sample_of([[10, 10, 50, 50]] * 3)) == ["duplicate-box"] * 2


def test_an_image_without_objects_is_in_order(sample_of):
    assert kinds(sample_of([])) == []
