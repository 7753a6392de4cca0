import json

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

BOX = {"x": 25, "y": 50, "width": 12.5, "height": 25, "rotation": 0, "rectanglelabels": ["cell"]}


def region(value=None, kind="rectanglelabels", **more):
    size = {"original_width": 64, "original_height": 48}
    return {"type": kind, "value": {**BOX} if value is None else value, **size, **more}


def annotation(*regions, **more):
    return {"result": list(regions), "was_cancelled": False, "created_at": "2026-01-01", **more}


def task(image, *annotations, **more):
    return {"id": 1, "data": {"image": image}, "annotations": list(annotations), **more}


@pytest.fixture
def studio(make):
    """Writes an export of Label Studio and its images `a.jpg`, `b.jpg`, ... in `images/`."""

    def write(*tasks, name="result.json"):
        for letter, _ in zip("abc", tasks, strict=False):
            make.image(f"images/{letter}.jpg")
        return make.text(name, json.dumps(tasks))

    return write


def test_an_export(make, studio):
    studio(task("/data/upload/1/a.jpg", annotation(region())), task("b.jpg", annotation()))
    dataset = open_dataset(make.root)
    assert dataset.form == "Label Studio"
    assert dataset[0].boxes.tolist() == [[16, 24, 24, 36]]
    assert [len(sample) for sample in dataset] == [1, 0]
    assert dataset[0].elements == ("task 1 region 1 (cell)",)
    assert not dataset.findings


def test_the_minimal_export(make, studio):
    flat = {"annotation_id": 1, "annotator": 1, "id": 1}
    boxes = [{**BOX, "original_width": 64, "original_height": 48}]
    studio({"image": "a.jpg", "bbox": boxes, **flat}, {"image": "b.jpg", **flat})
    dataset = open_dataset(make.root)
    assert [sample.boxes.tolist() for sample in dataset] == [[[16, 24, 24, 36]], []]


def test_the_csv(make):
    make.image("images/a.jpg")
    cell = json.dumps([{**BOX, "original_width": 64, "original_height": 48}]).replace('"', '""')
    path = make.text("x.csv", f'annotation_id,annotator,image,label\n1,1,/data/a.jpg,"{cell}"\n')
    for data in (path, make.root):
        assert open_dataset(data)[0].boxes.tolist() == [[16, 24, 24, 36]]


@pytest.mark.parametrize(
    ("value", "box"),
    [
        pytest.param(
            {"points": [[25, 50], [50, 50], [25, 75]], "polygonlabels": ["cell"]},
            [16, 24, 32, 36],
            id="polygon",
        ),
        pytest.param(
            {"x": 50, "y": 50, "radiusX": 25, "radiusY": 25, "ellipselabels": ["cell"]},
            [16, 12, 48, 36],
            id="ellipse",
        ),
        pytest.param({**BOX, "rotation": 90}, [4, 24, 16, 32], id="turned by 90 degrees"),
        pytest.param({**BOX, "rotation": 180}, [8, 12, 16, 24], id="turned by 180 degrees"),
        pytest.param(
            {**BOX, "rotation": 30},
            [10, 24, 16 + 8 * 0.75**0.5, 28 + 12 * 0.75**0.5],
            id="turned by 30 degrees, in pixels",
        ),
    ],
)
def test_of_other_shapes_the_bounds_are_the_box(make, studio, value, box):
    studio(task("a.jpg", annotation(region(value))))
    np.testing.assert_allclose(open_dataset(make.root)[0].boxes, [box], atol=1e-4)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"format": "rle", "rle": [1], "brushlabels": ["cell"]}, "is a brush, which has no box"),
        ({"x": 1, "y": 2, "width": 1, "keypointlabels": ["eye"]}, "is a keypoint"),
        ({"x": 1, "y": 2, "width": 1, "height": 1}, "has no class"),
        ({**BOX, "x": None}, "its x is 'None'"),
        ({**BOX, "rectanglelabels": []}, "has no class"),
    ],
)
def test_a_region_without_a_box_is_refused_by_name(make, studio, kinds, value, says):
    studio(task("a.jpg", annotation(region(), region(value))))
    dataset = open_dataset(make.root)
    assert kinds(dataset) == ["bad-object"]
    assert says in str(dataset.findings[0])


