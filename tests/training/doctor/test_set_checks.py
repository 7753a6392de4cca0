import shutil

import pytest
from PIL import Image

from configs.schema import ModelConfig
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.open import open_dataset
from training.doctor.image_checks import look_at_images
from training.doctor.lookalikes import check_twins
from training.doctor.set_checks import check_anchors, check_balance, check_splits
from training.model.anchor_coverage import measure_anchor_coverage

CAT = ("cat", 10, 10, 50, 50)


def copy(voc, stem: str, new: str, change=None) -> None:
    """A second image with its annotation: equal bytes, or another file that looks alike."""
    voc.add(new, CAT)
    path, target = (voc.root / "JPEGImages" / f"{name}.jpg" for name in (stem, new))
    if change is None:
        shutil.copy(path, target)
    else:
        change(Image.open(path)).save(target)


def smaller(image: Image.Image) -> Image.Image:
    return image.resize((100, 75))


def twins(voc) -> list[tuple[str, list[str]]]:
    """Kind of each finding, and the images that it concerns."""
    dataset = open_dataset(voc.root)
    found = check_twins(dataset, look_at_images(dataset.samples))
    return [(f.kind.name, [path.stem for path in (f.path, *f.others)]) for f in found]


@pytest.mark.parametrize(
    ("change", "within"),
    [
        pytest.param(None, "duplicate-picture", id="equal bytes"),
        pytest.param(smaller, "near-duplicate", id="resized"),
        pytest.param(
            lambda im: im.point(lambda v: min(255, v + 30)), "near-duplicate", id="bright"
        ),
    ],
)
def test_twins_leak_across_splits_and_are_told_within_one(voc, change, within):
    for stem in ("a", "c"):
        voc.add(stem, CAT)
    copy(voc, "a", "b", change)
    assert twins(voc) == [(within, ["a", "b"])]
    voc.split("train", "a", "c")
    voc.split("val", "b")
    voc.split("trainval", "a", "b", "c")
    assert twins(voc) == [("leak", ["a", "b"])]


def test_several_copies_are_one_finding(voc):
    voc.add("a", CAT)
    for name in "bcd":
        copy(voc, "a", name)
    assert twins(voc) == [("duplicate-picture", ["a", "b", "c", "d"])]


def test_each_copy_of_a_leaking_image_leaks(voc):
    voc.add("a", CAT)
    copy(voc, "a", "b")
    copy(voc, "a", "c", smaller)
    voc.split("train", "a", "b")
    voc.split("val", "c")
    leaks = [stems for kind, stems in twins(voc) if kind == "leak"]
    assert [stems[0] for stems in leaks] == ["a"] and "c" in leaks[0]


def test_the_message_says_how_alike_and_in_which_split(voc):
    voc.add("a", CAT)
    copy(voc, "a", "b")
    voc.split("train", "a")
    voc.split("val", "b")
    dataset = open_dataset(voc.root)
    (finding,) = check_twins(dataset, look_at_images(dataset.samples))
    assert finding.message == "a.jpg (train) and b.jpg (val) are one image"


def test_different_images_are_no_twins(voc):
    for number in range(30):
        voc.add(f"p{number}", CAT)
    assert twins(voc) == []


def test_an_image_listed_in_two_splits(voc):
    for stem in "abc":
        voc.add(stem, CAT)
    voc.split("train", "a", "b")
    voc.split("val", "b", "c")
    voc.split("trainval", "a", "b", "c")
    (finding,) = check_splits(open_dataset(voc.root))
    assert (finding.kind.name, finding.path.name) == ("split-overlap", "b.jpg")
    assert finding.message == "stands in train and val"
    assert twins(voc) == []


@pytest.mark.parametrize("union", ["trainval", "all", "default"])
def test_a_list_of_others_taken_together_shares_its_images_rightly(voc, union):
    for stem in "abc":
        voc.add(stem, CAT)
    voc.split("train", "a", "c")
    voc.split("val", "b")
    voc.split(union, "a", "b", "c")
    assert check_splits(open_dataset(voc.root)) == []


