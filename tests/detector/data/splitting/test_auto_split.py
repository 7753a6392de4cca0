import shutil

import pytest

from detector.data.open import open_dataset

pytestmark = pytest.mark.slow  # hundreds of images are hashed


@pytest.fixture
def named(make, obj):
    """A maker of data sets by the names of their images; the class is one of `classes` in turn."""

    def build(*names, classes=("cat",)):
        for number, name in enumerate(names):
            make.image(f"images/{name}.jpg", seed=number)
            make.xml(f"annotations/{name}.xml", obj(classes[number % len(classes)], 1, 1, 9, 9))
        return open_dataset(make.root)

    return build


def sides(dataset):
    splits = dataset.with_splits().splits
    return [{dataset[i].path.stem for i in splits[name]} for name in ("train", "val")]


def test_every_image_is_on_one_side(named):
    dataset = named(*(f"photo{chr(97 + i)}" for i in range(20)))
    train, val = sides(dataset)
    assert len(train) + len(val) == 20
    assert not train & val
    assert 3 <= len(val) <= 5  # 15 to 25 %


def test_it_is_the_same_wherever_the_folder_lies(named, make, tmp_path):
    dataset = named(*(f"photo{chr(97 + i)}" for i in range(20)))
    shutil.copytree(make.root / "images", tmp_path / "moved/images")
    shutil.copytree(make.root / "annotations", tmp_path / "moved/annotations")
    assert sides(dataset) == sides(open_dataset(tmp_path / "moved"))


def test_the_frames_of_one_video_stay_together(named):
    names = [
        f"{video}_{frame:03}" for video in ("park", "road", "shop", "yard") for frame in range(5)
    ]
    for side in sides(named(*names)):
        assert {name[:4]: sum(other[:4] == name[:4] for other in side) for name in side} == (
            dict.fromkeys({name[:4] for name in side}, 5)
        )


def test_images_augmented_from_one_source_stay_together(named):
    names = [f"{name}_jpg.rf.{copy}" for name in "abcdefghij" for copy in ("0a1b", "2c3d")]
    train, val = sides(named(*names))
    assert not {name[0] for name in train} & {name[0] for name in val}


def test_near_duplicates_stay_together(named, make):
    names = [f"photo{chr(97 + i)}" for i in range(20)]
    dataset = named(*names)
    for i in range(0, 20, 2):  # each pair: one image, at another size
        make.image(f"images/{names[i + 1]}.jpg", width=96, height=72, seed=i)
    train, val = sides(dataset)
    pairs = [{names[i], names[i + 1]} for i in range(0, 20, 2)]
    assert all(pair <= train or pair <= val for pair in pairs)


def test_one_sequence_is_cut_into_runs(named):
    dataset = named(*(f"raccoon-{i}" for i in range(60)))
    train, val = sides(dataset)
    tens = [{int(name.split("-")[1]) // 10 for name in side} for side in (train, val)]
    assert not tens[0] & tens[1]
    assert len(val) == 10  # of runs of ten, 9 to 15 images


@pytest.mark.parametrize("cameras", [2, 3])
def test_sequences_too_long_for_a_fifth_are_cut_into_runs(named, cameras):
    names = [f"cam{camera}_{frame:03}" for camera in range(cameras) for frame in range(30)]
    train, val = sides(named(*names))
    assert len(val) == pytest.approx(len(names) / 5, abs=len(names) / 20)
    tens = [{name[:-1] for name in side} for side in (train, val)]
    assert not tens[0] & tens[1]


def test_the_only_group_of_a_class_is_learnt(named, make, obj):
    names = [f"cam{camera}_{frame:03}" for camera in range(3) for frame in range(20)]
    run = sides(named(*names))[1]
    assert len(run) == 10
    for name in run:  # all the dogs there are
        make.xml(f"annotations/{name}.xml", obj("dog", 1, 1, 9, 9))
    train, val = sides(open_dataset(make.root))
    assert len(val) == 10 and run <= train


def test_no_class_is_kept_from_training(named):
    """`cat-N` beside `dog-N` are no videos: a whole "sequence" would be a whole class."""
    names = [f"{name}-{i}" for i in range(20) for name in ("cat", "dog")]
    dataset = named(*names, classes=("cat", "dog"))
    train, val = sides(dataset)
    assert {name[:3] for name in train} == {name[:3] for name in val} == {"cat", "dog"}


def test_all_alike_is_cut_once(named, make):
    dataset = named(*"abcde")
    for name in "abcde":
        make.image(f"images/{name}.jpg", seed=1)
    assert sides(dataset) == [{"a", "b", "c", "d"}, {"e"}]
    assert any("1 were parted from the others" in note for note in dataset.with_splits().notes)


def test_a_new_image_that_looks_like_both_sides_goes_to_train(named, make, obj):
    dataset = named(*(f"photo{chr(97 + i)}" for i in range(24)))
    dataset.split("val").keep_splits()
    train, val = (sorted(side) for side in sides(dataset))
    make.xml("annotations/new.xml", obj("cat", 1, 1, 9, 9))
    for name in (train[0], "new"):
        shutil.copy(make.root / f"images/{val[0]}.jpg", make.root / f"images/{name}.jpg")
    whole = open_dataset(make.root).with_splits()
    assert "new" in sides(whole)[0]
    assert "1 new images belong with images of both parts: 1 joined train, 0 val" in whole.notes


def test_a_new_image_goes_to_the_side_of_what_it_looks_like(named, make, obj):
    dataset = named(*(f"photo{chr(97 + i)}" for i in range(24)))
    dataset.split("val").keep_splits()
    before = [sorted(side) for side in sides(dataset)]
    for name, (twin, *_) in zip(("one", "other"), before, strict=True):
        shutil.copy(make.root / f"images/{twin}.jpg", make.root / f"images/{name}.jpg")
        make.xml(f"annotations/{name}.xml", obj("cat", 1, 1, 9, 9))
    train, val = sides(open_dataset(make.root))
    assert "one" in train and "other" in val


@pytest.mark.parametrize(("count", "val"), [(1, 0), (2, 1), (3, 1)])
def test_very_small_sets(named, count, val):
    train, validation = sides(named(*"abc"[:count]))
    assert (len(train), len(validation)) == (count - val, val)


def test_the_real_raccoons_leave_no_look_alikes_across(test_data):
    dataset = open_dataset(test_data / "data/raccoon")
    _, val = sides(dataset)
    assert 30 <= len(val) <= 50
    assert sides(dataset)[1] == val
    twins = [(11, 116), (120, 83), (21, 45), (50, 52), (50, 74), (51, 85), (65, 98)]
    assert all((f"raccoon-{a}" in val) == (f"raccoon-{b}" in val) for a, b in twins)
