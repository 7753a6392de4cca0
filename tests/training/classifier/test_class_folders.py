import shutil

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from training.classifier.class_data import Images, load_images
from training.classifier.class_folders import open_class_data


@pytest.fixture
def put(tmp_path):
    """Writes images of noise, no two alike: `put("train/cat", 3)` gives the folder's images."""
    rng = np.random.default_rng(0)

    def write(folder: str, count: int = 1):
        parent = tmp_path / "data" / folder
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (6, 8, 3), np.uint8)
            Image.fromarray(pixels).save(parent / f"{number}.png")
        return sorted(parent.iterdir())

    write.root = tmp_path / "data"
    return write


def counts(data) -> dict[str, list[int]]:
    """Images of each class, by split."""
    return {
        name: np.bincount(part.labels, minlength=len(data.classes)).tolist()
        for name, part in data.splits.items()
    }


def held_out_pixels(data) -> set[bytes]:
    val = data.splits["val"]
    return {val.read(i).tobytes() for i in range(len(val))}


def test_each_folder_is_a_class_in_the_order_of_its_name(put):
    put("dog", 5)
    put("cat", 10)
    data = open_class_data(put.root)
    assert data.classes == ("cat", "dog")
    assert counts(data) == {"train": [8, 4], "val": [2, 1]}
    assert "made train (12) and val (3), a fifth of each class, by hash" in data.notes[0]


def test_the_images_held_out_depend_on_content_alone(put, tmp_path):
    put("dog", 20)
    images = put("cat", 20)
    before = held_out_pixels(open_class_data(put.root))
    for image in images:
        image.rename(image.with_name(f"renamed{image.name}"))
    shutil.copytree(put.root, tmp_path / "elsewhere")
    assert held_out_pixels(open_class_data(tmp_path / "elsewhere")) == before


def test_copies_of_an_image_stay_on_one_side(put):
    put("dog", 2)
    for image in put("cat", 10):
        shutil.copy(image, image.with_name(f"copy{image.name}"))
    data = open_class_data(put.root)
    train = data.splits["train"]
    in_train = {train.read(i).tobytes() for i in range(len(train))}
    assert not in_train & held_out_pixels(data)


@pytest.mark.parametrize(("name", "split"), [("val", "val"), ("valid", "val"), ("test", "test")])
def test_splits_above_the_class_folders_are_taken(put, name, split):
    for folder in ("cat", "dog"):
        put(f"train/{folder}", 2)
    put(f"{name}/dog", 3)
    data = open_class_data(put.root)
    assert counts(data) == {"train": [2, 2], split: [0, 3]}
    assert data.held_out == split
    assert data.notes == (f"{split} has no images of 1 of 2 classes (cat ...)",)


def test_train_alone_is_split(put):
    put("train/cat", 5)
    put("train/dog", 5)
    assert counts(open_class_data(put.root)) == {"train": [4, 4], "val": [1, 1]}


def test_a_folder_of_images_of_trains_is_a_class(put):
    put("train", 5)
    put("bus", 5)
    assert open_class_data(put.root).classes == ("bus", "train")


def test_images_deeper_down_belong_to_the_class(put):
    put("cat/2023", 3)
    put("cat/2024", 2)
    put("dog", 5)
    assert counts(open_class_data(put.root))["train"] == [4, 4]


def test_what_is_no_class_is_left_out(put):
    for folder in ("cat", "dog", ".cache"):
        put(folder, 5)
    (put.root / "notes").mkdir()
    (put.root / "notes" / "read.txt").write_text("no image")
    (put.root / "cat" / "._0.png").write_bytes(b"what a Mac leaves")
    data = open_class_data(put.root)
    assert data.classes == ("cat", "dog")
    assert counts(data)["train"] == [4, 4]


def test_hidden_folders_within_a_class_are_left_out(put):
    """Jupyter's copies would stand on both sides of a split."""
    put("cat", 5)
    put("dog", 5)
    put("cat/.ipynb_checkpoints", 3)
    put("train2/.hidden", 3)
    assert counts(open_class_data(put.root)) == {"train": [4, 4], "val": [1, 1]}


def test_a_class_of_one_image_is_trained_on(put):
    put("cat", 1)
    put("dog", 5)
    data = open_class_data(put.root)
    assert counts(data) == {"train": [1, 4], "val": [0, 1]}
    assert "cat has one image: it is not measured" in data.notes


@pytest.mark.parametrize(
    ("folders", "reason"),
    [
        pytest.param(["cat"], r"holds one class only \(cat\)", id="one class"),
        pytest.param([], "holds no class folders", id="nothing"),
        pytest.param(["."], "holds images, but no class folders", id="no folders"),
        pytest.param(
            ["train/cat", "train/dog", "val/fox"], "a class 'fox' that train lacks", id="x"
        ),
        pytest.param(["val/cat", "val/dog"], "has val but no train folder", id="no train"),
        pytest.param(["train/a", "train/b", "val/a", "valid/a"], "the same split", id="two vals"),
        pytest.param(["cat", "dog"], "one image of each class", id="nothing to hold out"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(put, folders, reason):
    put.root.mkdir()
    for folder in folders:
        put(folder)
    with pytest.raises(UserError, match=reason) as caught:
        open_class_data(put.root)
    assert "\n" not in str(caught.value)


def test_data_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match="no such data"):
        open_class_data(tmp_path / "nowhere")


def test_a_file_that_is_no_data_is_said(tmp_path):
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(UserError, match="neither a folder of class folders nor CIFAR-10"):
        open_class_data(tmp_path / "a.csv")


def test_broken_images_are_left_out_and_named(put):
    put("cat", 10)
    broken = put("dog", 10)[3]
    broken.write_bytes(broken.read_bytes()[:60])
    data = open_class_data(put.root)
    loaded = [load_images(part, 16, name) for name, part in data.splits.items()]
    failed = [line for one in loaded for line in one.failed]
    assert len(failed) == 1 and str(broken) in failed[0]
    assert sum(len(one.images) for one in loaded) == sum(len(one.labels) for one in loaded) == 19


def test_images_are_resized_as_a_detector_resizes(put):
    put("cat", 2)
    put("dog", 2)
    part = open_class_data(put.root).splits["train"]
    loaded = load_images(part, 32, "train")
    assert loaded.images.shape == (2, 32, 32, 3)
    assert loaded.images.dtype == np.uint8


def test_images_that_cannot_fit_into_memory_are_refused_before_they_are_read(put):
    put("cat", 2)
    put("dog", 2)
    part = open_class_data(put.root).splits["train"]
    with pytest.raises(UserError, match="use a smaller --resolution"):
        load_images(Images(np.zeros(10**6, int), part.read), 2048, "train")
