"""What holds for every form that is read through `make_dataset`, shown on LabelMe and FiftyOne."""

import json
import shutil

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset


@pytest.fixture
def pixels(make):
    """Writes a LabelMe file with one object: `pixels(stem, box, size=(width, height))`."""

    def write(stem, box=(4, 8, 20, 30), label="cell", size=(64, 48), image=None):
        shape = {"label": label, "points": [box[:2], box[2:]], "shape_type": "rectangle"}
        content = {"shapes": [shape], "imagePath": image or f"{stem}.jpg"}
        content |= {"imageWidth": size[0], "imageHeight": size[1]} if size else {}
        return make.text(f"{stem}.json", json.dumps(content))

    return write


@pytest.fixture
def fractions(make):
    """Writes FiftyOne's labels of `a.jpg`, one object with a box in fractions."""

    def write(box=(0.25, 0.5, 0.25, 0.25)):
        labels = {"a": [{"label": "cell", "bounding_box": box}]}
        return make.text("labels.json", json.dumps({"classes": None, "labels": labels}))

    return write


def test_boxes_drawn_on_the_stored_image_are_turned_with_it(make, pixels, kinds):
    make.image("a.jpg", orientation=6)  # stored 64 x 48, upright 48 x 64
    pixels("a", (0, 0, 10, 48), size=(64, 48))
    dataset = open_dataset(make.root)
    assert (dataset[0].width, dataset[0].height) == (48, 64)
    assert dataset[0].boxes.tolist() == [[0, 0, 48, 10]]
    assert kinds(dataset) == ["exif-rotation"]


def test_boxes_drawn_on_the_upright_image_stay(make, pixels):
    make.image("a.jpg", orientation=6)
    pixels("a", (0, 0, 10, 48), size=(48, 64))
    dataset = open_dataset(make.root)
    assert dataset[0].boxes.tolist() == [[0, 0, 10, 48]]
    assert not dataset.findings


def test_another_size_is_told(make, pixels, kinds):
    make.image("a.jpg")
    pixels("a", size=(640, 480))
    dataset = open_dataset(make.root)
    assert (dataset[0].width, dataset[0].height) == (64, 48)
    assert kinds(dataset) == ["size-mismatch"]


def test_without_a_size_the_images_own_counts(make, pixels):
    make.image("a.jpg")
    pixels("a", size=None)
    dataset = open_dataset(make.root)
    assert (dataset[0].width, dataset[0].height) == (64, 48)
    assert not dataset.findings


def test_fractions_are_of_the_upright_image(make, fractions, kinds):
    make.image("data/a.jpg", orientation=6)
    fractions()
    dataset = open_dataset(make.root)
    assert dataset[0].boxes.tolist() == [[12, 32, 24, 48]]
    assert not dataset.findings


def test_pixels_of_an_unreadable_image_are_kept_for_the_doctor(make, pixels):
    make.text("a.jpg", "no image")
    pixels("a")
    sample = open_dataset(make.root)[0]
    assert sample.boxes.tolist() == [[4, 8, 20, 30]]
    assert (sample.width, sample.height) == (64, 48)


def test_fractions_of_an_unreadable_image_mean_nothing(make, fractions):
    make.text("data/a.jpg", "no image")
    fractions()
    with pytest.raises(UserError, match="none of its 1 images is usable"):
        open_dataset(make.root)


def test_an_image_twice_counts_once(make, pixels, kinds):
    make.image("a.jpg")
    pixels("a")
    pixels("b", image="a.jpg")
    dataset = open_dataset(make.root)
    assert len(dataset) == 1
    assert kinds(dataset) == ["id-collision"]


def test_images_in_a_folder_of_their_own(make, pixels, tmp_path):
    """As --images names it."""
    make.image("far/a.jpg")
    pixels("set/a")
    with pytest.raises(UserError, match="see --images"):
        open_dataset(make.root / "set")
    dataset = open_dataset(make.root / "set", images=make.root / "far")
    assert dataset[0].path == make.root / "far" / "a.jpg"


