import numpy as np
import pytest

from detector.data.open import open_dataset

HEAD = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsGroupOf"


@pytest.fixture
def boxes(make):
    """Writes a CSV of boxes: `boxes("a,xclick,/m/1,1,0.25,0.5,0.5,0.75,0,0", ..., name=...)`."""

    def write(*rows, name="train-annotations-bbox.csv", head=HEAD):
        return make.text(name, "\n".join([head, *rows]) + "\n")

    return write


ROW = "a,xclick,/m/1,1,0.25,0.5,0.5,0.75,0,0"


def test_fractions_of_the_image_that_the_id_names(make, boxes):
    make.image("train/a.jpg")
    path = boxes(ROW, "a,xclick,/m/2,1,0,1,0,1,1,1")
    make.text("class-descriptions-boxable.csv", "/m/1,Cell\n/m/2,Dust bin\n/m/3,Other\n")
    for data in (path, make.root):
        dataset = open_dataset(data)
        assert dataset.form == "Open Images"
        assert dataset.classes.names == ("Cell", "Dust bin")
        np.testing.assert_array_equal(dataset[0].boxes, [[16, 24, 32, 36], [0, 0, 64, 48]])
        assert dataset[0].is_crowd.tolist() == [False, True]
        assert not dataset.findings


def test_columns_in_another_order_and_no_names(make, boxes):
    make.image("images/a.jpg")
    boxes("0.5,0.25,0.75,0.5,cell,a", head="YMin,XMin,YMax,XMax,LabelName,ImageID")
    dataset = open_dataset(make.root)
    assert dataset.classes.names == ("cell",)
    assert dataset[0].boxes.tolist() == [[16, 24, 32, 36]]


def test_ids_with_a_suffix(make, boxes):
    """As globox writes them."""
    make.image("images/a.jpg")
    boxes(ROW.replace("a,", "a.jpg,", 1), name="annotations.csv")
    assert open_dataset(make.root)[0].image_id == "a"


def test_a_csv_for_each_split(make, boxes):
    make.image("images/train/a.jpg")
    make.image("images/validation/a.jpg")
    boxes(ROW, name="annotations/oidv6-train-annotations-bbox.csv")
    boxes(ROW, name="annotations/validation-annotations-bbox.csv")
    dataset = open_dataset(make.root)
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train": [0],
        "validation": [1],
    }
    assert [sample.path.parent.name for sample in dataset] == ["train", "validation"]


def test_fiftyones_folders(make, boxes):
    for split in ("train", "test"):
        make.image(f"{split}/data/{split}.jpg")
        row = ROW.replace("a,", f"{split},", 1)
        boxes(row, name=f"{split}/labels/detections.csv")
        make.text(f"{split}/metadata/classes.csv", "/m/1,Cell\n")
    dataset = open_dataset(make.root)
    assert list(dataset.splits) == ["train", "test"]
    assert dataset.classes.names == ("Cell",)


def test_a_listed_image_without_a_box_is_a_negative(make, boxes, kinds):
    for name in ("a", "b", "c"):
        make.image(f"images/{name}.jpg")
    boxes(ROW)
    make.text("train-images-boxable.csv", "ImageID,Subset\na,train\nb,train\ngone,train\n")
    dataset = open_dataset(make.root)
    assert [sample.image_id for sample in dataset] == ["a", "b"]
    assert kinds(dataset) == ["missing-annotation"]


def test_of_a_part_of_the_images_one_finding_counts_the_rest(make, boxes, kinds):
    make.image("images/a.jpg")
    boxes(ROW, *(ROW.replace("a,", f"x{i},", 1) for i in range(5)))
    dataset = open_dataset(make.root)
    assert kinds(dataset) == ["missing-picture"]
    assert "5 images with boxes not there, such as image x0" in str(dataset.findings[0])


@pytest.mark.parametrize(
    "wrong",
    [
        "a,xclick,/m/1,1,left,0.5,0.5,0.75,0,0",
        "a,xclick,,1,0.25,0.5,0.5,0.75,0,0",
        "a,xclick,/m/1,1,0.25",
    ],
)
def test_a_row_without_a_box_is_left_out_and_told(make, boxes, kinds, wrong):
    make.image("images/a.jpg")
    boxes(ROW, wrong)
    dataset = open_dataset(make.root)
    assert len(dataset[0]) == 1
    assert kinds(dataset) == ["bad-object"]


@pytest.mark.parametrize("stray", ["a,b\n1,2\n", "", "ImageID,LabelName\na,/m/1\n"])
def test_a_stray_csv_claims_nothing(make, stray):
    make.voc("a")
    make.text("Annotations/x.csv", stray)
    make.text("x.csv", stray)
    assert open_dataset(make.root).form == "VOC"


def test_a_stray_csv_beside_yolo(make):
    make.yolo({"a": "0 0.5 0.5 0.5 0.5"})
    (make.root / "data.yaml").unlink()
    make.text("results.csv", "epoch,loss\n1,2\n")
    assert open_dataset(make.root).form == "YOLO"
