"""Data sets read as annotated: images need not be there, and frames are the annotations' own."""

import json

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.data.open import open_dataset
from detector.images import images_below

SIZED = (
    "datumaro-1.13.12/coco",
    "datumaro-1.13.12/cvat",
    "datumaro-1.13.12/datumaro",
    "datumaro-1.13.12/voc_detection",
    "fiftyone-1.22.1/voc",
    "globox-2.9.0/via",
    "label-studio-sdk-2.1.2/json",
    "labelImg-1.8.6/createml",
    "labelme-6.3.1/labelme",
    "pylabel-0.1.55/voc",
    "supervision-0.31.2/coco",
)
FRACTIONS = (
    "datumaro-1.13.12/yolo",
    "datumaro-1.13.12/yolo_ultralytics",
    "fiftyone-1.22.1/fiftyone-detection",
    "globox-2.9.0/openimages",
)


def without_images(folder):
    for image in list(images_below(folder)):
        image.unlink()
    return folder


@pytest.mark.parametrize("form", SIZED)
def test_what_has_pixels_is_the_same_without_images(form, written):
    folder = written(form)
    whole = open_dataset(folder)
    bare = open_dataset(without_images(folder), as_annotated=True)
    assert [one.image_id for one in bare] == [one.image_id for one in whole]
    for sample, there in zip(bare, whole, strict=True):
        np.testing.assert_array_equal(sample.boxes, there.boxes)
        assert sample.labels.tolist() == there.labels.tolist()
    assert {name: len(rows) for name, rows in bare.splits.items()} == {
        name: len(rows) for name, rows in whole.splits.items()
    }
    assert not bare.unmeasured


@pytest.mark.parametrize("form", FRACTIONS)
def test_what_has_fractions_is_unmeasured_without_images(form, written):
    folder = written(form)
    whole = open_dataset(folder)
    bare = open_dataset(without_images(folder), as_annotated=True)
    assert len(bare) == len(whole)
    lacking = {one.path for one, there in zip(bare, whole, strict=True) if len(there)}
    assert bare.unmeasured >= lacking
    assert not sum(len(sample) for sample in bare)


def test_one_image_that_is_missing_keeps_its_objects(make):
    data = make.coco()
    (make.root / "two.jpg").unlink()
    assert [one.image_id for one in open_dataset(data)] == [7]
    dataset = open_dataset(data, as_annotated=True)
    assert [(one.image_id, len(one)) for one in dataset] == [(7, 1), (3, 2)]
    assert (dataset[1].width, dataset[1].height) == (64, 48)
    assert dataset[1].path == make.root / "two.jpg"


def test_an_image_without_a_file_name_is_one_too(make):
    images = [{"id": 7, "file_name": "one.jpg"}, {"id": 3, "width": 64, "height": 48}]
    dataset = open_dataset(make.coco(images=images), as_annotated=True)
    assert [(one.image_id, len(one)) for one in dataset] == [(7, 1), (3, 2)]


def test_an_image_in_either_of_two_folders_is_taken_from_neither(make):
    data = make.coco(images=[{"id": 7, "file_name": "c.jpg"}, {"id": 3, "file_name": "d.jpg"}])
    for folder in ("left", "right"):
        make.image(f"{folder}/c.jpg")
        make.image(f"{folder}/d.jpg")
    with pytest.raises(UserError, match="name one with --images"):
        open_dataset(data)
    dataset = open_dataset(data, as_annotated=True)
    assert not any(sample.path.exists() for sample in dataset)


def test_an_annotation_whose_image_is_another_s_stands_for_itself(make, obj):
    make.voc("a", "b")
    make.xml("Annotations/c.xml", obj("cat", 1, 1, 9, 9), filename="a.jpg")
    assert len(open_dataset(make.root)) == 2
    dataset = open_dataset(make.root, as_annotated=True)
    assert [one.image_id for one in dataset] == ["a", "b", "c"]
    assert not dataset[2].path.exists()


def test_listed_images_without_an_xml_count_where_no_image_is_there(make):
    make.voc("a", "b", train="a", val="b c")
    assert len(open_dataset(f"{make.root}:val")) == 1
    assert len(open_dataset(f"{make.root}:val", as_annotated=True)) == 1  # c was taken out
    without_images(make.root)
    assert [len(one) for one in open_dataset(f"{make.root}:val", as_annotated=True)] == [1, 0]


@pytest.mark.parametrize("form", ["VOC", "LabelMe"])
def test_boxes_stay_in_the_frame_that_they_were_drawn_in(make, obj, form):
    make.image("JPEGImages/a.jpg", orientation=6)  # stored 64 x 48, upright 48 x 64
    if form == "VOC":
        make.xml("Annotations/a.xml", obj("cat", 0, 0, 10, 48), size=(64, 48))
    else:
        shape = {"label": "cat", "points": [[0, 0], [10, 48]], "shape_type": "rectangle"}
        content = {"shapes": [shape], "imagePath": "a.jpg", "imageWidth": 64, "imageHeight": 48}
        make.text("JPEGImages/a.json", json.dumps(content))
    assert open_dataset(make.root)[0].boxes.tolist() == [[0, 0, 48, 10]]
    sample = open_dataset(make.root, as_annotated=True)[0]
    assert sample.boxes.tolist() == [[0, 0, 10, 48]]
    assert (sample.width, sample.height) == (64, 48)


def test_fractions_of_an_image_on_its_side_stay_too(make):
    make.image("a.jpg", orientation=6)
    value = {"x": 0, "y": 0, "width": 50, "height": 100, "rectanglelabels": ["cat"]}
    result = {"type": "rectanglelabels", "original_width": 64, "original_height": 48}
    task = {"data": {"image": "a.jpg"}, "annotations": [{"result": [{**result, "value": value}]}]}
    make.text("tasks.json", json.dumps([task]))
    assert open_dataset(make.root)[0].boxes.tolist() == [[0, 0, 48, 32]]
    assert open_dataset(make.root, as_annotated=True)[0].boxes.tolist() == [[0, 0, 32, 48]]


def test_a_broken_image_of_yolo_is_unmeasured(make):
    make.yolo({"a": "0 0.5 0.5 0.5 0.5\n", "b": "1 0.5 0.5 0.5 0.5\n"})
    broken = make.root / "images/b.jpg"
    broken.write_bytes(b"broken")
    dataset = open_dataset(make.root, as_annotated=True)
    assert [len(one) for one in dataset] == [1, 0]
    assert dataset.unmeasured == {broken}
    Image.new("RGB", (64, 48)).save(broken)
    assert not open_dataset(make.root, as_annotated=True).unmeasured
