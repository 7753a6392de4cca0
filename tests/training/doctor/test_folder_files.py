import shutil
from dataclasses import replace

import pytest

from detector.data.open import open_dataset
from training.doctor.folder_files import check_shared_annotations, folder_notes


def notes(data) -> list[str]:
    return folder_notes(open_dataset(data))


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
def test_images_and_annotations_alone_are_no_note(forms, form):
    assert notes(getattr(forms, form)()) == []


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
def test_other_files_are_counted_and_named(forms, form):
    data = getattr(forms, form)()
    folder = {"coco": "", "voc": "JPEGImages/", "yolo": "images/"}[form]
    for name in ("a.dng", "b.DNG", "c.mov", "d", "e.dng"):
        forms.text(folder + name, "")
    assert notes(data) == [
        "5 other files beside the images are not read: 3 .dng, 1 .mov, 1 without a suffix"
    ]


def test_images_in_the_working_folder_itself(forms, monkeypatch):
    monkeypatch.chdir(forms.coco().parent)
    forms.text("a.svg", "")
    for data in (".", "data.json"):
        assert notes(data) == ["1 other file beside the images is not read: 1 .svg"]


def test_one_other_file_is_one(forms):
    data = forms.coco()
    forms.text("a.svg", "")
    assert notes(data) == ["1 other file beside the images is not read: 1 .svg"]


def test_only_the_most_frequent_kinds_are_named(forms):
    data = forms.coco()
    for suffix in "abcdefg":
        forms.text(f"x.{suffix}", "")
    assert notes(data)[0].endswith("1 .a, 1 .b, 1 .c, 1 .d, 1 .e, ...")


@pytest.mark.parametrize(
    "name",
    ["README.roboflow.txt", "LICENSE", "classes.txt", "labels.cache", ".DS_Store", "Thumbs.db"],
)
def test_what_tools_leave_beside_images_is_expected(forms, name):
    data = forms.coco()
    forms.text(name, "")
    assert notes(data) == []


def test_label_files_beside_the_images_are_read(forms):
    data = forms.yolo(image="train/{}.jpg", label="train/{}.txt", where="train")
    assert notes(data) == []
    forms.text("train/i77.txt", "0 0.5 0.5 0.1 0.1")
    assert notes(data) == ["1 other file beside the images is not read: 1 .txt"]


@pytest.mark.parametrize("form", ["coco", "yolo"])
def test_annotations_of_another_form_are_told(forms, form):
    data = getattr(forms, form)()
    folder = {"coco": "", "yolo": "images/"}[form]
    forms.text(f"{folder}i0.xml", "<annotation/>")
    assert notes(data) == ["1 other file beside the images is not read: 1 .xml"]


def test_annotations_of_another_split_are_expected(forms):
    data = forms.voc()
    for kind in ("JPEGImages", "Annotations"):
        for path in (data / kind).iterdir():
            path.rename(data / path.name)
        (data / kind).rmdir()
    forms.text("ImageSets/Main/train.txt", "i0\ni1\n")
    forms.text("ImageSets/Main/val.txt", "i2\ni3\n")
    assert notes(f"{data}:train") == []


def test_images_that_a_json_does_not_list(forms):
    data = forms.coco()
    for name in ("x.jpg", "y.png", "z.heic"):
        forms.image("new.png").rename(forms.root / name)
    assert notes(data) == ["3 images beside those used are not listed in data.json"]


def test_where_each_image_has_a_json_there_is_no_list(forms):
    dataset = open_dataset(forms.coco())
    own = [replace(sample, source=sample.path.with_suffix(".json")) for sample in dataset]
    forms.image("x.jpg")
    assert folder_notes(replace(dataset, samples=own)) == []


def test_images_without_a_label_are_told_by_the_reader(forms):
    data = forms.voc()
    forms.image("JPEGImages/x.jpg")
    assert notes(data) == []


# Names that differ in the suffix alone.


def shared(data) -> list[str]:
    findings = check_shared_annotations(open_dataset(data))
    assert all(finding.kind.name == "shared-annotation" for finding in findings)
    return [finding.message for finding in findings]


def test_of_equal_names_voc_uses_one(forms):
    data = forms.voc()
    forms.image("JPEGImages/i3.png")
    assert shared(data) == ["i3.jpg and i3.png share i3.xml; i3.jpg is used"]


def test_of_equal_names_voc_uses_the_one_that_the_annotation_names(forms):
    data = forms.voc()
    forms.image("JPEGImages/i3.png")
    path = data / "Annotations/i3.xml"
    path.write_text(path.read_text().replace("<size>", "<filename>i3.png</filename><size>"))
    assert shared(data) == ["i3.jpg and i3.png share i3.xml; i3.png is used"]


def test_of_equal_names_yolo_uses_all(forms):
    data = forms.yolo()
    for name in ("i3.png", "i3.webp"):
        forms.image(f"images/{name}")
    assert shared(data) == ["i3.jpg and i3.png and i3.webp share i3.txt; all are used"]


def test_equal_names_are_no_matter_in_coco(forms):
    data = forms.coco()
    shutil.copy(forms.root / "i3.jpg", forms.root / "i3.png")
    assert shared(data) == []


@pytest.mark.parametrize("suffix", [".txt", ".xml", ".mov"])
def test_files_that_are_no_images_share_nothing(forms, suffix):
    data = forms.voc()
    forms.text(f"JPEGImages/i3{suffix}", "")
    assert shared(data) == []