def test_a_turn_needs_the_size(make, studio, kinds):
    one = region({**BOX, "rotation": 30}) | {"original_width": None}
    studio(task("a.jpg", annotation(region(), one)))
    assert kinds(open_dataset(make.root)) == ["bad-object"]


def test_of_several_annotations_one_counts(make, studio):
    old = annotation(region(), region(), updated_at="2026-01-01T00:00:00Z")
    new = annotation(region(), updated_at="2026-02-01T00:00:00Z")
    cancelled = annotation(was_cancelled=True, updated_at="2026-03-01T00:00:00Z")
    studio(task("a.jpg", old, new, cancelled, predictions=[{"result": []}] * 2))
    dataset = open_dataset(make.root)
    assert len(dataset[0]) == 1
    assert set(dataset.notes) == {
        "1 cancelled annotation left out",
        "2 predictions left out",
        "1 older annotation left out",
    }


def test_the_ground_truth_goes_before_the_newest(make, studio):
    truth = annotation(region(), region(), ground_truth=True, updated_at="2026-01-01T00:00:00Z")
    studio(task("a.jpg", truth, annotation(region(), updated_at="2026-02-01T00:00:00Z")))
    assert len(open_dataset(make.root)[0]) == 2


def test_a_task_without_an_annotation_is_no_negative(make, studio, kinds):
    studio(task("a.jpg", annotation(region())), task("b.jpg"), task("c.jpg", {"skipped": True}))
    dataset = open_dataset(make.root / "result.json")
    assert len(dataset) == 1
    assert kinds(dataset) == ["missing-annotation", "missing-annotation"]


def test_labels_and_shape_may_stand_apart(make, studio):
    plain = {key: value for key, value in BOX.items() if key != "rectanglelabels"}
    two = [
        region(plain, "rectangle", id="r1"),
        region({**plain, "labels": ["cell"]}, "labels", id="r1"),
    ]
    studio(task("a.jpg", annotation(*two)))
    dataset = open_dataset(make.root)
    assert dataset[0].boxes.tolist() == [[16, 24, 24, 36]]
    assert dataset.classes.names == ("cell",)


def test_two_labels_are_two_objects(make, studio):
    studio(task("a.jpg", annotation(region({**BOX, "rectanglelabels": ["cell", "old"]}))))
    assert open_dataset(make.root)[0].labels.tolist() == [0, 1]


def test_per_cent_hold_at_any_size(make, studio):
    """The image was made smaller after it was annotated."""
    studio(task("a.jpg", annotation(region() | {"original_width": 640, "original_height": 480})))
    dataset = open_dataset(make.root)
    assert dataset[0].boxes.tolist() == [[16, 24, 24, 36]]
    assert not dataset.findings


@pytest.mark.parametrize("name", ["s3://bucket/x/a.jpg", "C:\\data\\a.jpg", "images/a.jpg"])
def test_the_image_has_the_path_of_another_place(make, studio, name):
    studio(task(name, annotation(region())))
    assert open_dataset(make.root)[0].path == make.root / "images" / "a.jpg"


@pytest.mark.parametrize("content", ["{", '{"data": 1, "annotations": 3}'])
def test_a_damaged_file_is_told(make, content):
    with pytest.raises(UserError):
        open_dataset(make.text("a.json", content))


@pytest.mark.parametrize("data", [{"text": "hello"}, {}, {"image": ""}])
def test_a_task_without_an_image_says_so(make, data):
    make.image("images/a.jpg")
    make.text("x.json", json.dumps([{"id": 1, "data": data, "annotations": [{"result": []}]}]))
    with pytest.raises(UserError, match="such as: names no image"):
        open_dataset(make.root)


@pytest.mark.parametrize("image", ["b.jpg", "/data/upload/1/b.jpg", "https://x.org/B.jpg"])
def test_an_image_without_an_annotation_is_one_finding(make, kinds, image):
    value = {"x": 10, "y": 10, "width": 20, "height": 20, "rectanglelabels": ["cell"]}
    tasks = [
        {"data": {"image": "a.jpg"}, "annotations": [{"result": [{"value": value}]}]},
        {"data": {"image": image}, "annotations": []},
    ]
    make.image("images/a.jpg")
    make.image("images/b.jpg")
    make.text("x.json", json.dumps(tasks))
    assert kinds(open_dataset(make.root)) == ["missing-annotation"]
