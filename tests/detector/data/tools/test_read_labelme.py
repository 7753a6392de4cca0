import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.data.open import open_dataset


def shape(label, points, kind="rectangle", **more):
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, **more}


@pytest.fixture
def labelme(make):
    """Writes LabelMe's JSON beside its image: `labelme(stem, shape, ..., key=value)`."""

    def write(stem, *shapes, with_image=True, **more):
        if with_image:
            make.image(f"{stem}.jpg")
        name = f"{stem.rpartition('/')[2]}.jpg"
        content = {
            "version": "5.5.0",
            "flags": {},
            "shapes": list(shapes),
            "imagePath": name,
            "imageData": None,
            "imageHeight": 48,
            "imageWidth": 64,
            **more,
        }
        return make.text(f"{stem}.json", json.dumps(content))

    return write


def test_a_folder_of_labelme(make, labelme):
    labelme("b", shape("cell", [[1, 2], [30.5, 40.25]]), shape("bin", [[5, 6], [7, 9]]))
    labelme("a")
    dataset = open_dataset(make.root)
    assert dataset.form == "LabelMe"
    assert dataset.classes.names == ("bin", "cell")
    assert [sample.image_id for sample in dataset] == ["a", "b"]
    np.testing.assert_array_equal(dataset[1].boxes, [[1, 2, 30.5, 40.25], [5, 6, 7, 9]])
    assert dataset[1].labels.tolist() == [1, 0]
    assert dataset[1].elements == ("shape 1 (cell)", "shape 2 (bin)")
    assert not len(dataset[0])
    assert not dataset.findings


@pytest.mark.parametrize(
    "corners",
    [
        pytest.param([[10, 8], [40, 30]], id="upper left first"),
        pytest.param([[40, 30], [10, 8]], id="lower right first"),
        pytest.param([[40, 8], [10, 30]], id="upper right first"),
        pytest.param([[10, 30], [40, 8]], id="lower left first"),
        pytest.param([[10, 8], [40, 8], [40, 30], [10, 30]], id="four, as X-AnyLabeling"),
    ],
)
def test_a_rectangle_has_its_corners_in_any_order(make, labelme, corners):
    labelme("a", shape("cell", corners))
    assert open_dataset(make.root)[0].boxes.tolist() == [[10, 8, 40, 30]]


def png(mask):
    data = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


MASK = np.pad(np.ones((3, 5), bool), 1)


@pytest.mark.parametrize(
    ("drawn", "box"),
    [
        pytest.param(shape("c", [[5, 5], [9, 2], [7, 8]], "polygon"), [5, 2, 9, 8], id="polygon"),
        pytest.param(shape("c", [[20, 20], [23, 24]], "circle"), [15, 15, 25, 25], id="circle"),
        pytest.param(
            shape("c", [[10, 10], [16, 14]], "mask", mask=png(MASK)), [11, 11, 16, 14], id="mask"
        ),
        pytest.param(
            shape("c", [[10, 0], [20, 10], [10, 20], [0, 10]], "oriented_rectangle"),
            [0, 0, 20, 20],
            id="oriented rectangle of version 6",
        ),
        pytest.param(
            {"label": "c", "points": [[1, 1], [4, 1], [4, 6]]}, [1, 1, 4, 6], id="without a type"
        ),
    ],
)
def test_of_other_shapes_the_bounds_are_the_box(make, labelme, drawn, box):
    labelme("a", drawn)
    dataset = open_dataset(make.root)
    np.testing.assert_allclose(dataset[0].boxes, [box], atol=1e-5)
    assert "bounds of what was drawn: 1 " in dataset.notes[0]


@pytest.mark.parametrize(
    ("drawn", "says"),
    [
        (shape("c", [[5, 5]], "point"), "is a point, which has no box"),
        (shape("c", [[5, 5], [8, 8]], "line"), "is a line, which has no box"),
        (shape("c", [[5, 5], [8, 8]], "linestrip"), "is a linestrip, which has no box"),
        (shape("c", [[5, 5]]), "is a rectangle of 1 points"),
        (shape("c", [[5, 5]], "circle"), "is a circle of 1 points"),
        (shape("c", [[5, "x"], [1, 1]]), "its point is 'x', not a number"),
        (shape("", [[5, 5], [8, 8]]), "has no class"),
        (shape("c", [[5, 5], [8, 8]], "mask", mask="AAAA"), "has a mask that cannot be read"),
        (shape("c", []), "has no points"),
        (None, "has no class"),
    ],
)
def test_a_shape_without_a_box_is_refused_by_name(make, labelme, kinds, drawn, says):
    labelme("a", shape("cell", [[1, 1], [9, 9]]), drawn)
    dataset = open_dataset(make.root)
    assert len(dataset[0]) == 1
    assert kinds(dataset) == ["bad-object"]
    assert says in str(dataset.findings[0])
    assert dataset.findings[0].element == "shape 2"


