import shutil

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.data.open import open_dataset
from training.run.negatives import lacks_negatives, with_negatives, without_objects
from training.run.splits import fingerprint, split_lists, train_val


@pytest.fixture
def splits(squares):
    whole = open_dataset(str(squares))
    return train_val(whole.split("train"), whole.split("val"))


@pytest.fixture
def streets(tmp_path):
    """Twelve images, in the folder and below it, that show none of the classes."""
    folder = tmp_path / "streets"
    rng = np.random.default_rng(0)
    for index in range(12):
        place = folder / ("" if index % 2 else "night") / f"{'abcdefghijkl'[index]}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8))
        coarse.resize((70, 50), Image.Resampling.BICUBIC).save(place)
    return folder


def test_they_join_both_splits_and_show_no_object(splits, streets):
    training, validation, notes = with_negatives(*splits, streets, {})
    learnt, measured = len(training) - len(splits[0]), len(validation) - len(splits[1])
    assert learnt + measured == 12 and 2 <= measured <= 5
    assert without_objects(training) == learnt
    assert training.object_counts() == splits[0].object_counts()
    sample = training[len(training) - 1]
    assert (len(sample), sample.height, sample.width) == (0, 50, 70)
    assert notes == [
        f"12 images without objects from {streets}: {learnt} to learn from, {measured} to validate"
    ]
    assert validation.name == f"{splits[1].name} with {measured} images without objects"


def test_they_are_the_same_wherever_they_lie_and_count_as_data(splits, streets, tmp_path):
    runs = [with_negatives(*splits, streets, {})[:2]]
    moved = streets.rename(tmp_path / "elsewhere")
    runs.append(with_negatives(*splits, moved, {})[:2])
    (moved / "b.png").unlink()
    runs.append(with_negatives(*splits, moved, {})[:2])
    first, second, fewer = (fingerprint(*run) for run in runs)
    assert first == second != fewer
    assert first != fingerprint(*splits)


def test_the_record_of_the_run_lists_them_apart_from_the_data_set(splits, streets):
    lists = split_lists(*with_negatives(*splits, streets, {})[:2], str(streets))
    listed = [name for name in lists["train"] + lists["val"] if name.startswith("--negatives/")]
    assert len(listed) == 12
    assert {"--negatives/night/a.png", "--negatives/b.png"} <= set(listed)
    assert len(lists["train"] + lists["val"]) == 12 + 10


@pytest.mark.parametrize("side", [True, False])
def test_they_stay_on_the_side_that_a_record_names(splits, streets, side):
    before = {f"--negatives/{name}": side for name in ("night/a.png", "b.png", "night/c.png")}
    both = with_negatives(*splits, streets, before)[:2]
    part = split_lists(*both, str(streets))["val" if side else "train"]
    assert before.keys() <= set(part)


def test_one_that_cannot_be_read_is_left_out_and_told(splits, streets):
    (streets / "b.png").write_bytes(b"no image")
    (streets / "d.png").write_bytes(b"")
    training, validation, notes = with_negatives(*splits, streets, {})
    assert len(training) + len(validation) == 10 + 10
    assert notes[1].startswith(f"2 images of {streets} cannot be read, and are left out: ")


def refused(splits, folder, says):
    with pytest.raises(UserError, match=says) as caught:
        with_negatives(*splits, folder, {})
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_refused(splits, tmp_path):
    refused(splits, tmp_path / "none", "no such folder of images without objects: ")


def test_a_folder_without_images_is_refused(splits, tmp_path):
    (tmp_path / "notes.txt").write_text("none here")
    refused(splits, tmp_path, "holds no image; name a folder of images without objects")


def test_a_folder_of_damaged_images_is_refused(splits, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.png").write_bytes(b"no image")
    refused(splits, tmp_path / "bad", "none of the images of .*bad can be read: ")


@pytest.mark.parametrize("name", ["pa.jpg", "under_another_name.jpg"])
def test_an_image_of_the_data_set_is_no_negative(splits, squares, streets, name):
    shutil.copy(squares / "JPEGImages/pa.jpg", streets / name)
    refused(splits, streets, rf"1 image of .*streets is in the data set already, .*{name}; take it")


def test_nor_are_the_images_of_the_data_set_themselves(splits, squares):
    refused(splits, squares / "JPEGImages", "10 images of .* are in the data set .*; take them out")


@pytest.mark.parametrize(
    ("classes", "empty", "warns"), [(1, 0, True), (1, 1, False), (2, 0, False)]
)
def test_a_single_class_without_negatives_is_warned_of(classes, empty, warns):
    assert bool(lacks_negatives(classes, empty)) == warns
