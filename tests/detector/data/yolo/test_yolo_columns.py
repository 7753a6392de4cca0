"""What stands behind a box, or in place of one, told from all lines of a data set."""

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

BOX = [0.5, 0.5, 0.25, 0.5]
IN_PIXELS = [24, 12, 40, 36]  # of 64 x 48


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def boxes_in_image(rng, count):
    """Boxes as YOLO has them, float64 `(count, 4)`, wholly in the image."""
    size = rng.uniform(0.05, 0.3, (count, 2))
    return np.hstack([rng.uniform(size / 2, 1 - size / 2), size])


def points_in(rng, boxes, many):
    """Points in boxes, `(N, many, 2)`."""
    low, high = boxes[:, None, :2] - boxes[:, None, 2:] / 2, boxes[:, None, 2:]
    return low + rng.uniform(0, 1, (len(boxes), many, 2)) * high


def corners_of(boxes, angle):
    """The corners of boxes turned about their middle, `(N, 8)`."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    return (boxes[:, None, :2] + (signs * boxes[:, None, 2:]) @ turn).reshape(len(boxes), 8)


def text_of(rows, labels=0):
    """Lines of a label file."""
    return "".join(f"{labels} {' '.join(f'{value:g}' for value in row)}\n" for row in rows)


def read(make, rows, **more):
    """The boxes read, and the data set; `more` goes into data.yaml."""
    make.yolo({"a": text_of(rows)})
    lines = [f"{key}: {value}\n" for key, value in more.items()]
    with (make.root / "data.yaml").open("a") as file:
        file.writelines(lines)
    dataset = open_dataset(make.root, details=True)
    return dataset[0].boxes, dataset


def in_pixels(boxes):
    """YOLO's boxes in pixels of an image of 64 x 48."""
    middle, half = boxes[:, :2], boxes[:, 2:4] / 2
    return np.hstack([middle - half, middle + half]) * (64, 48, 64, 48)


@pytest.mark.parametrize(
    ("behind", "says"),
    [
        pytest.param([[0.9], [0.25]], "a confidence, so they are predictions", id="confidence"),
        pytest.param([[3], [17]], "a track id, which is not used", id="track id"),
        pytest.param([[0.9, 3], [0.25, 4]], "a confidence and a track id", id="both"),
        pytest.param([[0.9, 1]] * 12, "a confidence and a track id", id="one track"),
    ],
)
def test_what_a_tracker_or_a_detector_adds_is_no_outline(make, behind, says):
    boxes, dataset = read(make, [BOX + more for more in behind])
    np.testing.assert_allclose(boxes, [IN_PIXELS] * len(behind))
    assert not dataset.findings
    assert any(says in note for note in dataset.notes)


def test_tracks_that_are_not_yet_sure_have_a_number_less(make):
    boxes, dataset = read(make, [[*BOX, 0.5], [*BOX, 0.7, 2], [*BOX, 0.7, 5]])
    np.testing.assert_allclose(boxes, [IN_PIXELS] * 3)
    assert dataset.notes == (
        "in 1 label line there is a box and a confidence, so they are predictions of a model, "
        "not annotations",
        "in 2 label lines there is a box, a confidence and a track id, so they are predictions of "
        "a model, not annotations",
    )


@pytest.mark.parametrize("angle", [1.2, 45, -30, 88.5])
def test_an_angle_is_refused_by_name(make, kinds, angle):
    make.yolo({"a": text_of([[*BOX, angle], [*BOX, 0.2]]), "b": text_of([BOX])})
    dataset = open_dataset(make.root)
    assert [len(sample) for sample in dataset] == [0, 1]
    assert kinds(dataset) == ["bad-object"] * 2
    assert "is it the angle of a rotated box? Write four corners" in dataset.findings[0].message


def test_a_data_set_of_angles_alone_is_refused(make):
    make.yolo({"a": text_of([[*BOX, 45.5]])})
    with pytest.raises(UserError, match=r"none of its label lines can be read, .*the angle of a"):
        open_dataset(make.root)


@pytest.mark.parametrize(("many", "numbers"), [(17, 3), (17, 2), (5, 3), (1, 2)])
@pytest.mark.parametrize("is_said", [True, False])
def test_keypoints_are_no_outline(make, rng, many, numbers, is_said):
    boxes = boxes_in_image(rng, 30)
    points = points_in(rng, boxes, many)
    if numbers == 3:
        points = np.dstack([points, rng.integers(0, 3, (30, many))])
    more = {"kpt_shape": [many, numbers]} if is_said else {}
    found, dataset = read(make, np.hstack([boxes, points.reshape(30, -1)]), **more)
    np.testing.assert_allclose(found, in_pixels(boxes), atol=1e-3)
    assert not dataset.findings
    assert "keypoints" in dataset.notes[0]
    assert not any(dataset[0].details)


def test_few_keypoints_are_told_by_their_flags(make, rng):
    boxes = boxes_in_image(rng, 1)
    points = np.dstack([points_in(rng, boxes, 17), [[2.0] * 17]])
    found, _ = read(make, np.hstack([boxes, points.reshape(1, -1)]))
    np.testing.assert_allclose(found, in_pixels(boxes), atol=1e-3)


