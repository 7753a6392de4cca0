import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from configs.load import load_config
from detector.data.open import open_dataset
from training.doctor.examine import examine
from training.doctor.fix import fix


def resize(root, width: int, height: int) -> None:
    for path in sorted(root.rglob("*.jpg")):
        Image.open(path).resize((width, height)).save(path)


def examination(data):
    return examine(open_dataset(data, details=True), load_config("finetune"), "finetune")


def found(data) -> list[str]:
    findings = examination(data).findings
    return [finding.message for finding in findings if finding.kind.name == "resized-images"]


@pytest.mark.parametrize("form", ["coco", "voc"])
@pytest.mark.parametrize(
    "size",
    [
        pytest.param((320, 240), id="halved"),
        pytest.param((416, 416), id="of another shape"),
        pytest.param((1280, 960), id="doubled"),
    ],
)
def test_boxes_of_the_size_that_images_had_before(forms, form, size):
    data = getattr(forms, form)()
    resize(forms.root, *size)
    (message,) = found(data)
    assert message.startswith("10 images of another size than the annotation says, such as i0.jpg")
    assert f"640x480, it has {size[0]}x{size[1]}; the 40 boxes fit the sizes" in message


def test_some_of_the_images_are_enough(forms):
    data = forms.voc()
    for path in sorted(forms.root.rglob("*.jpg"))[:4]:
        Image.open(path).resize((300, 200)).save(path)
    (message,) = found(data)
    assert message.startswith("4 images of another size")


@pytest.mark.parametrize(
    ("size", "boxes"),
    [
        pytest.param((480, 640), lambda b: b[..., [1, 0, 3, 2]], id="sides the wrong way round"),
        pytest.param((1280, 960), lambda b: 2 * b, id="a size that is said wrong in every file"),
        pytest.param((320, 240), lambda b: b / 2, id="a size that is said too large"),
        pytest.param((1280, 960), lambda b: b[:, :1] * 0 + [9, 9, 90, 90], id="one place"),
        pytest.param((832, 624), lambda b: 0.7 * b + [192, 144] * 2, id="all in the middle"),
    ],
)
def test_a_wrong_size_beside_boxes_of_the_image_is_no_finding(forms, size, boxes):
    data = forms.voc(np.asarray(boxes(forms.boxes)))
    resize(forms.root, *size)
    assert found(data) == []


def test_no_fixed_copy_is_made_of_them(forms, tmp_path):
    forms.root = tmp_path / "data"
    data = forms.voc()
    resize(forms.root, 320, 240)
    with pytest.raises(UserError, match=r"scale them with the images.*--fix cannot know better"):
        fix(examination(data), tmp_path / "out")
