from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.boxes import xywh_to_xyxy
from detector.types import Detections, Sample


@pytest.fixture
def three() -> Detections:
    return Detections(
        boxes=np.arange(12, dtype=np.float32).reshape(3, 4),
        scores=np.array([0.9, 0.5, 0.1], np.float32),
        labels=np.array([7, 8, 9], np.int64),
    )


@pytest.mark.parametrize(
    ("keep", "labels"),
    [
        pytest.param(np.array([True, False, True]), [7, 9], id="mask"),
        pytest.param(slice(2), [7, 8], id="slice"),
        pytest.param(np.array([0, 2]), [7, 9], id="indices"),
        pytest.param(np.zeros(3, bool), [], id="none"),
        pytest.param(slice(None), [7, 8, 9], id="all"),
    ],
)
def test_picking_keeps_order_and_what_belongs_together(three, keep, labels):
    picked = three[keep]
    rows = [label - 7 for label in labels]
    np.testing.assert_array_equal(picked.labels, labels)
    np.testing.assert_array_equal(picked.scores, three.scores[rows])
    np.testing.assert_array_equal(picked.boxes, three.boxes[rows])
    assert len(picked) == len(labels)


def test_dtypes_survive_picking(three):
    picked = three[:0]
    assert (picked.boxes.dtype, picked.scores.dtype) == (np.float32, np.float32)
    assert picked.boxes.shape == (0, 4)


def test_a_single_index_picks_no_detections(three):
    with pytest.raises(ValueError, match="boxes must have shape"):
        three[0]


@pytest.mark.parametrize("shape", [(3,), (3, 5), (4,), (1, 3, 4), (0,)])
def test_boxes_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"boxes must have shape \(N, 4\), got"):
        Detections(np.zeros(shape), np.zeros(shape[0]), np.zeros(shape[0], int))


@pytest.mark.parametrize(
    ("name", "dtype", "said"),
    [
        pytest.param("boxes", np.int64, "boxes must be float32 or float64, got int64", id="boxes"),
        pytest.param("boxes", np.float16, "boxes must be float32 or float64", id="half boxes"),
        pytest.param("scores", np.float64, "scores must be float32, got float64", id="scores"),
        pytest.param("labels", np.int32, "labels must be int64, got int32", id="labels"),
        pytest.param("labels", np.float32, "labels must be int64, got float32", id="float labels"),
    ],
)
def test_detections_of_another_dtype_are_refused(name, dtype, said):
    arrays = {"boxes": np.zeros((2, 4), np.float32), "scores": np.zeros(2, np.float32)}
    arrays["labels"] = np.zeros(2, np.int64)
    arrays[name] = arrays[name].astype(dtype)
    with pytest.raises(ValueError, match=rf"Detections\.{said}"):
        Detections(**arrays)


def test_detections_of_a_results_file_keep_its_digits():
    scores = np.array([0.9 + 1e-12, 0.9])
    kept = Detections(np.zeros((2, 4)), scores, np.zeros(2, np.int64))
    assert kept.scores.tolist() == scores.tolist()


@pytest.mark.parametrize("name", ["scores", "labels"])
@pytest.mark.parametrize("shape", [(2,), (3, 1), ()])
def test_other_lengths_are_refused(name, shape):
    arrays = {"scores": np.zeros(3), "labels": np.zeros(3, int), name: np.zeros(shape)}
    with pytest.raises(ValueError, match=rf"{name} must have shape \(3,\), one per box"):
        Detections(np.zeros((3, 4)), **arrays)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["boxes", "scores"])
def test_numbers_that_are_not_finite_are_refused(name, value):
    arrays = {"boxes": np.zeros((2, 4)), "scores": np.zeros(2)}
    arrays[name].flat[-1] = value
    with pytest.raises(ValueError, match="must be finite"):
        Detections(**arrays, labels=np.zeros(2, int))


def test_detections_cannot_be_reassigned(three):
    with pytest.raises(AttributeError):
        three.scores = np.zeros(3)


def sample(**changed) -> Sample:
    fields = {
        "image_id": 1,
        "path": Path("a.jpg"),
        "height": 10,
        "width": 20,
        "boxes": np.zeros((2, 4), np.float32),
        "labels": np.zeros(2, int),
        "is_crowd": np.zeros(2, bool),
        "is_difficult": np.zeros(2, bool),
    }
    return Sample(**(fields | changed))


@pytest.mark.parametrize("name", ["labels", "is_crowd", "is_difficult"])
def test_a_sample_has_one_of_each_per_box(name):
    with pytest.raises(ValueError, match=rf"{name} must have shape \(2,\)"):
        sample(**{name: np.zeros(3)})


