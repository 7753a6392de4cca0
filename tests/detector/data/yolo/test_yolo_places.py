"""YOLO folders as tools lay them out, and paths that were true on another machine."""

import json

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

LINE = "0 0.3125 0.416667 0.375 0.5\n"
BOX = [8, 8, 32, 32]  # of 64 x 48


def place(make, *places):
    """Images and label files: `labels` in a path for its last `images`, else beside."""
    for where in places:
        make.image(f"{where}.jpg")
        above, images, below = where.rpartition("images/")
        make.text(f"{above}{'labels/' if images else ''}{below}.txt", LINE)
    return make.root


def splits_of(dataset):
    return {name: [dataset[row].path.stem for row in rows] for name, rows in dataset.splits.items()}


def check(dataset, names, splits):
    """Classes and splits, and that each image has its box."""
    assert dataset.classes.names == names
    assert splits_of(dataset) == splits
    for sample in dataset:
        np.testing.assert_allclose(sample.boxes, [BOX], atol=1e-3)
    assert not dataset.findings


def test_label_studio(make):
    place(make, "images/a")
    make.text("classes.txt", "cell\n")
    make.text("notes.json", json.dumps({"categories": [{"id": 0, "name": "cell"}], "info": {}}))
    check(open_dataset(make.root), ("cell",), {})


@pytest.mark.parametrize(
    ("classes", "wanted", "says"),
    [
        pytest.param("cell\ndust bin\n", ("cell", "dust bin"), None, id="the same"),
        pytest.param(
            "dust bin\ncell\n", ("dust bin", "cell"), "name different classes", id="other"
        ),
        pytest.param("", ("cell", "dust bin"), None, id="alone"),
    ],
)
def test_what_label_studio_notes_agrees_with_its_names(make, classes, wanted, says):
    place(make, "images/a")
    if classes:
        make.text("classes.txt", classes)
    noted = [{"id": 1, "name": "dust bin"}, {"id": 0, "name": "cell"}]
    make.text("notes.json", json.dumps({"categories": noted}))
    dataset = open_dataset(make.root)
    assert dataset.classes.names == wanted
    assert [says in note for note in dataset.notes] == ([True] if says else [])


@pytest.mark.parametrize("prefix", ["data/", "", "./", "/home/django/data/", "D:\\set\\"])
def test_cvat_lists_with_a_folder_in_front(make, prefix):
    place(make, "images/train/a", "images/Validation/b")
    make.text("train.txt", f"{prefix}images/train/a.jpg\n")
    make.text("Validation.txt", f"{prefix}images/Validation/b.jpg\n")
    text = "names:\n  0: cell\npath: .\ntrain: {0}train.txt\nValidation: {0}Validation.txt\n"
    make.text("data.yaml", text.format("data/" if prefix == "data/" else ""))
    check(open_dataset(make.root), ("cell",), {"train": ["a"], "Validation": ["b"]})


def test_a_list_of_train_alone_splits_nothing(make):
    place(make, "images/train/a")
    make.text("train.txt", "data/images/train/a.jpg\n")
    make.text("data.yaml", "names:\n  0: cell\npath: .\ntrain: train.txt\n")
    check(open_dataset(make.root), ("cell",), {})


@pytest.mark.parametrize(
    ("places", "splits"),
    [
        pytest.param(["images/a", "images/b"], {}, id="one folder"),
        pytest.param(
            ["train/images/a", "val/images/b"], {"train": ["a"], "val": ["b"]}, id="splits outside"
        ),
        pytest.param(
            ["images/train/a", "images/val/b"], {"train": ["a"], "val": ["b"]}, id="splits inside"
        ),
        pytest.param(["train/a", "test/b"], {"train": ["a"], "test": ["b"]}, id="side by side"),
    ],
)
def test_a_yaml_with_names_only(make, places, splits):
    place(make, *places)
    make.text("data.yaml", "nc: 1\nnames: [cell]\n")
    check(open_dataset(make.root), ("cell",), splits)
    check(open_dataset(make.root / "data.yaml"), ("cell",), splits)


def test_a_yaml_of_another_program_that_has_names_does_not_matter(make, obj):
    make.voc("a")
    make.text("metadata.yaml", "names: {0: person}\nstride: 32\n")
    assert open_dataset(make.root).classes.names == ("cat",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train: ../train/images\nval: ../train/images\nnc: 1\n", "names no classes (names:)"),
        ("train: ../train/images\nval: ../train/images\n", "has no class names"),
        ("train: train/images\nval: train/images\nnames:\nnc: 1\n", "names no classes (names:)"),
    ],
)
def test_a_yaml_without_names_numbers_the_classes_and_says_so(make, text, says):
    place(make, "train/images/a")
    path = make.text("data.yaml", text)
    for data in (path, make.root):
        dataset = open_dataset(data)
        check(dataset, ("class_0",), {})
        assert says in dataset.notes[0]


@pytest.mark.parametrize("count", ["-1", "1e12", "many"])
def test_a_count_that_is_a_slip_numbers_nothing(make, count):
    place(make, "images/a")
    make.text("data.yaml", f"train: images\nval: images\nnc: {count}\n")
    check(open_dataset(make.root), ("class_0",), {})