def test_shapes_of_one_group_are_one_object(make, labelme):
    labelme(
        "a",
        shape("cell", [[1, 1], [9, 9]], group_id=3),
        shape("cell", [[20, 5], [30, 12]], group_id=3),
        shape("bin", [[2, 2], [5, 5]], group_id=3),
        shape("cell", [[40, 1], [45, 5]]),
    )
    boxes = open_dataset(make.root)[0].boxes.tolist()
    assert boxes == [[1, 1, 30, 12], [2, 2, 5, 5], [40, 1, 45, 5]]


def test_folders_of_splits(make, labelme):
    labelme("train/a", shape("cell", [[1, 1], [9, 9]]))
    labelme("val/a", shape("bin", [[1, 1], [9, 9]]))
    dataset = open_dataset(make.root)
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train": [0],
        "val": [1],
    }
    assert [sample.path.parent.name for sample in dataset] == ["train", "val"]


def test_files_in_sub_folders(make, labelme):
    labelme("monday/a", shape("cell", [[1, 1], [9, 9]]))
    labelme("tuesday/a", shape("cell", [[2, 2], [9, 9]]))
    dataset = open_dataset(make.root)
    assert [sample.image_id for sample in dataset] == ["monday/a", "tuesday/a"]
    assert [sample.path.parent.name for sample in dataset] == ["monday", "tuesday"]


@pytest.mark.parametrize("said", ["..\\images\\a.jpg", "../images/a.jpg", "C:\\home\\a.jpg", ""])
def test_the_image_is_elsewhere(make, labelme, said):
    make.image("images/a.jpg")
    labelme("labels/a", shape("cell", [[1, 1], [9, 9]]), with_image=False, imagePath=said)
    assert open_dataset(make.root)[0].path.resolve() == make.root / "images" / "a.jpg"


def test_a_renamed_image_is_found_by_the_name_of_its_file(make, labelme, kinds):
    labelme("a", shape("cell", [[1, 1], [9, 9]]), imagePath="IMG_7.jpg")
    dataset = open_dataset(make.root)
    assert dataset[0].path.name == "a.jpg"
    assert kinds(dataset) == ["filename-mismatch"]


def test_an_image_inside_the_file_is_kept_in_the_cache(make, labelme, tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path / "home"))
    data = make.image("away/a.jpg").read_bytes()
    text = base64.b64encode(data).decode()
    labelme("set/a", shape("cell", [[1, 1], [9, 9]]), with_image=False, imageData=text)
    dataset = open_dataset(make.root / "set")
    assert dataset[0].path.is_relative_to(tmp_path / "home")
    assert dataset[0].path.read_bytes() == data
    assert f"1 image inside the annotation files: they are kept in {tmp_path}" in dataset.notes[0]


def test_an_image_without_a_file_is_told(make, labelme, kinds):
    labelme("a", shape("cell", [[1, 1], [9, 9]]))
    make.image("b.jpg")
    labelme("c", shape("cell", [[1, 1], [9, 9]]), with_image=False)
    dataset = open_dataset(make.root)
    assert kinds(dataset) == ["missing-picture", "missing-annotation"]
    assert len(dataset) == 1


@pytest.mark.parametrize("text", ["{", '{"shapes": 3, "imagePath": "b.jpg"}', "[]"])
def test_a_damaged_file_costs_its_image_alone(make, labelme, kinds, text):
    labelme("a", shape("cell", [[1, 1], [9, 9]]))
    make.text("b.json", text)
    dataset = open_dataset(make.root)
    assert kinds(dataset) == ["unreadable-annotation"]
    assert len(dataset) == 1


def test_one_file_given_by_itself(make, labelme):
    path = labelme("a", shape("cell", [[1, 1], [9, 9]]))
    labelme("b", shape("bin", [[1, 1], [9, 9]]))
    assert [sample.image_id for sample in open_dataset(path)] == ["a"]


def test_without_any_object_there_is_no_class(make, labelme):
    labelme("a")
    with pytest.raises(UserError, match="no annotation holds an object"):
        open_dataset(make.root)


def test_details_hold_what_else_is_said(make, labelme):
    labelme(
        "a",
        shape("cell", [[1, 1], [9, 1], [9, 9]], "polygon", description="torn", flags={"old": True}),
    )
    sample = open_dataset(make.root, details=True)[0]
    assert sample.details[0]["segmentation"] == [[1, 1, 9, 1, 9, 9]]
    assert sample.details[0]["description"] == "torn"
    assert sample.details[0]["flags"] == {"old": True}


@pytest.mark.parametrize("said", ["a.jpg", "C:\\photos\\a.jpg", "/home/me/a.jpg"])
def test_folders_of_annotations_that_mirror_those_of_images(make, labelme, said):
    for split in ("train", "val"):
        make.image(f"images/{split}/a.jpg")
        box = shape("cell", [[1, 2], [30, 40]])
        labelme(f"labels/{split}/a", box, with_image=False, imagePath=said)
    dataset = open_dataset(make.root)
    places = [(sample.path.parent.name, sample.source.parent.name) for sample in dataset]
    assert sorted(places) == [("train", "train"), ("val", "val")]
    assert dataset.splits.keys() == {"train", "val"}