def test_classes_in_the_order_given(make, pixels, kinds):
    for name, label in (("a", "cell"), ("b", "bin"), ("c", "other")):
        make.image(f"{name}.jpg")
        pixels(name, label=label)
    dataset = open_dataset(make.root, classes=["cell", "bin"])
    assert dataset.classes.names == ("cell", "bin")
    assert [sample.labels.tolist() for sample in dataset] == [[0], [1], []]
    assert kinds(dataset) == ["unknown-class"]


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b.jpg", "", "."])
def test_a_name_that_no_file_can_have_is_no_image(make, pixels, kinds, name):
    make.image("a.jpg")
    pixels("a")
    shape = {"label": "cell", "points": [[1, 1], [5, 5]], "shape_type": "rectangle"}
    make.text("b.json", json.dumps({"shapes": [shape], "imagePath": name}))
    dataset = open_dataset(make.root)
    assert len(dataset) == 1
    assert kinds(dataset) == ["missing-picture"]


def test_without_splits_they_are_made(make, pixels):
    for letter in "abcdefghij":
        make.image(f"p{letter}.jpg")
        pixels(f"p{letter}")
    train, val = (open_dataset(f"{make.root}:{split}") for split in ("train", "val"))
    assert len(train) + len(val) == 10
    assert not {s.path for s in train} & {s.path for s in val}


def test_boxes_are_as_written(make, pixels):
    """Wrong ones too: the doctor names them."""
    make.image("a.jpg")
    pixels("a", (-3.5, 8, 100.25, 8))
    np.testing.assert_array_equal(open_dataset(make.root)[0].boxes, [[-3.5, 8, 100.25, 8]])


def test_an_image_that_is_gone_is_not_taken_for_another_of_its_name(make, pixels, kinds):
    make.image("val/a.jpg")
    pixels("one", image="train/a.jpg")
    pixels("two", image="val/a.jpg", label="bin")
    dataset = open_dataset(make.root)
    assert [sample.source.stem for sample in dataset] == ["two"]
    assert kinds(dataset) == ["missing-picture"]


def test_ids_are_never_the_same_and_stay_where_the_data_are_moved(make, pixels, tmp_path_factory):
    for folder in ("x", "y"):
        make.image(f"{folder}/a.jpg")
        pixels(f"json_{folder}", image=f"/home/me/{folder}/a.jpg")
    ids = {sample.image_id for sample in open_dataset(make.root)}
    assert len(ids) == 2
    moved = shutil.copytree(make.root, tmp_path_factory.mktemp("moved") / "data")
    assert {sample.image_id for sample in open_dataset(moved)} == ids


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("../images/{}.jpg", "../images/B.jpg"),  # in other capitals
        ("..\\images\\{}.jpg", "/home/me/b.jpg"),
        ("../annotations/../images/{}.jpg", "b.jpg"),
    ],
)
def test_an_image_is_known_however_its_folder_is_written(make, pixels, kinds, said, other):
    make.image("images/a.jpg")
    make.image("images/b.jpg")
    pixels("annotations/a", image=said.format("a"))
    pixels("annotations/b", image=other)
    dataset = open_dataset(make.root)
    assert len(dataset) == 2
    assert kinds(dataset) == []


def test_accents_in_two_pieces_are_no_other_name(make, pixels, kinds):
    make.image("a\u0308.jpg")
    pixels("\u00e4")
    assert len(dataset := open_dataset(make.root)) == 1
    assert kinds(dataset) == []


@pytest.mark.parametrize("kind", ["point", "line", "linestrip"])
def test_where_nothing_has_a_box_what_was_left_out_is_named(make, kind):
    make.image("a.jpg")
    shape = {"label": "cell", "points": [[1, 2], [3, 4]], "shape_type": kind}
    make.text("a.json", json.dumps({"shapes": [shape], "imagePath": "a.jpg"}))
    with pytest.raises(
        UserError, match=f"no class to learn; left out, such as a.json: shape 1: is a {kind}"
    ):
        open_dataset(make.root)


@pytest.mark.parametrize("again", ["../images/a.jpg", "../annotations/../images/a.jpg", "a.jpg"])
def test_an_image_is_one_however_its_path_is_written(make, pixels, kinds, again):
    make.image("images/a.jpg")
    pixels("annotations/a", image="../images/a.jpg")
    pixels("annotations/b", image=again)
    dataset = open_dataset(make.root)
    assert len(dataset) == 1
    assert set(kinds(dataset)) & {"id-collision", "missing-picture"}
