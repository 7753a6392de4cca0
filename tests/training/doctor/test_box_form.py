from dataclasses import replace

import numpy as np
import pytest

from detector.data.open import open_dataset
from training.doctor.box_form import check_box_form

SIZE = np.array([640, 480, 640, 480])


def xywh(boxes):
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def cxcywh(boxes):
    low, high = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=-1)


def yxyx(boxes):
    return boxes[..., [1, 0, 3, 2]]


def found(data) -> list[str]:
    findings = check_box_form(open_dataset(data))
    assert all(finding.kind.name == "box-form" for finding in findings)
    return [finding.message for finding in findings]


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
def test_boxes_of_the_files_own_form_are_no_finding(forms, form):
    assert found(getattr(forms, form)()) == []


@pytest.mark.parametrize(
    ("numbers", "looks_like"),
    [
        pytest.param(lambda boxes: boxes, "x1, y1, x2, y2", id="corners"),
        pytest.param(cxcywh, "cx, cy, width, height", id="centres"),
        pytest.param(yxyx, "y1, x1, y2, x2", id="TensorFlow's"),
        pytest.param(lambda b: xywh(b) / SIZE, "fractions of the image", id="fractions"),
        pytest.param(lambda b: b / SIZE, "fractions of the image", id="fractions of corners"),
        pytest.param(lambda b: 100 * xywh(b) / SIZE, "per cent of the image", id="per cent"),
        pytest.param(lambda b: 100 * b / SIZE, "per cent of the image", id="per cent of corners"),
        pytest.param(
            lambda b: np.rint(100 * xywh(b) / SIZE), "per cent of the image", id="whole per cent"
        ),
    ],
)
def test_coco_holds_x_y_width_and_height(forms, numbers, looks_like):
    (message,) = found(forms.coco(numbers(forms.boxes)))
    assert looks_like in message
    assert "write x, y, width, height in pixels" in message


@pytest.mark.parametrize(
    ("numbers", "looks_like"),
    [
        pytest.param(xywh, "x, y, width, height", id="sizes"),
        pytest.param(cxcywh, "cx, cy, width, height", id="centres"),
        pytest.param(lambda b: b / SIZE, "fractions of the image", id="fractions"),
        pytest.param(lambda b: 100 * b / SIZE, "per cent of the image", id="per cent"),
    ],
)
def test_voc_holds_corners(forms, numbers, looks_like):
    (message,) = found(forms.voc(numbers(forms.boxes)))
    assert looks_like in message
    assert "write x1, y1, x2, y2 in pixels" in message


@pytest.mark.parametrize(
    ("numbers", "looks_like"),
    [
        pytest.param(lambda b: b / SIZE, "x1, y1, x2, y2", id="corners"),
        pytest.param(lambda b: xywh(b) / SIZE, "x, y, width, height", id="corner and size"),
    ],
)
def test_yolo_holds_centres_in_fractions(forms, numbers, looks_like):
    (message,) = found(forms.yolo(numbers(forms.boxes)))
    assert looks_like in message
    assert "write cx, cy, width, height in fractions of the image" in message


def test_the_message_counts_the_boxes_that_leave_their_images(forms):
    (message,) = found(forms.coco(forms.boxes))
    assert message.startswith("26 of 40 boxes do not fit into their images as x, y, width")
    assert "40 do as x1, y1, x2, y2" in message


@pytest.mark.parametrize("parts", [("train",), ("train", "val")], ids=["one file", "both files"])
def test_each_json_is_judged_by_itself(forms, parts, tmp_path):
    for part in ("train", "val"):
        forms.root = tmp_path / part
        forms.coco(forms.boxes if part in parts else None)
    findings = check_box_form(open_dataset(tmp_path))
    assert [finding.path.parent.name for finding in findings] == list(parts)


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(lambda b: b * 0 + [20, 15, 660, 495], id="large boxes that reach out a bit"),
        pytest.param(lambda b: b * 0.15, id="small objects, all in a corner"),
        pytest.param(lambda b: np.where(b > 300, 2 * b, b)[:, :2], id="boxes that fit in no form"),
        pytest.param(lambda b: b[:1, :2], id="two boxes tell nothing"),
        pytest.param(lambda b: b * 0 + [10.5, 9, 99, 97], id="one place in all images"),
        pytest.param(
            lambda b: np.rint(b * [0.14, 0.19, 0.14, 0.19]), id="whole pixels in a corner"
        ),
    ],
)
def test_what_another_form_does_not_explain_is_no_finding(forms, numbers):
    assert found(forms.coco(xywh(numbers(forms.boxes)))) == []


@pytest.mark.parametrize("form", ["LabelMe", "KITTI", ""])
def test_files_of_other_forms_are_not_judged_by_their_suffix(forms, form):
    dataset = open_dataset(forms.coco(forms.boxes))
    assert check_box_form(replace(dataset, form=form)) == []
