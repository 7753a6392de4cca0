import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

HEIC = Path(__file__).parents[1] / "heif" / "turned.heic"


def test_a_json_and_its_folder_are_the_same(make):
    path = make.coco()
    assert len(open_dataset(path)) == len(open_dataset(make.root)) == 2
    assert open_dataset(path).name == str(path)


def test_the_folder_of_one_voc_edition(make):
    make.voc("a")
    for name in ("Annotations", "JPEGImages"):
        shutil.move(make.root / name, make.root / "VOCdevkit/VOC2012" / name)
    assert len(open_dataset(make.root / "VOCdevkit")) == 1


def test_a_path_with_a_colon_is_a_path(make):
    make.voc("a")
    folder = make.root / "odd:name"
    for name in ("Annotations", "JPEGImages"):
        shutil.move(make.root / name, folder / name)
    assert len(open_dataset(folder)) == 1


def test_files_of_other_programs_do_not_matter(make):
    make.voc("a")
    make.text("export_info.json", "[]")
    make.text("compose.yaml", "a: [")
    assert len(open_dataset(make.root)) == 1


def test_a_split_is_found_by_its_usual_names(make):
    make.voc("a", "b", train="a", val="b")
    assert [s.image_id for s in open_dataset(f"{make.root}:validation")] == ["b"]


def test_without_splits_they_are_made_and_told(make):
    make.voc(*[f"p{letter}" for letter in "abcdefghij"])
    train, val = (open_dataset(f"{make.root}:{split}") for split in ("train", "val"))
    assert (len(train), len(val)) == (8, 2)
    assert not {s.path for s in train} & {s.path for s in val}
    assert "made train (8) and val (2) by hash" in train.notes[-1]


def test_a_coco_json_with_floats_for_ids_can_be_split(make, ann):
    listed = [
        {"id": float(number), "file_name": name, "width": 64, "height": 48}
        for number, name in ((1, "one.jpg"), (2, "two.jpg"))
    ]
    objects = [ann(1, image_id=1.0), ann(2, image_id=2.0)]
    path = make.coco(images=listed, annotations=objects)
    assert [len(sample) for sample in open_dataset(f"{path}:val")] == [1]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param("nowhere", "no such data set", id="no such path"),
        pytest.param("", "names no data set", id="nothing"),
        pytest.param("{root}:", "names no split after the colon", id="empty split"),
        pytest.param("{root}:nope", "has no split 'nope', only train, val", id="no such split"),
        pytest.param("{root}/JPEGImages/a.jpg", r"a \.jpg file is no data set", id="an image"),
        pytest.param("x" * 5000, "no such data set", id="name too long"),
        pytest.param("a\0b", "no such data set", id="zero byte"),
    ],
)
def test_what_cannot_be_opened_is_told_in_one_line(make, data, says):
    make.voc("a", "b", train="a", val="b")
    with pytest.raises(UserError, match=says):
        open_dataset(data.format(root=make.root))


def test_a_folder_that_is_not_recognised_shows_what_it_holds(make):
    make.text("notes.md", "")
    with pytest.raises(UserError, match=r"not recognised as a data set, it holds notes\.md"):
        open_dataset(make.root)


def test_several_voc_editions_ask_for_one(make):
    make.voc("a")
    for year in ("VOC2007", "VOC2012"):
        for name in ("Annotations", "JPEGImages"):
            shutil.copytree(make.root / name, make.root / "kit" / year / name)
    with pytest.raises(UserError, match="holds VOC2007, VOC2012; name one of them"):
        open_dataset(make.root / "kit")


@pytest.mark.parametrize(
    ("data", "images", "splits"),
    [
        ("bccd", 364, {"train": 205, "val": 87, "test": 72, "trainval": 292}),
        ("raccoon", 200, {}),
        ("VOCdevkit", 100, {"train": 66, "val": 34, "trainval": 100}),
        ("coco", 498, {"train2017": 310, "val2017": 188}),
    ],
)
def test_the_four_real_data_sets_open_without_a_finding(test_data, data, images, splits):
    dataset = open_dataset(test_data / "data" / data)
    assert len(dataset) == images
    assert {name: len(rows) for name, rows in dataset.splits.items()} == splits
    assert not dataset.findings


