"""Other tools' forms through `convert`'s writer: what they hold is in the COCO that comes out."""

import json

import numpy as np
import pytest

from detector.data.open import open_dataset
from detector.data.write import write_dataset


@pytest.fixture
def labelme(make):
    """Two files of LabelMe in parts, one with an outline and a description."""
    make.image("train/a.jpg")
    make.image("val/b.jpg")
    outline = {"label": "cell", "points": [[1, 1], [30, 1.5], [9, 40]], "shape_type": "polygon"}
    box = {"label": "bin", "points": [[5.25, 6], [7, 9]], "shape_type": "rectangle"}
    for place, shapes in (("train/a", [{**outline, "description": "torn"}, box]), ("val/b", [box])):
        name = f"{place.rpartition('/')[2]}.jpg"
        make.text(f"{place}.json", json.dumps({"shapes": shapes, "imagePath": name}))
    return make.root


def test_outlines_and_details_are_in_coco(labelme, tmp_path):
    dataset = open_dataset(labelme, details=True)
    write_dataset(dataset, tmp_path / "out", "coco")
    content = json.loads((tmp_path / "out/annotations/instances_train.json").read_text())
    first, second = content["annotations"]
    assert first["segmentation"] == [[1, 1, 30, 1.5, 9, 40]]
    assert first["bbox"] == [1, 1, 29, 39]
    assert first["description"] == "torn"
    assert "segmentation" not in second
    again = open_dataset(tmp_path / "out")
    assert list(again.splits) == ["train", "val"]
    for before, after in zip(dataset, again, strict=True):
        np.testing.assert_array_equal(before.boxes, after.boxes)


@pytest.mark.parametrize("target", ["voc", "yolo"])
def test_boxes_are_in_the_other_forms_too(labelme, tmp_path, target):
    dataset = open_dataset(labelme, details=True)
    write_dataset(dataset, tmp_path / "out", target)
    again = open_dataset(tmp_path / "out")
    boxes = {sample.path.name: sample.boxes for sample in again}
    for sample in dataset:
        np.testing.assert_allclose(boxes[sample.path.name], sample.boxes, atol=1e-4)


def test_outlines_in_fractions_become_pixels(make, tmp_path):
    make.image("images/a.jpg")
    value = {"points": [[25, 50], [50, 50], [25, 75]], "polygonlabels": ["cell"]}
    task = {"data": {"image": "a.jpg"}, "annotations": [{"result": [{"value": value}]}]}
    make.text("result.json", json.dumps([task]))
    write_dataset(open_dataset(make.root, details=True), tmp_path / "out", "coco")
    content = json.loads((tmp_path / "out/annotations/instances.json").read_text())
    assert content["annotations"][0]["segmentation"] == [[16, 24, 32, 24, 16, 36]]


def test_without_details_there_are_none(labelme):
    assert open_dataset(labelme)[0].details == ()
