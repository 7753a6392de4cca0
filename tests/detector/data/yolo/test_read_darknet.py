"""Darknet's folders as CVAT, datumaro, FiftyOne and Roboflow write them."""

import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

LINE = "0 0.5 0.5 0.5 0.5\n"
CONFIG = (
    "classes = 2\ntrain = {0}train.txt\nvalid = {0}valid.txt\nnames = {0}obj.names\nbackup = x/"
)


def darknet(make, prefix="data/", config=CONFIG):
    """Two images, a in train and b in valid, with `prefix` in front of all paths."""
    for part, stem in (("train", "a"), ("valid", "b")):
        make.image(f"obj_{part}_data/{stem}.jpg")
        make.text(f"obj_{part}_data/{stem}.txt", LINE)
        make.text(f"{part}.txt", f"{prefix}obj_{part}_data/{stem}.jpg\n")
    make.text("obj.names", "cat\ndust bin\n")
    if config:
        make.text("obj.data", config.format(prefix))
    return make.root


def splits_of(dataset):
    return {name: [dataset[row].path.name for row in rows] for name, rows in dataset.splits.items()}


@pytest.mark.parametrize(
    "prefix", ["data/", "", "build/darknet/x64/data/", "C:\\set\\", "/content/set/", "./"]
)
def test_splits_and_names(make, prefix):
    dataset = open_dataset(darknet(make, prefix, CONFIG.replace("{0}", "data/")))
    assert splits_of(dataset) == {"train": ["a.jpg"], "valid": ["b.jpg"]}
    assert dataset.classes.names == ("cat", "dust bin")
    assert not dataset.findings


def test_the_data_file_is_the_data_set(make):
    assert splits_of(open_dataset(darknet(make) / "obj.data"))["valid"] == ["b.jpg"]


def test_without_a_data_file_lists_tell_the_splits(make):
    assert splits_of(open_dataset(darknet(make, config="")))["valid"] == ["b.jpg"]


def test_images_of_one_name_in_two_splits_stay_apart(make):
    darknet(make)
    for part in ("train", "valid"):
        make.image(f"obj_{part}_data/same.jpg")
        make.text(f"obj_{part}_data/same.txt", LINE * (2 if part == "valid" else 1))
        make.text(f"{part}.txt", f"data/obj_{part}_data/same.jpg\n")
    assert [len(sample) for sample in open_dataset(make.root)] == [1, 2]


def test_fiftyones_list_of_all_images(make):
    for stem in ("a", "b"):
        make.image(f"data/{stem}.jpg")
        make.text(f"data/{stem}.txt", LINE)
    make.text("images.txt", "data/a.jpg\ndata/b.jpg\n")
    make.text("obj.names", "cat\n")
    dataset = open_dataset(make.root)
    assert (len(dataset), dataset.classes.names, dataset.splits) == (2, ("cat",), {})


def test_roboflow_has_names_in_each_split(make):
    for part in ("train", "valid"):
        make.image(f"{part}/{part}.jpg")
        make.text(f"{part}/{part}.txt", "1 0.5 0.5 0.5 0.5")
        make.text(f"{part}/_darknet.labels", "cat\ndust bin\n")
    dataset = open_dataset(make.root)
    assert splits_of(dataset) == {"train": ["train.jpg"], "valid": ["valid.jpg"]}
    assert dataset.classes.names == ("cat", "dust bin")
    assert not dataset.notes


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_files_with_a_mark(make, encoding):
    darknet(make)
    for path in make.root.rglob("*.*"):
        if path.suffix in (".txt", ".names"):
            mark = "\ufeff" if encoding == "utf-16-le" else ""
            path.write_text(mark + path.read_text(), encoding=encoding)
    dataset = open_dataset(make.root)
    assert dataset.classes.names == ("cat", "dust bin")
    assert [len(sample) for sample in dataset] == [1, 1]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            "names = data/gone.names\ntrain = train.txt",
            r"there is no data/gone\.names; fix the path",
        ),
        ("names = obj.names\ntrain = gone.txt", r"there is no gone\.txt; fix the path"),
    ],
)
def test_a_missing_file_is_named(make, config, says):
    with pytest.raises(UserError, match=says):
        open_dataset(darknet(make, config=config))


def test_listed_images_that_are_not_there_are_told(make, kinds):
    darknet(make)
    make.text("train.txt", "data/obj_train_data/a.jpg\ndata/obj_train_data/ghost.jpg\n")
    dataset = open_dataset(make.root)
    assert kinds(dataset) == ["missing-picture"]
    assert "obj_train_data/ghost.jpg" in str(dataset.findings[0])
