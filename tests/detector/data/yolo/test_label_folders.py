"""Text files are found where tools put them, and nowhere above the data set."""

import pytest

from detector.data.open import open_dataset
from detector.data.yolo.label_folders import LabelFolders

LINE = "0 0.5 0.5 0.5 0.5"


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        pytest.param("images/a.jpg", "labels/a.txt", id="labels for images"),
        pytest.param("images/a.jpg", "images/a.txt", id="beside, though in images"),
        pytest.param("a.jpg", "a.txt", id="beside"),
        pytest.param("a.jpg", "labels/a.txt", id="labels below"),
        pytest.param("train/images/a.jpg", "train/labels/a.txt", id="splits outside"),
        pytest.param("images/train/a.jpg", "labels/train/a.txt", id="splits inside"),
        pytest.param("a\u0308.jpg", "\u00e4.txt", id="accents in two pieces"),
        pytest.param("images/e\u0301.jpg", "labels/\u00e9.txt", id="likewise in labels"),
        pytest.param("images/\u00e9.jpg", "labels/e\u0301.txt", id="the other way round"),
        pytest.param("images/train/images/a.jpg", "images/train/labels/a.txt", id="images twice"),
        pytest.param("train/a.jpg", "labels/train/a.txt", id="mirrored"),
        pytest.param("JPEGImages/x/a.jpg", "labels/x/a.txt", id="mirrored, first folder other"),
        pytest.param("Images/a.JPG", "Labels/a.txt", id="upper case"),
        pytest.param("images/a.b.jpg", "labels/a.b.txt", id="two dots"),
    ],
)
@pytest.mark.parametrize("above", ["", "images", "images/of/images"])
def test_where_labels_lie(make, image, labels, above):
    make.root = make.root / above if above else make.root
    path = make.image(image)
    make.text(labels, LINE)
    assert LabelFolders(make.root).file_of(path) == (make.root / labels, True)


@pytest.mark.parametrize("above", ["images", "images/project", "images/images/x"])
def test_a_folder_named_images_above_the_data_set_does_not_count(make, above):
    make.image(f"{above}/a.jpg")
    make.text(f"{above}/a.txt", LINE)
    dataset = open_dataset(make.root / above)
    assert [len(sample) for sample in dataset] == [1]


def test_the_folder_of_images_alone_may_be_opened(make):
    make.yolo({"a": LINE})
    assert [len(sample) for sample in open_dataset(make.root / "images")] == [1]


def test_one_folder_counts_for_all_images_of_another(make, kinds):
    """A stray text file beside an image is not read where the others lie in `labels`."""
    make.yolo({"a": LINE})
    make.image("images/b.jpg")
    make.text("images/b.txt", "a caption")
    assert kinds(open_dataset(make.root)) == ["missing-label-file"]
