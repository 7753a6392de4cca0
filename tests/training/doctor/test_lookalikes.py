import shutil

import numpy as np
import pytest
from PIL import Image

from detector.data.open import open_dataset
from training.doctor.image_checks import look_at_images
from training.doctor.lookalikes import check_twins

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


def test_one_file_in_two_splits_is_no_pair_of_twins(voc):
    for stem in "abc":
        voc.add(stem, CAT)
    voc.split("train", "a", "b")
    voc.split("val", "b", "c")
    assert twins(voc) == []


def messages(voc) -> list[str]:
    dataset = open_dataset(voc.root)
    return [f.message for f in check_twins(dataset, look_at_images(dataset.samples))]


def test_the_leaking_images_of_each_split_are_counted(voc):
    for stem in "abcdef":
        voc.add(stem, CAT)
    copy(voc, "a", "x")
    copy(voc, "b", "y", smaller)
    copy(voc, "c", "z")
    voc.split("train", "a", "b", "d")
    voc.split("val", "x", "c", "e")
    voc.split("test", "y", "z", "f")
    assert messages(voc)[:2] == [
        "2 of 3 images in test show a scene of val or train",
        "1 of 3 images in val shows a scene of train",
    ]


def test_a_trainval_without_train_and_val_is_compared_with_test(voc):
    """As VOC2007 comes."""
    voc.add("a", CAT)
    copy(voc, "a", "b", smaller)
    voc.split("trainval", "a")
    voc.split("test", "b")
    assert twins(voc) == [("leak", ["a", "b"])]


def shifted(voc, stem: str, step: int) -> None:
    """A frame of a camera that moves sideways over a scene."""
    voc.add(stem, CAT)
    coarse = np.random.default_rng(5).integers(0, 256, (12, 40, 3), np.uint8)
    wide = Image.fromarray(coarse).resize((640, 192), Image.Resampling.BICUBIC)
    wide.crop((40 * step, 0, 40 * step + 256, 192)).save(voc.root / f"JPEGImages/{stem}.jpg")


def test_frames_of_one_video_are_one_finding_that_begins_with_two_that_were_compared(voc):
    stems = [f"frame{i}" for i in range(8)]
    for step, stem in enumerate(stems):
        shifted(voc, stem, step)
    voc.split("train", *stems[::2])
    voc.split("val", *stems[1::2])
    headline, message = messages(voc)
    assert headline == "4 of 4 images in val show a scene of train"
    assert message.startswith("frame0.jpg (train), frame1.jpg (val), ")
    assert "4 more" in message


@pytest.mark.parametrize("count", [40, 80])
def test_pairs_of_equal_files_grow_as_the_files_do(voc, count):
    from training.doctor import lookalikes

    voc.add("a", CAT)
    stems = [f"copy{i}" for i in range(count - 1)]
    for stem in stems:
        copy(voc, "a", stem)
    voc.split("train", "a", *stems[::2])
    voc.split("val", *stems[1::2])
    dataset = open_dataset(voc.root)
    images = look_at_images(dataset.samples)
    assert len(lookalikes._equal_pairs(images, lookalikes._sides(dataset))) <= 3 * count
    (leak,) = [f for f in check_twins(dataset, images) if f.kind.name == "leak" and f.others]
    assert len(leak.others) == count - 1


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
