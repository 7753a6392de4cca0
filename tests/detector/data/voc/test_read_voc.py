import numpy as np
import pytest

from configs.errors import UserError
from detector.data.voc.read_voc import read_voc


def test_the_standard_layout(make):
    dataset = read_voc(make.voc("a", "b", "c", train="a c", val="b"))
    assert [sample.image_id for sample in dataset] == ["a", "b", "c"]
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train": [0, 2],
        "val": [1],
    }
    assert dataset.classes.names == ("cat",)
    assert not dataset.findings


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        ("annotations", "images"),
        ("annots", "images"),
        ("ANNOTATIONS", "JpegImages"),
        ("Annotations/xmls", "images"),
        ("annotations", "."),
        ("images", "images"),
        (".", "."),
    ],
)
def test_loose_layouts(make, obj, annotations, images):
    make.image(f"{images}/a.png")
    make.xml(f"{annotations}/a.xml", obj("cat", 1, 1, 20, 20))
    sample = read_voc(make.root)[0]
    assert sample.path.samefile(make.root / images / "a.png")
    np.testing.assert_array_equal(sample.boxes, [[0, 0, 20, 20]])


def test_the_images_own_size_counts(make, obj, kinds):
    make.image("a.jpg", width=64, height=48)
    make.xml("a.xml", obj("cat", 1, 1, 20, 20), size=(640, 480))
    dataset = read_voc(make.root)
    assert (dataset[0].height, dataset[0].width) == (48, 64)
    assert kinds(dataset) == ["size-mismatch"]


def test_boxes_turn_with_an_image_that_was_annotated_lying(make, obj, kinds):
    """Stored 64x48, shown 48x64: what was at the top is at the right."""
    make.image("a.jpg", width=64, height=48, orientation=6)
    make.xml("a.xml", obj("cat", 1, 1, 64, 10), size=(64, 48))
    dataset = read_voc(make.root)
    np.testing.assert_array_equal(dataset[0].boxes, [[38, 0, 48, 64]])
    assert (dataset[0].height, dataset[0].width) == (64, 48)
    assert kinds(dataset) == ["exif-rotation"]


def test_boxes_drawn_on_the_upright_image_stay(make, obj, kinds):
    make.image("a.jpg", width=64, height=48, orientation=6)
    make.xml("a.xml", obj("cat", 1, 1, 48, 10), size=(48, 64))
    dataset = read_voc(make.root)
    np.testing.assert_array_equal(dataset[0].boxes, [[0, 0, 48, 10]])
    assert not dataset.findings


def test_classes_can_be_given_with_their_order(make, obj):
    make.image("a.jpg")
    make.xml("a.xml", obj("cat", 1, 1, 20, 20), obj("Dog", 1, 1, 20, 20))
    dataset = read_voc(make.root, classes=["dog", "cat"])
    assert dataset[0].labels.tolist() == [1]
    assert "unknown class 'Dog'; did you mean 'dog'?" in str(dataset.findings[0])


def test_an_image_without_objects_is_kept(make):
    make.voc("a")
    make.image("JPEGImages/empty.jpg")
    make.xml("Annotations/empty.xml")
    assert [len(sample) for sample in read_voc(make.root)] == [1, 0]


def test_lists_of_single_classes_are_no_splits(make):
    make.voc("a", "b", train="a", val="b")
    make.text("ImageSets/Main/cat_train.txt", "a  1\nb -1\n")
    assert list(read_voc(make.root).splits) == ["train", "val"]


@pytest.mark.parametrize("suffix", ["", ".jpg"])
def test_names_of_images_may_hold_dots(make, suffix, kinds):
    """Roboflow's all do."""
    names = ["img0_jpg.rf.0abc0", "img1_jpg.rf.0abc1"]
    dataset = read_voc(make.voc(*names, train=names[0] + suffix, val=names[1] + suffix))
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train": [0],
        "val": [1],
    }
    assert not dataset.findings


@pytest.mark.parametrize("suffix", ["", ".jpg"])
@pytest.mark.parametrize("names", [["my pic 0", "my pic 1"], ["photo (0)", "photo (1)"]])
def test_names_of_images_may_hold_spaces(make, names, suffix):
    make.voc(*names)
    make.text("ImageSets/Main/train.txt", f"{names[0]}{suffix}\n")
    make.text("ImageSets/Main/val.txt", f"{names[1]}{suffix}\n")
    make.text("ImageSets/Main/cat_train.txt", f"{names[0]}  1\n")
    dataset = read_voc(make.root)
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train": [0],
        "val": [1],
    }


def test_a_list_of_words_that_fit_nothing_is_told_not_skipped(make, kinds):
    make.voc("a", "b", train="a")
    make.text("ImageSets/Main/val.txt", "b\nsomething else\n")
    dataset = read_voc(make.root)
    assert list(dataset.splits) == ["train", "val"]
    assert kinds(dataset) == ["missing-from-split"]


def test_an_empty_list_is_an_empty_split(make):
    assert len(read_voc(make.voc("a", "b", train="a b", val="")).splits["val"]) == 0


def test_one_list_of_everything_is_no_split(make):
    assert read_voc(make.voc("a", "b", default="a b")).splits == {}


def test_the_files_of_a_mac_are_not_annotations(make):
    make.voc("a")
    make.text("Annotations/._a.xml", "\0\0Mac")
    assert not read_voc(make.root).findings


def test_a_folder_without_any_class_says_so(make):
    make.image("a.jpg")
    make.xml("a.xml")
    with pytest.raises(UserError, match="no annotation holds an object"):
        read_voc(make.root)


def test_the_real_voc_images_show_their_38_difficult_objects(test_data):
    dataset = read_voc(test_data / "data/VOCdevkit/VOC2012")
    assert (len(dataset), len(dataset.classes)) == (100, 20)
    assert sum(len(sample) for sample in dataset) == 273
    assert sum(int(sample.is_difficult.sum()) for sample in dataset) == 38
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {
        "train": 66,
        "trainval": 100,
        "val": 34,
    }
    assert not dataset.findings


def test_raccoon_opens_as_a_loose_folder(test_data):
    dataset = read_voc(test_data / "data/raccoon")
    assert (len(dataset), sum(len(s) for s in dataset)) == (200, 217)
    assert dataset.classes.names == ("raccoon",)
