import shutil

import numpy as np
import pytest

from detector.data.auto_split import automatic_splits
from detector.data.open import open_dataset

pytestmark = pytest.mark.slow  # hundreds of images are hashed


@pytest.fixture
def samples_of(make, obj):
    """A maker of samples by the names of their images; the class is the first word's."""

    def build(*names, classes=("cat",)):
        for number, name in enumerate(names):
            make.image(f"images/{name}.jpg", seed=number)
            make.xml(f"annotations/{name}.xml", obj(classes[number % len(classes)], 1, 1, 9, 9))
        return open_dataset(make.root).samples

    return build


def sides(samples):
    splits = automatic_splits(samples)
    return [{samples[i].path.stem for i in splits[name]} for name in ("train", "val")]


def test_every_image_is_on_one_side(samples_of):
    samples = samples_of(*(f"photo{chr(97 + i)}" for i in range(20)))
    train, val = sides(samples)
    assert len(train) + len(val) == 20
    assert not train & val
    assert len(val) == 4


def test_it_is_the_same_wherever_the_folder_lies(samples_of, make, tmp_path):
    samples = samples_of(*(f"photo{chr(97 + i)}" for i in range(20)))
    shutil.copytree(make.root / "images", tmp_path / "moved/images")
    shutil.copytree(make.root / "annotations", tmp_path / "moved/annotations")
    moved = open_dataset(tmp_path / "moved").samples
    assert sides(samples) == sides(moved)


def test_the_frames_of_one_video_stay_together(samples_of):
    names = [
        f"{video}_{frame:03}" for video in ("park", "road", "shop", "yard") for frame in range(5)
    ]
    for side in sides(samples_of(*names)):
        assert {name[:4]: sum(other[:4] == name[:4] for other in side) for name in side} == (
            dict.fromkeys({name[:4] for name in side}, 5)
        )


def test_images_augmented_from_one_source_stay_together(samples_of):
    names = [f"{name}_jpg.rf.{copy}" for name in "abcdefghij" for copy in ("0a1b", "2c3d")]
    train, val = sides(samples_of(*names))
    assert not {name[0] for name in train} & {name[0] for name in val}


def test_near_duplicates_stay_together(samples_of, make):
    names = [f"photo{chr(97 + i)}" for i in range(20)]
    samples = samples_of(*names)
    for i in range(0, 20, 2):  # each pair: one image, at another size
        make.image(f"images/{names[i + 1]}.jpg", width=96, height=72, seed=i)
    train, val = sides(samples)
    pairs = [{names[i], names[i + 1]} for i in range(0, 20, 2)]
    assert all(pair <= train or pair <= val for pair in pairs)


def test_one_sequence_is_cut_into_runs(samples_of):
    samples = samples_of(*(f"raccoon-{i}" for i in range(60)))
    train, val = sides(samples)
    tens = [{int(name.split("-")[1]) // 10 for name in side} for side in (train, val)]
    assert not tens[0] & tens[1]
    assert len(val) == 10


@pytest.mark.parametrize("cameras", [2, 3])
def test_sequences_too_long_for_a_fifth_are_cut_into_runs(samples_of, cameras):
    names = [f"cam{camera}_{frame:03}" for camera in range(cameras) for frame in range(30)]
    train, val = sides(samples_of(*names))
    assert len(val) == pytest.approx(len(names) / 5, abs=len(names) / 20)
    tens = [{name[:-1] for name in side} for side in (train, val)]
    assert not tens[0] & tens[1]


def test_a_val_that_is_long_is_better_than_a_class_that_is_lost(samples_of, make, obj):
    names = [f"cam{camera}_{frame:03}" for camera in range(3) for frame in range(20)]
    run = sides(samples_of(*names))[1]
    assert len(run) == 10
    for name in run:  # all the dogs there are
        make.xml(f"annotations/{name}.xml", obj("dog", 1, 1, 9, 9))
    _, val = sides(open_dataset(make.root).samples)
    assert len(val) == 20 and not val & run


def test_no_class_is_kept_from_training(samples_of):
    """`cat-N` beside `dog-N` are no videos: a whole "sequence" would be a whole class."""
    names = [f"{name}-{i}" for i in range(20) for name in ("cat", "dog")]
    samples = samples_of(*names, classes=("cat", "dog"))
    train, val = sides(samples)
    assert {name[:3] for name in train} == {"cat", "dog"}
    assert val


def test_all_alike_is_cut_once(samples_of, make):
    samples = samples_of(*"abcde")
    for name in "abcde":
        make.image(f"images/{name}.jpg", seed=1)
    assert sides(samples) == [{"a", "b", "c", "d"}, {"e"}]


@pytest.mark.parametrize(("count", "val"), [(1, 0), (2, 1), (3, 1)])
def test_very_small_sets(samples_of, count, val):
    train, validation = sides(samples_of(*"abc"[:count]))
    assert (len(train), len(validation)) == (count - val, val)


def test_the_real_raccoons_leave_no_look_alikes_across(test_data):
    samples = open_dataset(test_data / "data/raccoon").samples
    splits = automatic_splits(samples)
    assert len(splits["val"]) == pytest.approx(40, abs=10)
    again = automatic_splits(samples)
    np.testing.assert_array_equal(splits["val"], again["val"])
    twins = [(11, 116), (120, 83), (21, 45), (50, 52), (50, 74), (51, 85), (65, 98)]
    val = {samples[i].path.stem for i in splits["val"]}
    assert all((f"raccoon-{a}" in val) == (f"raccoon-{b}" in val) for a, b in twins)
