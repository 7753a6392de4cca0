"""Data sets of parts, each a split."""

import json
import shutil

import pytest

from configs.errors import UserError
from detector.data.open import open_dataset


def test_a_folder_of_jsons_has_one_split_per_file(make):
    make.coco(name="annotations/instances_train2017.json")
    make.coco(name="annotations/instances_val2017.json")
    for split in ("train2017", "val2017"):
        shutil.copytree(make.root / "annotations", make.root / split)
        for file in ("one.jpg", "two.jpg"):
            make.image(f"{split}/{file}")
    dataset = open_dataset(make.root)
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train2017": [0, 1],
        "val2017": [2, 3],
    }
    only = open_dataset(f"{make.root}:val")
    assert [sample.path.parent.name for sample in only] == ["val2017", "val2017"]
    assert only.name.endswith(":val")


def test_a_folder_per_split(make, obj):
    """As Roboflow exports: each split holds images and XML side by side."""
    for split, name in (("train", "dog"), ("valid", "cat")):
        make.image(f"{split}/{name}.jpg")
        make.xml(f"{split}/{name}.xml", obj(name, 1, 1, 9, 9))
    dataset = open_dataset(make.root)
    assert dataset.classes.names == ("cat", "dog")
    assert [sample.labels.tolist() for sample in dataset] == [[1], [0]]
    # The labels of one split alone are those of the whole.
    assert open_dataset(f"{make.root}:val")[0].labels.tolist() == [0]
    assert open_dataset(f"{make.root}:train")[0].labels.tolist() == [1]


def test_a_yaml_that_names_parts(make):
    make.voc("a", "b", "c", train="a b", val="c")
    shutil.move(make.root / "Annotations", make.root / "voc/Annotations")
    shutil.move(make.root / "JPEGImages", make.root / "voc/JPEGImages")
    shutil.move(make.root / "ImageSets", make.root / "voc/ImageSets")
    path = make.text("mine.yaml", "train: voc:train\nval: voc:val\n")
    dataset = open_dataset(path)
    assert [sample.image_id for sample in dataset] == ["a", "b", "c"]
    assert [sample.image_id for sample in open_dataset(f"{path}:val")] == ["c"]


@pytest.mark.parametrize("form", ["voc", "labelme", "create_ml"])
def test_a_part_of_negatives_alone_has_the_classes_of_the_others(make, obj, form):
    for name in ("train/a", "val/b"):
        make.image(f"{name}.jpg")
        is_empty = name == "val/b"
        if form == "voc":
            make.xml(f"{name}.xml", *([] if is_empty else [obj("cat", 1, 1, 9, 9)]))
        elif form == "labelme":
            shape = {"label": "cat", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"}
            content = {"shapes": [] if is_empty else [shape], "imagePath": f"{name[-1]}.jpg"}
            make.text(f"{name}.json", json.dumps(content))
        else:
            box = {"x": 5, "y": 5, "width": 8, "height": 8}
            objects = [] if is_empty else [{"label": "cat", "coordinates": box}]
            entry = {"image": f"{name[-1]}.jpg", "annotations": objects}
            make.text(f"{name}.json", json.dumps([entry]))
    dataset = open_dataset(make.root)
    assert dataset.classes.names == ("cat",)
    assert [len(sample) for sample in dataset] == [1, 0]
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train": [0],
        "val": [1],
    }
    assert len(open_dataset(f"{make.root}:val")) == 1


def test_parts_of_negatives_alone_have_no_class(make):
    for name in ("train/a", "val/b"):
        make.image(f"{name}.jpg")
        make.xml(f"{name}.xml")
    with pytest.raises(UserError, match="train: no annotation holds an object"):
        open_dataset(make.root)


@pytest.mark.parametrize("place", ["train/{}", "Training/{}", "images/train/{}"])
def test_a_train_alone_is_split(make, obj, place):
    """As Roboflow exports it where nothing was split off."""
    for name in ("a", "b"):
        stem = place.format(name)
        make.image(f"{stem}.jpg")
        make.xml(f"{stem.replace('images', 'annotations')}.xml", obj("cat", 1, 1, 9, 9))
    assert open_dataset(make.root).splits == {}
    assert [len(open_dataset(f"{make.root}:{part}")) for part in ("train", "val")] == [1, 1]


@pytest.mark.parametrize("part", ["val", "valid", "test"])
def test_any_other_part_alone_is_that_part(make, obj, part):
    make.image(f"{part}/a.jpg")
    make.xml(f"{part}/a.xml", obj("cat", 1, 1, 9, 9))
    assert len(open_dataset(f"{make.root}:{part}")) == 1
    with pytest.raises(UserError, match="has no split 'train'"):
        open_dataset(f"{make.root}:train")


@pytest.mark.parametrize("part", ["val", "valid", "test"])
def test_a_part_without_annotations_is_told_and_nothing_takes_its_place(make, obj, part):
    make.image("train/a.jpg")
    make.xml("train/a.xml", obj("cat", 1, 1, 9, 9))
    make.image(f"{part}/b.jpg")
    dataset = open_dataset(make.root)
    assert [*dataset.splits] == ["train"]
    assert dataset.notes[-1].endswith(
        f"{part} holds images, and no annotations that are read: left out"
    )


@pytest.mark.parametrize("lists", ["train: [a, b]\n", "train: a\nval: [b]\n", "test: [a, b]\n"])
def test_a_part_is_one_data_set(make, obj, lists):
    for name in ("a", "b"):
        make.image(f"{name}/{name}.jpg")
        make.xml(f"{name}/{name}.xml", obj("cat", 1, 1, 9, 9))
    with pytest.raises(UserError, match="lists several places; a part is one data set"):
        open_dataset(make.text("parts.yaml", lists))