@pytest.mark.parametrize(
    ("name", "dtype", "wanted"),
    [
        pytest.param("boxes", np.float64, "float32", id="boxes"),
        pytest.param("labels", np.int32, "int64", id="labels"),
        pytest.param("is_crowd", np.int64, "bool", id="crowds"),
        pytest.param("is_difficult", np.uint8, "bool", id="difficult ones"),
    ],
)
def test_a_sample_of_another_dtype_is_refused(name, dtype, wanted):
    wrong = getattr(sample(), name).astype(dtype)
    said = rf"Sample\.{name} must be {wanted}, got {np.dtype(dtype).name}"
    with pytest.raises(ValueError, match=said):
        sample(**{name: wrong})


def test_a_sample_with_areas_of_another_dtype_is_refused():
    with pytest.raises(ValueError, match=r"Sample\.areas must be float64, got float32"):
        sample(areas=np.ones(2, np.float32))


def test_a_sample_has_boxes_of_four():
    with pytest.raises(ValueError, match=r"boxes must have shape \(N, 4\)"):
        sample(boxes=np.zeros((2, 5)))


def sample_with(boxes, **more):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    marks = np.zeros(len(boxes), bool)
    arrays = {"labels": np.arange(len(boxes)), "is_crowd": marks, "is_difficult": marks}
    return sample(boxes=boxes, **arrays, **more)


def test_areas_are_those_of_the_boxes_unless_given():
    boxes = [[0, 0, 4, 5], [1, 1, 2, 2]]
    assert sample_with(boxes).areas.tolist() == [20.0, 1.0]
    assert sample_with(boxes, areas=np.array([7.5, 1.0])).areas.tolist() == [7.5, 1.0]


def test_picking_objects_keeps_what_belongs_together():
    sample = sample_with(
        [[0, 0, 4, 5], [1, 1, 2, 2], [3, 3, 9, 9]],
        elements=("object 1", "object 2", "object 3"),
        details=({"n": 1}, {"n": 2}, {"n": 3}),
    )
    picked = sample.objects(np.array([True, False, True]))
    assert picked.labels.tolist() == [0, 2]
    assert picked.areas.tolist() == [20.0, 36.0]
    assert picked.elements == ("object 1", "object 3")
    assert picked.details == ({"n": 1}, {"n": 3})
    assert (picked.height, picked.image_id) == (10, 1)


OWN = [[0.1, 0.7, 0.2, 0.1], [57.3, 21.8, 32, 32]]


def sample_of_file(own=OWN, **more):
    own_xywh = np.array(own, np.float64).reshape(-1, 4)
    return sample_with(xywh_to_xyxy(own_xywh), own_xywh=own_xywh, **more)


def test_the_files_own_numbers_follow_the_objects():
    whole = sample_of_file()
    assert whole.objects(np.array([1])).own_xywh.tolist() == OWN[1:]
    assert whole.relabelled(np.array([0, -1])).own_xywh.tolist() == OWN[:1]
    assert sample_with([[0, 0, 1, 1]]).objects(np.array([0])).own_xywh is None


def test_other_boxes_beside_the_files_own_numbers_are_refused():
    """So that no box is moved while the numbers that decide in evaluation stay behind."""
    whole = sample_of_file()
    with pytest.raises(ValueError, match=r"Sample\.own_xywh must be the same boxes as"):
        replace(whole, boxes=whole.boxes + 1)
    assert replace(whole, boxes=whole.boxes + 1, own_xywh=None).own_xywh is None
    with pytest.raises(ValueError, match=r"Sample\.own_xywh must be float64"):
        replace(whole, own_xywh=whole.own_xywh.astype(np.float32))


def test_detections_of_a_file_keep_its_numbers():
    own = np.array(OWN, np.float64)
    found = Detections(xywh_to_xyxy(own), np.array([0.9, 0.5]), np.array([0, 1]), own)
    assert found[1:].boxes_xywh.tolist() == OWN[1:]
    assert found.of_labels([0]).boxes_xywh.tolist() == OWN[:1]
    with pytest.raises(ValueError, match=r"Detections\.own_xywh must be the same boxes as"):
        replace(found, boxes=found.boxes * 2)


def test_those_of_a_model_have_the_size_of_their_float32_corners(three):
    corners = three.boxes
    assert three.boxes_xywh.dtype == np.float64
    np.testing.assert_array_equal(three.boxes_xywh[:, 2:], corners[:, 2:] - corners[:, :2])


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_marks_of_ignore_are_bool(dtype):
    with pytest.raises(ValueError, match=r"Sample\.is_ignore must be bool"):
        sample(is_ignore=np.zeros(2, dtype))


def test_a_sample_without_objects_is_still_a_sample():
    empty = sample_with([])
    assert empty
    assert len(empty) == 0
    assert len(empty.objects(np.zeros(0, bool))) == 0


@pytest.mark.parametrize("name", ["elements", "details"])
def test_one_entry_per_object_or_none(name):
    with pytest.raises(ValueError, match=f"{name} must have one entry per box"):
        sample_with([[0, 0, 1, 1], [0, 0, 2, 2]], **{name: ("only one",)})