RESULTS = [{"image_id": 3, "category_id": 2, "bbox": [0, 0, 1, 1], "score": 0.5}]
CAPTIONS = {"images": [], "annotations": [{"id": 1, "image_id": 3, "caption": "a cat"}]}
LABELME = {"version": "6.3.1", "shapes": [], "imagePath": "a.jpg"}


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("results.json", RESULTS, "COCO results"),
        ("coco_instances_results.json", RESULTS, "COCO results"),
        ("dataset_info.json", {"features": {}}, "of no known form"),
        ("captions_val2017.json", CAPTIONS, "COCO captions"),
        ("image_info_test2017.json", {"images": [], "categories": []}, "COCO image list"),
        ("a.json", LABELME, "LabelMe"),
        ("broken.json", "{", "of no known form"),
    ],
)
@pytest.mark.parametrize("folder", ["", "annotations/"])
def test_another_json_beside_is_passed_over_and_told(make, folder, name, content, kind):
    make.coco(name=f"{folder}data.json")
    make.text(folder + name, content if isinstance(content, str) else json.dumps(content))
    dataset = open_dataset(make.root)
    assert (len(dataset), dataset.splits) == (2, {})
    assert dataset.notes == (f"passed over {name} ({kind})",)


@pytest.mark.parametrize("stray", ["export_info.json", "annotations/stats.json"])
def test_a_stray_json_does_not_hide_the_folders_of_splits(make, stray):
    for split in ("train", "valid"):
        make.coco(name=f"{split}/_annotations.coco.json")
        make.image(f"{split}/one.jpg")
        make.image(f"{split}/two.jpg")
    make.text(stray, json.dumps({"images": 3}))
    dataset = open_dataset(make.root)
    assert list(dataset.splits) == ["train", "valid"]
    assert dataset.notes == (
        (f"passed over {stray} (of no known form)",) if stray[0] == "e" else ()
    )


@pytest.mark.parametrize("taken", ["VOC", "YOLO", "COCO JSON"])
def test_another_tools_files_beside_those_read_are_told(make, taken):
    if taken == "VOC":
        make.voc("one")
    elif taken == "YOLO":
        make.yolo({"one": "0 0.5 0.5 0.25 0.25"})
    else:
        make.coco()
    rows = "ImageID,LabelName,XMin,XMax,YMin,YMax\none,/m/1,0.1,0.2,0.1,0.2\n"
    make.text("annotations-bbox.csv", rows)
    dataset = open_dataset(make.root)
    assert dataset.form == taken
    assert f"is read as {taken}; move its files away to read Open Images" in dataset.notes[-1]


def test_of_cocos_own_files_those_with_boxes_are_splits(make):
    for split in ("train2017", "val2017"):
        for task in ("instances", "person_keypoints", "stuff"):
            make.coco(name=f"annotations/{task}_{split}.json")
        make.text(f"annotations/captions_{split}.json", json.dumps(CAPTIONS))
    dataset = open_dataset(make.root, images=make.root)
    assert list(dataset.splits) == ["train2017", "val2017"]
    (note,) = dataset.notes
    assert note.startswith("passed over captions_train2017.json (COCO captions), ")
    assert note.endswith(" and 1 more")


def test_keypoints_alone_have_boxes_too(make):
    make.coco(name="annotations/person_keypoints_train2017.json")
    make.coco(name="annotations/person_keypoints_val2017.json")
    dataset = open_dataset(make.root, images=make.root)
    assert list(dataset.splits) == ["train2017", "val2017"]
    assert len(open_dataset(f"{make.root}:val", images=make.root)) == 2


def test_notes_of_label_studio_do_not_hide_its_yolo_folder(make):
    make.image("images/a.jpg")
    make.text("labels/a.txt", "0 0.5 0.5 0.5 0.5\n")
    make.text("classes.txt", "cell\n")
    make.text("notes.json", json.dumps({"categories": [{"id": 0, "name": "cell"}], "info": {}}))
    dataset = open_dataset(make.root)
    assert (dataset.form, dataset.classes.names, len(dataset)) == ("YOLO", ("cell",), 1)


