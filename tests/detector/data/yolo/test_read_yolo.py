import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset


def test_fractions_become_pixels(make):
    make.yolo({"a": "1 0.5 0.5 0.25 0.5\n"})
    sample = open_dataset(make.root)[0]
    np.testing.assert_array_equal(sample.boxes, [[24, 12, 40, 36]])  # of 64 x 48
    assert sample.labels.tolist() == [1]
    assert sample.elements == ("line 1",)


def test_an_outline_counts_by_its_bounds(make):
    make.yolo({"a": "0 0.25 0.5 0.75 0.5 0.5 0.75\n"})
    sample = open_dataset(make.root, details=True)[0]
    np.testing.assert_array_equal(sample.boxes, [[16, 24, 48, 36]])
    assert sample.details[0]["segmentation"] == [[16, 24, 48, 24, 32, 36]]


def test_an_empty_label_file_is_a_negative(make):
    make.yolo({"a": "0 0.5 0.5 0.5 0.5", "b": ""})
    assert [len(sample) for sample in open_dataset(make.root)] == [1, 0]


def test_a_missing_label_file_is_a_negative_and_told(make, kinds):
    make.yolo({"a": "0 0.5 0.5 0.5 0.5"})
    make.image("images/b.jpg")
    dataset = open_dataset(make.root)
    assert [len(sample) for sample in dataset] == [1, 0]
    assert kinds(dataset) == ["missing-label-file"]


def test_fractions_are_of_the_upright_image(make):
    make.yolo({})
    make.image("images/a.jpg", width=64, height=48, orientation=6)
    make.text("labels/a.txt", "0 0.5 0.5 1 1")
    sample = open_dataset(make.root)[0]
    np.testing.assert_array_equal(sample.boxes, [[0, 0, 48, 64]])


@pytest.mark.parametrize(
    ("train", "val"),
    [
        pytest.param("train/images", "val/images", id="folders"),
        pytest.param("../train/images", "../val/images", id="as seen from a folder below"),
        pytest.param("train.txt", "val.txt", id="lists"),
    ],
)
def test_splits_of_data_yaml(make, train, val):
    for split, stem in (("train", "a"), ("val", "b")):
        make.image(f"{split}/images/{stem}.jpg")
        make.text(f"{split}/labels/{stem}.txt", "0 0.5 0.5 0.5 0.5")
        make.text(f"{split}.txt", f"./{split}/images/{stem}.jpg\n")
    make.text("data.yaml", f"train: {train}\nval: {val}\nnames:\n  0: cat\n  1: dog\n")
    dataset = open_dataset(make.root)
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train": [0],
        "val": [1],
    }
    assert dataset.classes.names == ("cat", "dog")
    assert [s.path.name for s in open_dataset(f"{make.root}:val")] == ["b.jpg"]


def test_class_names_of_classes_txt(make):
    make.yolo({"a": "1 0.5 0.5 0.5 0.5"}).unlink()
    make.text("classes.txt", "cat\ndog\n")
    assert open_dataset(make.root).classes.names == ("cat", "dog")


def test_without_names_classes_are_numbered_and_it_says_so(make):
    make.yolo({"a": "2 0.5 0.5 0.5 0.5"}).unlink()
    dataset = open_dataset(make.root)
    assert dataset.classes.names == ("class_0", "class_1", "class_2")
    assert "class_0" in dataset.notes[0]


def test_images_and_labels_side_by_side(make):
    make.image("a.jpg")
    make.text("a.txt", "0 0.5 0.5 0.5 0.5")
    assert len(open_dataset(make.root)[0]) == 1


@pytest.mark.parametrize("year", ["", "2017"])
def test_folders_of_images_are_the_splits_without_a_data_yaml(make, year):
    for folder, stems in ((f"train{year}", "abc"), (f"val{year}", "ad")):
        for stem in stems:
            make.image(f"images/{folder}/{stem}.jpg")
            make.text(f"labels/{folder}/{stem}.txt", "0 0.5 0.5 0.5 0.5")
    dataset = open_dataset(make.root)
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        f"train{year}": [0, 1, 2],
        f"val{year}": [3, 4],
    }
    assert [s.path.parent.name for s in open_dataset(f"{make.root}:val")] == [f"val{year}"] * 2


@pytest.mark.parametrize(
    "places",
    [
        pytest.param(["train/a", "holiday/b"], id="another folder"),
        pytest.param(["train/a", "b"], id="an image beside"),
        pytest.param(["train/a", "train/b"], id="one folder of all"),
    ],
)
def test_other_folders_of_images_are_no_splits(make, places):
    for place in places:
        make.image(f"images/{place}.jpg")
        make.text(f"labels/{place}.txt", "0 0.5 0.5 0.5 0.5")
    assert open_dataset(make.root).splits == {}


def test_hidden_folders_are_not_read(make):
    """Jupyter keeps copies of what it shows in `.ipynb_checkpoints`."""
    make.yolo({"a": "0 0.5 0.5 0.5 0.5"})
    make.image("images/.ipynb_checkpoints/a-checkpoint.jpg")
    make.image("images/._a.jpg")
    dataset = open_dataset(make.root)
    assert [sample.path.name for sample in dataset] == ["a.jpg"]
    assert not dataset.findings


def test_a_data_set_may_lie_in_a_hidden_folder(make):
    make.image(".cache/images/a.jpg")
    make.text(".cache/labels/a.txt", "0 0.5 0.5 0.5 0.5")
    assert len(open_dataset(make.root / ".cache")) == 1


def test_hidden_images_alone_make_no_data_set(make):
    make.image("images/.hidden/a.jpg")
    make.text("labels/.hidden/a.txt", "0 0.5 0.5 0.5 0.5")
    with pytest.raises(UserError, match="not recognised as a data set"):
        open_dataset(make.root)


def test_a_wrong_path_is_shown_in_full(make):
    make.yolo({"a": ""}, train="nowhere", val="images")
    with pytest.raises(UserError, match=r"data\.yaml: there is no /.*/nowhere; fix the path"):
        open_dataset(make.root)


def test_pixels_instead_of_fractions_are_told(make, kinds):
    make.yolo({"a": "0 32 24 10 10\n0 0.5 0.5 0.5 0.5"})
    dataset = open_dataset(make.root)
    assert len(dataset[0]) == 1
    assert "holds pixels or per cent, not fractions" in str(dataset.findings[0])


@pytest.mark.parametrize("other", ["images/cover", "images/extra/c", "images/unlabelled/deep/d"])
def test_an_image_in_no_split_does_not_undo_the_splits(make, other):
    for name in ("train/a", "val/b"):
        make.image(f"images/{name}.jpg")
        make.text(f"labels/{name}.txt", "0 0.5 0.5 0.25 0.25")
    make.image(f"{other}.jpg")
    dataset = open_dataset(make.root)
    assert len(dataset) == 3
    members = {
        name: [dataset[row].path.stem for row in rows] for name, rows in dataset.splits.items()
    }
    assert members == {"train": ["a"], "val": ["b"]}


@pytest.mark.parametrize("place", ["train/classes.txt", "train/labels/classes.txt", "classes.txt"])
def test_splits_share_their_names(make, place):
    for split in ("train", "val"):
        make.image(f"{split}/images/a.jpg")
        make.text(f"{split}/labels/a.txt", "0 0.5 0.5 0.25 0.25")
    make.text(place, "cell\n")
    assert open_dataset(make.root).classes.names == ("cell",)
