import numpy as np
import pytest

from detector.data.open import open_dataset
from training.doctor.folder_files import check_shared_annotations, folder_notes
from training.doctor.whole_checks import check_listed_twice, check_whole


def whole(data) -> list[tuple[str, str, str]]:
    findings = check_whole(open_dataset(data))
    return [(finding.kind.name, finding.element, finding.message) for finding in findings]


# Something can be learnt.


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
def test_a_sound_data_set_has_no_finding(forms, form):
    assert whole(getattr(forms, form)()) == []


@pytest.mark.parametrize("mark", ["iscrowd", "difficult", "ignore"])
def test_objects_that_are_all_ignored_teach_nothing(forms, mark):
    ((kind, _, message),) = whole(forms.coco(**{mark: 1}))
    assert kind == "nothing-to-learn"
    assert message.startswith("all of its 40 objects are crowds or difficult")
    assert "clear iscrowd or difficult" in message


def test_difficult_objects_alone_teach_nothing_in_voc(forms):
    ((kind, _, _),) = whole(forms.voc(extra="<difficult>1</difficult>"))
    assert kind == "nothing-to-learn"


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        (lambda b: b, "40 could not be read, such as i0.txt: line 1: "),
        (lambda b: b[:, :0], "no image has an object; annotate some"),
    ],
    ids=["pixels", "empty files"],
)
def test_why_there_is_no_object(forms, numbers, says):
    ((kind, _, message),) = whole(forms.yolo(numbers(forms.boxes)))
    assert kind == "nothing-to-learn"
    assert message.startswith(says)


def test_annotations_of_no_image_teach_nothing(forms):
    def strange(content):
        for annotation in content["annotations"]:
            annotation["image_id"] += 1000

    ((kind, _, message),) = whole(forms.change(forms.coco(), strange))
    assert kind == "nothing-to-learn"
    assert "annotation 0: no image has the id 1000" in message


@pytest.mark.parametrize("marks", [(1,), (1, 1), (1, 1, 1)], ids=len)
def test_a_class_whose_objects_are_all_ignored(forms, marks):
    def add(content):
        content["categories"].append({"id": 2, "name": "dust"})
        for annotation, mark in zip(content["annotations"], marks, strict=False):
            annotation.update(category_id=2, iscrowd=mark)

    ((kind, element, message),) = whole(forms.change(forms.coco(), add))
    assert (kind, element) == ("unlearnable-class", "class 'dust'")
    assert message.startswith(f"all of its {len(marks)} object")


def test_a_class_with_one_object_that_counts_is_learnt(forms):
    def add(content):
        content["categories"].append({"id": 2, "name": "dust"})
        for annotation, mark in zip(content["annotations"], (1, 0, 1), strict=False):
            annotation.update(category_id=2, iscrowd=mark)

    assert whole(forms.change(forms.coco(), add)) == []


# Each image once.


def double(content, shared: int = 0) -> None:
    """The first image stands twice, each time with half of its objects and `shared` more."""
    content["images"].append({**content["images"][0], "id": 77})
    own = [one for one in content["annotations"] if one["image_id"] == 0]
    for annotation in own[:2]:
        annotation["image_id"] = 77
    for number, annotation in enumerate(own[2 : 2 + shared]):
        content["annotations"].append({**annotation, "id": 9000 + number, "image_id": 77})


def test_an_image_under_two_ids(forms):
    path = forms.change(forms.coco(), double)
    (finding,) = check_listed_twice(open_dataset(path))
    assert (finding.kind.name, finding.path.name) == ("listed-twice", "i0.jpg")
    assert finding.message == "stands under the ids 0, 77, with 2 and 2 objects"


def test_an_image_that_two_splits_list_is_no_such(forms, tmp_path):
    content = forms.coco().read_text()
    for part in ("train", "val"):
        forms.text(f"annotations/instances_{part}.json", content)
    (tmp_path / "data.json").unlink()
    assert check_listed_twice(open_dataset(tmp_path)) == []


# Classes that only group others.


def group(content, name="cells", objects=0, members=("cell",)) -> None:
    """Roboflow's category 0."""
    content["categories"].insert(0, {"id": 0, "name": name, "supercategory": "none"})
    for category in content["categories"]:
        if category["name"] in members:
            category["supercategory"] = name
    for annotation in content["annotations"][:objects]:
        annotation["category_id"] = 0


def test_a_supercategory_without_objects(forms):
    ((kind, element, message),) = whole(forms.change(forms.coco(), group))
    assert (kind, element) == ("supercategory-class", "class 'cells'")
    assert message == "has no object, and is the supercategory of 'cell'"


@pytest.mark.parametrize(
    ("objects", "members"),
    [(1, ("cell",)), (0, ()), (0, ("cells",))],
    ids=["has an object", "groups nothing", "groups itself, as COCO's person"],
)
def test_a_class_is_kept_that_is_used_or_groups_nothing(forms, objects, members):
    path = forms.change(forms.coco(), lambda content: group(content, "cells", objects, members))
    assert whole(path) == []


def test_supercategories_of_several_jsons(forms, tmp_path):
    for part in ("train", "valid"):
        forms.root = tmp_path / part
        forms.change(forms.coco(np.tile([10, 10, 50, 50], (10, 1, 1))), group)
    assert [kind for kind, _, _ in whole(tmp_path)] == ["supercategory-class"]


@pytest.mark.parametrize("name", ["raccoon", "VOCdevkit/VOC2012", "coco", "bccd"])
def test_real_data_is_sound_as_a_whole(test_data, name):
    dataset = open_dataset(test_data / "data" / name)
    assert whole(dataset.path) == []
    assert check_listed_twice(dataset) == []
    assert folder_notes(dataset) == []
    assert check_shared_annotations(dataset) == []
