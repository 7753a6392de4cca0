import json
from pathlib import Path

import numpy as np
import pytest

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from eval.scoring.results_file import read_detections

GOOD = {"image_id": 7, "category_id": 90, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.fixture
def dataset(sample_of):
    samples = [sample_of(7, [[0, 0, 9, 9]], [1]), sample_of("b", [], [])]
    return Dataset("mine", Path("mine"), ClassMap(("cat", "zebra"), (2, 90)), samples)


def written(tmp_path, content):
    path = tmp_path / "found.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_detections_go_to_their_images_best_first(tmp_path, dataset):
    other = {**GOOD, "image_id": "b", "category_id": 2}
    file = written(tmp_path, [GOOD, other, {**GOOD, "score": 0.9, "bbox": [5, 5, 1, 1.5]}])
    first, second = read_detections(file, dataset).detections
    assert first.scores.tolist() == [0.9, 0.5]
    np.testing.assert_array_equal(first.boxes, [[5, 5, 6, 6.5], [1, 2, 4, 6]])
    assert first.labels.tolist() == [1, 1]
    assert second.labels.tolist() == [0]


def test_texts_of_digits_may_be_named_by_their_number(tmp_path, sample_of):
    """A file name such as 000007.jpg is the id "000007" in VOC, and 7 in `detect --coco`."""
    samples = [sample_of(name, [], []) for name in ("000007", "8", "b")]
    data = Dataset("mine", Path("mine"), ClassMap(("zebra",), (90,)), samples)
    found = [GOOD, {**GOOD, "image_id": "000007"}, {**GOOD, "image_id": 8}]
    assert [len(one) for one in read_detections(written(tmp_path, found), data).detections] == [
        2,
        1,
        0,
    ]


@pytest.mark.parametrize("ids", [("7", "007"), ("7", 7)])
def test_a_number_that_could_be_two_images_is_its_own_or_none(tmp_path, sample_of, ids):
    samples = [sample_of(one, [], []) for one in ids]
    data = Dataset("mine", Path("mine"), ClassMap(("zebra",), (90,)), samples)
    file = written(tmp_path, [GOOD])
    if 7 in ids:
        assert [len(one) for one in read_detections(file, data).detections] == [0, 1]
    else:
        with pytest.raises(UserError, match="has no image with the id 7"):
            read_detections(file, data)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        pytest.param(
            "category_id", 90.0, "category_id written as 1.0 in 1 of 2 detections", id="f"
        ),
        pytest.param("category_id", "90", "category_id written as text in 1 of 2", id="text"),
        pytest.param("image_id", 7.0, "image_id written as 1.0 in 1 of 2", id="image, float"),
        pytest.param("image_id", "7", "image_id written as text in 1 of 2", id="image, text"),
    ],
)
def test_ids_match_by_value_and_that_is_counted(tmp_path, dataset, key, value, said):
    """Pandas writes 90.0, and a CSV in between makes texts."""
    file = written(tmp_path, [GOOD, {**GOOD, key: value}])
    found = read_detections(file, dataset)
    assert found.detections[0].labels.tolist() == [1, 1]
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith(said)


def test_ids_as_they_should_be_are_no_warning(tmp_path, dataset):
    file = written(tmp_path, [GOOD, {**GOOD, "image_id": "b"}])
    assert read_detections(file, dataset).warnings == ()


def test_a_category_that_the_data_set_lacks_is_passed_over_and_counted(tmp_path, dataset):
    others = [{**GOOD, "category_id": number} for number in (1, 3, "zebra", 4.5, 1)]
    found = read_detections(written(tmp_path, [GOOD, *others]), dataset)
    assert [len(one) for one in found.detections] == [1, 0]
    assert found.warnings == (
        "5 of 6 detections passed over, of categories that the data set lacks "
        "(1, 3, 'zebra', ... (4))",
    )


@pytest.mark.parametrize("size", [(-1e-6, 4), (3, -4), (-3, -4)])
def test_a_box_of_negative_size_stays_and_is_counted(tmp_path, dataset, size):
    file = written(tmp_path, [{**GOOD, "bbox": [1, 2, *size]}])
    found = read_detections(file, dataset)
    assert found.detections[0].own_xywh.tolist() == [[1, 2, *size]]
    assert found.warnings[0].startswith("bbox with a negative width or height in 1 of 1 detection:")


def test_the_digits_of_the_file_are_kept(tmp_path, dataset):
    """0.1 + 0.2 - 0.1 is not 0.2."""
    file = written(tmp_path, [{**GOOD, "bbox": [0.1, 0.7, 0.2, 0.1]}])
    found = read_detections(file, dataset).detections[0]
    assert found.boxes_xywh.tolist() == [[0.1, 0.7, 0.2, 0.1]]
    assert (found.boxes[0, 2:] - found.boxes[0, :2]).tolist() != [0.2, 0.1]


def test_a_file_of_no_detections_is_one(tmp_path, dataset):
    assert [len(one) for one in read_detections(written(tmp_path, []), dataset).detections] == [
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("", r"found\.json: damaged JSON", id="empty file"),
        pytest.param('[{"image_id": 7', r"found\.json: damaged JSON", id="cut"),
        pytest.param({"annotations": []}, "not a COCO results file", id="an object"),
        pytest.param([{"image_id": 7}], "not a COCO results file", id="keys missing"),
        pytest.param([{**GOOD, "score": "high"}], "not a COCO results file", id="a word"),
        pytest.param([{**GOOD, "bbox": [1, 2, 3]}], "not a COCO results file", id="three edges"),
        pytest.param([GOOD, {**GOOD, "image_id": 8}], "detection 1: mine has no image", id="image"),
        pytest.param([{**GOOD, "category_id": 1}], "mine has no category 1", id="category"),
        pytest.param(json.dumps([GOOD]).replace("0.5", "NaN"), "NaN or Infinity", id="NaN"),
        pytest.param(json.dumps([GOOD]).replace("3,", "-Infinity,"), "NaN or Inf", id="infinite"),
        pytest.param([{**GOOD, "bbox": [1e308] * 4}], "is not x, y, width", id="too large"),
        pytest.param([{**GOOD, "category_id": None}], "not a COCO results file", id="no category"),
        pytest.param([{**GOOD, "category_id": True}], "not a COCO results file", id="true"),
        pytest.param([{**GOOD, "category_id": "cat"}], "mine has no category 'cat'", id="a name"),
        pytest.param([{**GOOD, "image_id": 7.5}], "has no image with the id 7.5", id="a fraction"),
    ],
)
def test_what_does_not_belong_is_one_line(tmp_path, dataset, content, says):
    with pytest.raises(UserError, match=says) as caught:
        read_detections(written(tmp_path, content), dataset)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path, dataset):
    with pytest.raises(UserError, match="No such file"):
        read_detections(tmp_path / "nowhere.json", dataset)