@pytest.mark.parametrize(
    "text",
    [
        "train: images/train\nval: images/val\nnames: {0: cell}",
        "path: .\ntrain: ./images/train/\nval: ./images/val/\nnames: {'0': cell}",
        "path: /content/set\ntrain: images/train\nval: images/val\nnames: [cell]",
        "path: ../datasets/coco8\ntrain: images/train\nval: images/val\nnames: [cell]",
        "path: C:\\set\ntrain: images\\train\nval: images\\val\nnames: [cell]",
        "train: /content/set/images/train\nval: /content/set/images/val\nnames: [cell]",
        "train: [images/train]\nval: ['images/val']\nnames: [cell]",
        "path: ..\ntrain: former/images/train\nval: former/images/val\nnames: [cell]",
        "train: ../images/train\nval: ../images/val\nnames: [cell]\ntest: ../images/test",
        "train: images/train\nvalidation: images/val\nnames: [cell]",
        "train: train.txt\nval: val.txt\nnames: [cell]",
    ],
)
def test_paths_that_were_true_elsewhere(make, text):
    place(make, "images/train/a", "images/val/b")
    make.text("train.txt", "./images/train/a.jpg\n")
    make.text("val.txt", "/home/other/set/images/val/b.jpg\n")
    make.text("data.yaml", text)
    val = "validation" if "validation" in text else "val"
    check(open_dataset(make.root), ("cell",), {"train": ["a"], val: ["b"]})


def test_a_yaml_beside_the_folder_that_it_names(make):
    place(make, "coco8/images/train/a", "coco8/images/val/b")
    make.text("coco8.yaml", "path: coco8\ntrain: images/train\nval: images/val\nnames: [cell]\n")
    check(open_dataset(make.root / "coco8.yaml"), ("cell",), {"train": ["a"], "val": ["b"]})


@pytest.mark.parametrize("val", ["/content/val/images", "valid/images", "mine/pixels", "set/val"])
def test_a_missing_split_is_never_taken_from_another(make, val):
    place(make, "images/a", "pixels/a")
    make.text("data.yaml", f"train: images\nval: {val}\nnames: [cell]\n")
    with pytest.raises(UserError, match=rf"there is no .*{val}; fix the path"):
        open_dataset(make.root)


def test_a_test_split_that_is_not_there_is_left_out_and_told(make):
    place(make, "train/images/a", "valid/images/b")
    text = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnames: [cell]\n"
    dataset = open_dataset(make.text("data.yaml", text))
    check(dataset, ("cell",), {"train": ["a"], "val": ["b"]})
    assert "names a test split, but there is no" in dataset.notes[0]


def test_a_list_of_several_places(make):
    place(make, "one/images/a", "two/images/b", "images/val/c")
    make.text("data.yaml", "train: [one/images, two/images]\nval: images/val\nnames: [cell]\n")
    check(open_dataset(make.root), ("cell",), {"train": ["a", "b"], "val": ["c"]})


def test_no_image_of_a_list_is_there(make):
    place(make, "images/a")
    make.text("train.txt", "ghost.jpg\nphantom.jpg\n")
    make.text("data.yaml", "train: train.txt\nval: images\nnames: [cell]\n")
    with pytest.raises(UserError, match=r"none of its 2 images of train can be read, .*ghost\.jpg"):
        open_dataset(make.root)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("[cell, dust bin]", ("cell", "dust bin")),
        ("{1: dust bin, 0: cell}", ("cell", "dust bin")),
        ("{'0': cell, '1': dust bin}", ("cell", "dust bin")),
        ("['010', yes]", ("010", "yes")),
    ],
)
@pytest.mark.parametrize("count", [2, "'2'", 5])
def test_names_and_their_count(make, names, wanted, count):
    make.yolo({"a": "1 0.5 0.5 0.5 0.5"})
    path = make.text("data.yaml", f"train: images\nval: images\nnames: {names}\nnc: {count}\n")
    dataset = open_dataset(path)
    assert dataset.classes.names == wanted
    said = (f"{path} says nc: 5, but has 2 names: the names count",)
    assert dataset.notes == (said if count == 5 else ())


@pytest.mark.parametrize("suffix", [".JPG", ".Jpeg", ".PNG"])
def test_upper_case_suffixes(make, suffix):
    make.yolo({})
    make.image(f"images/a{suffix}")
    make.text("labels/a.txt", LINE)
    check(open_dataset(make.root), ("cat", "dog"), {})


@pytest.mark.parametrize("index", ["0", "0.0", "0.0000", "00"])
def test_a_class_index_may_be_written_as_a_float(make, index):
    make.yolo({"a": f"{index} {LINE[2:]}"})
    check(open_dataset(make.root), ("cat", "dog"), {})


@pytest.mark.parametrize("place_of_names", ["labels/train/classes.txt", "labels/classes.txt"])
def test_names_among_the_labels(make, place_of_names):
    place(make, "images/train/a", "images/val/b")
    make.text(place_of_names, "cell\n")
    check(open_dataset(make.root), ("cell",), {"train": ["a"], "val": ["b"]})


def test_names_above_the_folders_of_splits(make):
    place(make, "train/images/a", "val/images/b")
    make.text("classes.txt", "cell\n")
    check(open_dataset(make.root), ("cell",), {"train": ["a"], "val": ["b"]})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_with_a_mark(make, encoding):
    place(make, "images/train/a", "images/val/b")
    make.text("train.txt", "./images/train/a.jpg\n")
    make.text("data.yaml", "train: train.txt\nval: images/val\nnames: [Käse]\n")
    for path in (*make.root.rglob("*.txt"), make.root / "data.yaml"):
        path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
    check(open_dataset(make.root), ("Käse",), {"train": ["a"], "val": ["b"]})