def test_training_on_all_that_is_measured_on_is_no_such_list(voc):
    for stem in "ab":
        voc.add(stem, CAT)
    voc.split("train", "a", "b")
    voc.split("val", "a")
    voc.split("test", "b")
    assert [one.message for one in check_splits(open_dataset(voc.root))] == [
        "stands in test and train",
        "stands in train and val",
    ]


def balance(voc) -> list[str]:
    findings = check_balance(open_dataset(voc.root))
    return [f"{finding.kind.name}: {finding.element} {finding.message}" for finding in findings]


def test_a_class_with_few_objects(voc):
    voc.add("a", *[CAT] * 40, *[("dog", 10, 10, 50, 50)] * 9)
    assert balance(voc) == [
        "class-imbalance: class 'dog' has 9 objects, where the most frequent class has 40"
    ]


def test_a_class_a_hundred_times_rarer_than_another(voc):
    voc.add("a", *[CAT] * 2000, *[("dog", 10, 10, 50, 50)] * 19, *[("cow", 9, 9, 50, 50)] * 20)
    assert [line.split(" has")[0] for line in balance(voc)] == ["class-imbalance: class 'dog'"]


def test_a_class_that_a_split_lacks(voc):
    voc.add("a", *[CAT] * 10, *[("dog", 10, 10, 50, 50)] * 10)
    voc.add("b", *[CAT] * 10)
    voc.split("train", "a")
    voc.split("val", "b")
    assert balance(voc) == ["class-missing-in-split: class 'dog' has no object in val, 10 in all"]


def test_a_class_without_objects(voc):
    voc.add("a", *[CAT] * 10)
    dataset = open_dataset(voc.root, classes=["cat", "unicorn"])
    (finding,) = check_balance(dataset)
    assert (finding.kind.name, finding.element) == ("class-without-objects", "class 'unicorn'")


def test_real_data_has_twins_where_people_see_them(test_data):
    """BCCD photographs two slides twice, one for training and validation, one (moved a little)
    for validation and test; its other images of look-alike cells are not taken for twins."""
    dataset = open_dataset(test_data / "data" / "bccd")
    found = check_twins(dataset, look_at_images(dataset.samples))
    assert [(f.kind.name, f.message) for f in found] == [
        ("leak", "1 of 72 images in test shows a scene of val"),
        ("leak", "1 of 87 images in val shows a scene of train"),
        (
            "leak",
            "BloodImage_00037.jpg (val) and BloodImage_00038.jpg (train) look alike "
            "(4 of 64 bits differ)",
        ),
        ("leak", "BloodImage_00386.jpg (val) and BloodImage_00391.jpg (test) show one scene"),
    ]


@pytest.mark.parametrize("name", ["VOCdevkit/VOC2012", "coco"])
def test_real_photos_are_no_twins(test_data, name):
    dataset = open_dataset(test_data / "data" / name)
    assert check_twins(dataset, look_at_images(dataset.samples)) == []


def test_raccoons_were_collected_twice(test_data):
    dataset = open_dataset(test_data / "data" / "raccoon")
    found = check_twins(dataset, look_at_images(dataset.samples))
    pairs = [sorted(path.stem[8:] for path in (f.path, *f.others)) for f in found]
    assert sorted(map(tuple, pairs)) == [
        ("11", "116"), ("120", "83"), ("21", "45"), ("50", "52"), ("51", "85"), ("52", "74"),
        ("65", "98"),
    ]  # fmt: skip


def reach(*samples) -> dict[str, str]:
    """Findings about the anchors of coco_300, by kind."""
    dataset = Dataset("d", samples[0].path, ClassMap(("cat",)), samples)
    coverage = measure_anchor_coverage(samples, ModelConfig(), "coco_300")
    return {f.kind.name: f.message for f in check_anchors(dataset, coverage)}


def test_a_small_object_is_out_of_the_anchors_reach(sample_of):
    assert reach(sample_of([[100, 50, 106, 53]])) == {  # 9x9 px at 300
        "unreached-box": "1 of 1 objects (100.0%): 1 are under 16 px, "
        "0 are over 3 times as long as wide",
        "small-after-resize": "1 of 1 objects (100%) are under 16 px",
    }


def test_large_objects_and_none_are_no_finding(sample_of):
    assert reach(sample_of([[20, 10, 180, 90]])) == {}
    assert reach(sample_of([])) == {}
