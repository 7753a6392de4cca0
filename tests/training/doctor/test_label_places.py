import shutil

import pytest

from detector.data.open import open_dataset
from training.doctor.label_places import check_label_places


def found(data) -> list[str]:
    findings = check_label_places(open_dataset(data))
    assert all(finding.kind.name == "unmatched-labels" for finding in findings)
    return [finding.message for finding in findings]


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("labels/{}.jpg.txt", "i0.jpg.txt should be named i0.txt, as its image is i0.jpg"),
        ("images/{}.jpg.txt", "i0.jpg.txt should be named i0.txt"),
        ("annotations/{}.txt", "labels; move them there"),
        ("label/{}.txt", "labels; move them there"),
    ],
)
def test_label_files_elsewhere_or_of_another_name(forms, label, says):
    (message,) = found(forms.yolo(label=label))
    assert message.startswith("10 of 10 images have no .txt file that is read, but 10 such files")
    assert says in message


def test_labels_beside_the_images_where_others_lie_in_a_folder(forms):
    """A folder of images has its labels in one place."""
    path = forms.yolo()
    for index in range(5):
        shutil.move(forms.root / f"labels/i{index}.txt", forms.root / f"images/i{index}.txt")
    (message,) = found(path)
    assert message.startswith("5 of 10 images have no .txt file that is read, but 5 such files")
    assert message.endswith("labels; move them there")


@pytest.mark.parametrize("place", ["images/above", "above/images/project"])
def test_a_folder_named_images_higher_up_leads_nobody_astray(forms, place):
    forms.root = forms.root / place
    path = forms.yolo(image="train/{}.jpg", label="train/{}.txt", where="train")
    assert sum(map(len, open_dataset(path))) == 40
    assert found(path) == []


def test_half_of_the_labels_are_enough_to_tell(forms):
    path = forms.yolo()
    for index in range(5):
        labels = forms.root / f"labels/i{index}.txt"
        shutil.move(labels, labels.with_name(f"i{index}.jpg.txt"))
    (message,) = found(path)
    assert message.startswith("5 of 10 images")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Annotations/i{}.jpeg.xml", "i0.jpeg.xml should be named i0.xml"),
        ("Annotations/i{}.JPG.xml", "i0.JPG.xml should be named i0.xml"),
        ("Annotations/i{}.jpg.xml", "i0.jpg.xml should be named i0.xml"),
        ("Corrected/i{}.xml", "Annotations; move them there"),
    ],
)
def test_xml_files_of_another_name_or_elsewhere(forms, name, says):
    data = forms.voc()
    for index in range(5):
        target = data / name.format(index)
        target.parent.mkdir(exist_ok=True)
        (data / f"Annotations/i{index}.xml").rename(target)
    (message,) = found(data)
    assert message.startswith("5 of 10 images have no .xml file that is read, but 5 such files")
    assert says in message


def test_images_that_are_meant_to_be_empty_are_no_finding(forms):
    assert found(forms.yolo(stems=range(4))) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("notes/i{}.txt", "seen from the left"),
        ("notes/i{}.txt", ""),
        ("old/j{}.txt", "0 0.5 0.5 0.1 0.1"),
    ],
    ids=["a text", "an empty file", "of other images"],
)
def test_files_that_hold_no_labels_of_them_are_no_finding(forms, name, text):
    path = forms.yolo(stems=range(4))
    for index in range(10):
        forms.text(name.format(index), text)
    assert found(path) == []