def test_keypoints_that_are_not_there_lie_at_0(make, rng):
    boxes = boxes_in_image(rng, 30)
    points = points_in(rng, boxes, 17)
    points[:, ::3] = 0
    found, _ = read(make, np.hstack([boxes, points.reshape(30, -1)]))
    np.testing.assert_allclose(found, in_pixels(boxes), atol=1e-3)


@pytest.mark.parametrize("tail", [[0.5], [0.5, 7]])
def test_predicted_keypoints_have_a_confidence_and_a_track_behind_them(make, rng, tail):
    boxes = boxes_in_image(rng, 30)
    points = np.dstack([points_in(rng, boxes, 17), rng.uniform(0, 1, (30, 17))]).reshape(30, -1)
    found, _ = read(make, np.hstack([boxes, points, [tail] * 30]))
    np.testing.assert_allclose(found, in_pixels(boxes), atol=1e-3)


@pytest.mark.parametrize("angle", [0, 0.3, 1.1])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_four_corners_are_an_outline(make, rng, angle, count):
    boxes = boxes_in_image(rng, count)
    boxes[:, :2] = 0.25 + boxes[:, :2] / 2
    corners = corners_of(boxes, angle)
    found, dataset = read(make, corners)
    x, y = corners[:, ::2] * 64, corners[:, 1::2] * 48
    wanted = np.stack([x.min(axis=1), y.min(axis=1), x.max(axis=1), y.max(axis=1)], axis=1)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert not dataset.findings
    assert not dataset.notes


@pytest.mark.parametrize("points", [3, 4, 6])
def test_outlines_of_one_length_are_no_keypoints(make, rng, points):
    """As from a tool that thins all outlines to the same number of points."""
    boxes = np.hstack([rng.uniform(0.3, 0.6, (40, 2)), rng.uniform(0.02, 0.06, (40, 2))])
    angles = np.sort(rng.uniform(0, 6, (40, points)), axis=1)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=2) * boxes[:, None, 2:] / 2
    rows = (boxes[:, None, :2] + around).reshape(40, -1)
    found, dataset = read(make, rows)
    np.testing.assert_allclose(found[:, 0], rows[:, ::2].min(axis=1) * 64, atol=1e-3)
    assert not dataset.notes


def test_four_corners_of_small_objects_up_left_are_no_keypoints(make, rng):
    """Taken for a box, the first two corners are always one with the other corners in it."""
    small = np.hstack([rng.uniform(0.3, 0.6, (40, 2)), rng.uniform(0.01, 0.05, (40, 2))])
    found, _ = read(make, corners_of(small, 0))
    np.testing.assert_allclose(found, in_pixels(small), atol=1e-3)


@pytest.mark.parametrize(
    ("tail", "says"),
    [
        pytest.param(lambda _: [], "", id="alone"),
        pytest.param(lambda i: [0.3 + i / 100], "an outline and a confidence", id="confidence"),
        pytest.param(lambda i: [i], "an outline and a track id", id="track id"),
        pytest.param(lambda i: [0.5, i], "an outline, a confidence and a track id", id="both"),
    ],
)
def test_outlines_differ_in_their_number_of_points(make, tail, says):
    rows = []
    for index in range(12):
        angles = np.linspace(0, 6, 3 + index % 6)
        points = 0.5 + 0.25 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        rows.append([*points.ravel(), *tail(index)])
    found, dataset = read(make, rows)
    assert found.max() <= 48 + 1e-4
    assert len(dataset[0].details[0]["segmentation"][0]) == 6
    assert not dataset.findings
    assert not dataset.notes if not says else says in dataset.notes[0]


def test_a_mix_of_boxes_and_outlines_is_said(make):
    _, dataset = read(make, [BOX, [0.25, 0.5, 0.75, 0.5, 0.5, 0.75]])
    assert dataset.notes == ("its labels mix 1 box and 1 outline, whose bounds are taken as boxes",)


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param([0.9, *[0.01] * 78, 3.5, 7.5], id="probabilities"),
        pytest.param([30.5, 12, 77.5], id="three more"),
        pytest.param([12.5, 0, -3], id="a corner and a flag"),
    ],
)
def test_numbers_without_a_meaning_are_refused(make, rng, behind):
    rows = [[*box, *behind] for box in boxes_in_image(rng, 20) * (0.5, 0.5, 0.1, 0.1)]
    with pytest.raises(UserError, match="its numbers are no outline, nor a box with keypoints"):
        read(make, rows)


def test_dota_is_named(make):
    make.yolo({"a": "imagesource:GoogleEarth\n10 10 40 10 40 30 10 30 plane 0\n"})
    make.text("labels/a.txt", "10 10 40 10 40 30 10 30 plane 0\n")
    with pytest.raises(UserError, match="is DOTA's: four corners in pixels, then the class"):
        open_dataset(make.root)


@pytest.mark.parametrize("value", ["1e308", "-1e308", "1e200"])
def test_numbers_beyond_reason_warn_nobody(make, kinds, value):
    make.yolo({"a": f"0 {' '.join([value] * 8)}\n0 -{value.strip('-')} {value} 1 1 1 1 1 1\n"})
    assert "bad-object" in kinds(open_dataset(make.root))


def test_classes_counted_from_1_are_said(make, kinds):
    make.yolo({"a": "1 0.5 0.5 0.5 0.5\n2 0.5 0.5 0.5 0.5\n"})
    dataset = open_dataset(make.root)
    assert kinds(dataset) == ["unknown-class"]
    assert "if classes are counted from 1 there" in dataset.notes[0]