TOOLS = {
    "VIA 3": {"project": {}, "config": {}, "attribute": {}, "file": {}},
    "SuperAnnotate": {"metadata": {}, "instances": []},
    "Labelbox": [{"data_row": {}, "projects": {}}],
    "Scalabel": [{"name": "a.jpg", "labels": []}],
    "COCO results": RESULTS,
}


@pytest.mark.parametrize("kind", TOOLS)
@pytest.mark.parametrize("place", ["", "ann/", "train/"])
def test_a_json_that_is_not_read_is_named_by_its_tool(make, kind, place):
    make.image("a.jpg")
    path = make.text(f"{place}a.json", json.dumps(TOOLS[kind]))
    for data in (make.root, path):
        with pytest.raises(UserError, match=rf"a\.json is of {kind}, a form that is not read; "):
            open_dataset(data)


def test_a_json_of_no_known_form_says_what_it_lacks(make):
    path = make.text("a.json", json.dumps({"images": []}))
    with pytest.raises(UserError, match=r"a\.json: not a COCO data set \(.*annotations"):
        open_dataset(path)


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
def test_the_heic_of_a_phone_is_an_image_in_every_form(make, obj, ann, form):
    folder = {"coco": "", "voc": "JPEGImages/", "yolo": "images/"}[form]
    make.image(f"{folder}a.jpg")
    shutil.copy(HEIC, make.root / f"{folder}phone.heic")
    if form == "voc":
        make.xml("Annotations/a.xml", obj("cat", 11, 6, 40, 30))
        make.xml("Annotations/phone.xml", obj("cat", 13, 9, 24, 16), size=(48, 32))
    elif form == "yolo":
        for stem in ("a", "phone"):
            make.text(f"labels/{stem}.txt", "0 0.375 0.375 0.25 0.25")
    else:
        image = {"id": 1, "file_name": "phone.heic", "width": 48, "height": 32}
        make.coco([image], [ann(1, image_id=1, bbox=[12, 8, 12, 8])])
    sample = open_dataset(make.root)[-1] if form != "coco" else open_dataset(make.root)[0]
    assert (sample.path.name, sample.width, sample.height) == ("phone.heic", 48, 32)
    np.testing.assert_allclose(sample.boxes, [[12, 8, 24, 16]], atol=1)


@pytest.mark.parametrize("form", ["VOC", "YOLO", "LabelMe"])
def test_a_folder_may_be_a_link_to_one_elsewhere(make, obj, form):
    for name in ("set/images/a", "far/images/b"):
        make.image(f"{name}.jpg")
        labels = name.replace("images", "labels")
        if form == "VOC":
            make.xml(f"{labels}.xml", obj("cat", 1, 1, 9, 9))
        elif form == "YOLO":
            make.text(f"{labels}.txt", "0 0.5 0.5 0.25 0.25")
        else:
            shape = {"label": "cat", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"}
            make.text(
                f"{name}.json", json.dumps({"shapes": [shape], "imagePath": f"{name[-1]}.jpg"})
            )
    for kind in ("images", "labels") if form != "LabelMe" else ("images",):
        (make.root / "set" / kind / "more").symlink_to(make.root / "far" / kind)
    dataset = open_dataset(make.root / "set")
    assert dataset.form == form
    assert [(sample.path.name, len(sample)) for sample in dataset] == [("a.jpg", 1), ("b.jpg", 1)]


@pytest.mark.parametrize("form", ["coco", "yolo", "voc"])
def test_an_option_without_effect_is_told(make, form):
    data = {
        "coco": make.coco,
        "yolo": lambda: make.yolo({"a": "0 0.5 0.5 0.5 0.5"}),
        "voc": lambda: make.voc("a"),
    }[form]()
    dataset = open_dataset(data, images=make.root, voc_origin=1)
    told = [note.partition(" ")[0] for note in dataset.notes if "has no effect" in note]
    assert told == {"coco": ["--voc-origin"], "yolo": ["--voc-origin", "--images"], "voc": []}[form]
