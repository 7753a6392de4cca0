"""There and back: what a form can hold comes through bit for bit."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset
from detector.data.write import write_dataset

REAL = ["bccd", "raccoon", "VOCdevkit/VOC2012", "coco"]


def by_name(dataset):
    return {sample.path.name: sample for sample in dataset}


def content(path):
    return hashlib.sha256(path.read_bytes()).digest()


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
@pytest.mark.parametrize("data", REAL)
def test_real_data_there_and_back(test_data, tmp_path, data, form):
    before = open_dataset(test_data / "data" / data, details=True)
    write_dataset(before, tmp_path / "new", form)
    after = open_dataset(tmp_path / "new", details=True)
    assert not after.findings
    written = by_name(after)
    assert set(by_name(before)) == set(written)
    for name, old in by_name(before).items():
        new = written[name]
        if form == "yolo":
            old = old.objects(~old.is_crowd)
        np.testing.assert_array_equal(new.boxes, old.boxes)
        assert [after.classes.names[i] for i in new.labels] == [
            before.classes.names[i] for i in old.labels
        ]
        assert (new.height, new.width) == (old.height, old.width)
        assert content(new.path) == content(old.path)
        if form == "coco":
            np.testing.assert_array_equal(new.is_crowd, old.is_crowd)
            np.testing.assert_array_equal(new.areas, old.areas)
        if form != "yolo":
            np.testing.assert_array_equal(new.is_difficult, old.is_difficult | _marked(old, form))


def _marked(sample, form):
    return sample.is_crowd if form == "voc" else np.zeros(len(sample), bool)


def test_coco_to_coco_is_the_same_json(test_data, tmp_path):
    """Ids with gaps, outlines, licences, areas and supercategories included."""
    source = test_data / "data/coco/annotations/instances_val2017.json"
    write_dataset(open_dataset(source, details=True), tmp_path / "new", "coco")
    old = json.loads(source.read_text())
    new = json.loads((tmp_path / "new/annotations/instances.json").read_text())

    def by_id(entries):
        return {entry["id"]: entry for entry in entries}

    assert set(old) == set(new)
    for part in ("images", "annotations", "categories"):
        assert by_id(old[part]) == by_id(new[part])
    assert (old["info"], old["licenses"]) == (new["info"], new["licenses"])


def test_voc_through_coco_and_back_keeps_flags_and_poses(make, obj, tmp_path):
    make.voc("a", "b", train="a", val="b")
    extra = "<pose>Left</pose><truncated>1</truncated><occluded>0</occluded>"
    difficult = obj("dog", "1.5", 2, 30, 40, extra + "<difficult>1</difficult>")
    make.xml("Annotations/a.xml", difficult, filename="a.jpg")
    write_dataset(open_dataset(make.root, details=True), tmp_path / "coco", "coco")
    write_dataset(open_dataset(tmp_path / "coco", details=True), tmp_path / "voc", "voc")
    old, new = (open_dataset(folder, details=True) for folder in (make.root, tmp_path / "voc"))
    assert {name: rows.tolist() for name, rows in new.splits.items()} == {"train": [0], "val": [1]}
    np.testing.assert_array_equal(new[0].boxes, old[0].boxes)
    assert new[0].is_difficult.tolist() == [True]
    assert dict(new[0].details[0]) == {"pose": "Left", "truncated": "1", "occluded": "0"}


def test_coco_to_coco_keeps_every_digit_and_ignore(make, ann, tmp_path):
    """Both decide in evaluation."""
    objects = [ann(1, bbox=[0.1, 1 / 3, 0.2, 1e3 / 7], ignore=1), ann(2, difficult=1), ann(3)]
    source = make.coco(annotations=objects)
    write_dataset(open_dataset(source), tmp_path / "new", "coco")
    new = json.loads((tmp_path / "new/annotations/instances.json").read_text())["annotations"]
    assert [one["bbox"] for one in new] == [one["bbox"] for one in objects]
    assert [(one.get("ignore"), one.get("difficult")) for one in new] == [
        (1, None),
        (None, 1),
        (None, None),
    ]


def test_yolo_outlines_come_back(make, tmp_path):
    make.yolo({"a": "0 0.25 0.5 0.75 0.5 0.5 0.75\n1 0.5 0.5 0.25 0.125\n"})
    write_dataset(open_dataset(make.root, details=True), tmp_path / "new", "yolo")
    text = (tmp_path / "new/labels/a.txt").read_text()
    assert text == "0 0.25 0.5 0.75 0.5 0.5 0.75\n1 0.5 0.5 0.25 0.125\n"


def test_images_of_one_name_are_kept_apart(make, obj, tmp_path):
    for split in ("train", "val"):
        make.image(f"{split}/a.jpg", seed=len(split))
        make.xml(f"{split}/a.xml", obj("cat", 1, 1, 9, 9))
    write_dataset(open_dataset(make.root), tmp_path / "new", "voc")
    assert [s.image_id for s in open_dataset(tmp_path / "new")] == ["a", "val_a"]


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
def test_names_that_are_no_utf8_get_one_that_is(make, tmp_path, form):
    """No JSON, XML or list that other tools read can hold the old one."""
    root = make.voc("a", "b")
    for stem, byte in (("a", b"\xfe"), ("b", b"\xff")):
        for path in (root / f"JPEGImages/{stem}.jpg", root / f"Annotations/{stem}.xml"):
            path.rename(path.with_stem(os.fsdecode(b"x" + byte)))
    write_dataset(open_dataset(root), tmp_path / "new", form)
    after = open_dataset(tmp_path / "new")
    assert {one.path.name for one in after} == {"x_.jpg", "JPEGImages_x_.jpg"}
    assert not after.findings


def test_what_no_split_lists_is_not_lost(make, tmp_path):
    make.voc("a", "b", "c", train="a", val="b")
    write_dataset(open_dataset(make.root), tmp_path / "new", "coco")
    assert set(open_dataset(tmp_path / "new").splits) == {"train", "val", "rest"}


OUTLINE = [5, 6, 12, 6, 12, 14, 5, 14]  # fits the box of `ann`


def notes_of(make, tmp_path, form, *annotations, **more):
    """What is said on converting a COCO JSON of these annotations."""
    more = {"categories": [{"id": 1, "name": "zebra"}, {"id": 2, "name": "cat"}], **more}
    dataset = open_dataset(make.coco(annotations=list(annotations), **more), details=True)
    return write_dataset(dataset, tmp_path / form, form)


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
def test_where_nothing_is_lost_nothing_is_said(make, ann, tmp_path, form):
    annotations = [ann(1, segmentation=[]), ann(2, segmentation=[[]]), ann(3, area=56.0001)]
    annotations += [ann(4, segmentation=[OUTLINE])] if form != "voc" else []
    assert notes_of(make, tmp_path, form, *annotations) == []


def test_what_voc_cannot_hold_is_said(make, ann, tmp_path):
    outlines = [ann(1, segmentation=[OUTLINE]), ann(2, segmentation={"counts": "abc"}), ann(3)]
    categories = [{"id": 90, "name": "zebra"}, {"id": 2, "name": "cat"}]
    assert notes_of(make, tmp_path, "voc", *outlines, ann(4, area=9), categories=categories) == [
        "VOC knows no category ids: only the names are written",
        "VOC knows no outlines: those of 2 objects are left out",
        "VOC knows no areas: those of 1 objects are left out, the box's count instead",
    ]


def test_what_yolo_cannot_hold_is_said(make, ann, tmp_path):
    pieces = ann(1, segmentation=[OUTLINE, OUTLINE], area=9)
    crowd = ann(2, segmentation={"counts": "abc"}, area=9, iscrowd=1)
    kept = ann(3, segmentation=[OUTLINE], area=30)
    categories = [{"id": 90, "name": "zebra"}, {"id": 2, "name": "cat"}]
    assert notes_of(make, tmp_path, "yolo", pieces, crowd, kept, categories=categories) == [
        "YOLO knows no crowds: 1 are left out",
        "YOLO knows no category ids: classes are numbered from 0",
        "YOLO knows outlines of one piece alone that fit their box: "
        "those of 1 objects are left out",
        "YOLO knows no areas: those of 2 objects are left out, the box's count instead",
    ]


def test_the_real_coco_loses_its_outlines_in_voc(test_data, tmp_path):
    dataset = open_dataset(f"{test_data}/data/coco:val", details=True)
    notes = write_dataset(dataset, tmp_path / "new", "voc")
    assert "VOC knows no outlines: those of 1,692 objects are left out" in notes


@pytest.mark.parametrize(
    "segmentation",
    [
        pytest.param([[5, 6, 12, 6, 12, 14, 5]], id="an odd count"),
        pytest.param([[5, 6, 12, 14]], id="two points"),
        pytest.param([[None] * 6], id="null"),
        pytest.param([["a"] * 6], id="text"),
        pytest.param([[[5, 6], [12, 6], [12, 14]]], id="pairs"),
        pytest.param([[10**400] * 6], id="too large a number"),
        pytest.param([5], id="a number"),
        pytest.param([5, 6, 7], id="numbers"),
        pytest.param([None], id="nothing"),
        pytest.param("abc", id="a word"),
        pytest.param({"counts": "abc", "size": [1, 2]}, id="run lengths"),
    ],
)
def test_of_an_untidy_outline_the_box_is_written(make, ann, tmp_path, segmentation):
    notes_of(make, tmp_path, "yolo", ann(1, segmentation=segmentation))
    (sample,) = [one for one in open_dataset(tmp_path / "yolo") if len(one)]
    np.testing.assert_array_equal(sample.boxes, [[5, 6, 12, 14]])
    assert len((tmp_path / "yolo/labels/two.txt").read_text().split()) == 5


def test_names_that_yaml_takes_for_numbers_or_truth_are_in_quotes(make, tmp_path):
    names = ["cat", "dog house", "y", "no", "08", "1e3", "null"]
    make.yolo({"a": "0 0.5 0.5 0.5 0.5\n"}, names=names)
    write_dataset(open_dataset(make.root), tmp_path / "new", "yolo")
    text = (tmp_path / "new/data.yaml").read_text()
    assert "0: cat\n" in text
    assert "1: dog house\n" in text
    assert all(f": {one}\n" in text for one in ('"y"', "'no'", '"08"', '"1e3"', "'null'"))
    assert open_dataset(tmp_path / "new").classes.names == tuple(names)


def test_the_lists_of_yolo_are_seen_from_their_own_folder(make, tmp_path):
    """Ultralytics takes a line so only where it begins with "./"."""
    make.voc("a", "b", train="a", val="b")
    write_dataset(open_dataset(make.root), tmp_path / "new", "yolo")
    assert (tmp_path / "new/train.txt").read_text() == "./images/a.jpg\n"
    assert [s.path.name for s in open_dataset(f"{tmp_path / 'new'}:val")] == ["b.jpg"]


def test_a_list_of_others_taken_together_is_written_once(make, tmp_path):
    make.voc("a", "b", "c", train="a", val="b", test="c", all="a b c")
    notes = write_dataset(open_dataset(make.root), tmp_path / "new", "coco")
    assert notes == ["split all is the union of others, and left out"]
    assert set(open_dataset(tmp_path / "new").splits) == {"train", "val", "test"}


def test_a_folder_that_holds_something_is_left_alone(make, tmp_path):
    dataset = open_dataset(make.voc("a"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="is not empty; name a new folder"):
        write_dataset(dataset, tmp_path / "mine", "coco")


def test_a_failure_leaves_nothing_behind(make, tmp_path):
    dataset = open_dataset(make.voc("a", "b"))
    (make.root / "JPEGImages/b.jpg").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"b\.jpg"):
        write_dataset(dataset, tmp_path / "new/deep", "coco")
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*"))


def test_the_command(make, tmp_path):
    make.voc("a", "b", train="a", val="b")
    command = [sys.executable, "-m", "training.convert", make.root, tmp_path / "new"]
    done = subprocess.run(
        [*command, "--to", "yolo", "--voc-origin", "1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"saved {tmp_path / 'new'}: 2 images, 2 objects, YOLO\n"
    assert len(open_dataset(f"{tmp_path / 'new'}:val")) == 1
