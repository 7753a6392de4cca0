import numpy as np
import pytest

from configs.errors import UserError
from configs.schema import Config
from detector.data.open import open_dataset
from training.doctor.examine import examine
from training.doctor.fix import fix


@pytest.fixture
def fixed(tmp_path):
    """Fixes a data set; what was done, and the fixed one."""

    def call(data):
        examination = examine(open_dataset(data, details=True), Config(), "coco_300")
        lines = fix(examination, tmp_path.parent / f"{tmp_path.name}_fixed")
        return "\n".join(lines), open_dataset(tmp_path.parent / f"{tmp_path.name}_fixed")

    return call


@pytest.mark.parametrize("shared", [0, 2], ids=["halves", "two objects in both"])
def test_the_ids_of_an_image_are_joined(forms, fixed, shared):
    def double(content):
        content["images"].append({**content["images"][0], "id": 77})
        for annotation in content["annotations"][:2]:
            annotation["image_id"] = 77
        for number, annotation in enumerate(content["annotations"][2 : 2 + shared]):
            content["annotations"].append({**annotation, "id": 9000 + number, "image_id": 77})

    lines, dataset = fixed(forms.change(forms.coco(), double))
    assert "ids of one image joined to the first: 1" in lines
    assert "copies of another: 1" not in lines.replace("objects left out, exact copies", "")
    assert len(dataset) == 10
    joined = dataset[0].boxes[np.argsort(dataset[0].boxes[:, 0])]
    expected = forms.boxes[0][np.argsort(forms.boxes[0][:, 0])]
    np.testing.assert_allclose(joined, expected, atol=1e-3)


def test_an_image_under_three_ids_is_joined(forms, fixed):
    def triple(content):
        for number in (77, 78):
            content["images"].append({**content["images"][0], "id": number})
            content["annotations"][number - 77]["image_id"] = number

    lines, dataset = fixed(forms.change(forms.coco(), triple))
    assert "ids of one image joined to the first: 2" in lines
    assert [len(sample) for sample in dataset] == [4] * 10


@pytest.mark.parametrize("place", [0, 1], ids=["first", "last"])
def test_a_class_that_only_groups_others_is_dropped(forms, fixed, place):
    def group(content):
        content["categories"].insert(place, {"id": 9 * place, "name": "cells"})
        for category in content["categories"]:
            category["supercategory"] = "none" if category["name"] == "cells" else "cells"

    lines, dataset = fixed(forms.change(forms.coco(), group))
    assert "classes dropped that only group others: 1" in lines
    assert (dataset.classes.names, dataset.classes.category_ids) == (("cell",), (1,))
    assert sum(map(len, dataset)) == 40


def test_annotation_ids_are_numbered_anew_where_two_are_equal(forms, fixed):
    path = forms.change(forms.coco(), lambda content: content["annotations"][1].update(id=0))
    _, dataset = fixed(path)
    assert dataset.findings == ()
    assert sum(map(len, dataset)) == 40


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(lambda f: f.coco(f.boxes), "write x, y, width, height", id="corners"),
        pytest.param(lambda f: f.coco(f.boxes / 640), "in pixels", id="fractions"),
        pytest.param(lambda f: f.yolo(label="label/{}.txt"), "move them there", id="label/"),
    ],
)
def test_what_is_read_wrongly_as_a_whole_is_not_copied(forms, fixed, data, says):
    with pytest.raises(UserError, match=f"{says}.*; --fix cannot know better"):
        fixed(data(forms))
