from unicodedata import normalize

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

LISTS = "ImageSets/Main"


@pytest.fixture
def pair(make, obj):
    """Writes an image and its annotation, the object 40 px wide: `pair(image, annotation)`."""

    def write(image, annotation, filename=None):
        make.image(image)
        make.xml(annotation, obj("cat", 1, 1, 40, 48), size=(64, 48), filename=filename)

    return write


def ids(dataset):
    return [sample.image_id for sample in dataset]


def splits(dataset):
    return {name: [dataset[i].image_id for i in rows] for name, rows in dataset.splits.items()}


def paths(dataset):
    return [str(sample.path.relative_to(dataset.path)) for sample in dataset]


@pytest.mark.parametrize(
    ("image", "annotation"),
    [
        pytest.param("data/a.jpg", "labels/a.xml", id="FiftyOne"),
        pytest.param("JPEGImages/task/a.jpg", "Annotations/task/a.xml", id="a task of CVAT"),
        pytest.param("images/x/y/a.jpg", "annotations/x/y/a.xml", id="two levels"),
        pytest.param("images/a.jpg", "annotations/x/a.xml", id="only annotations have folders"),
        pytest.param("images/x/a.jpg", "annotations/a.xml", id="only images have folders"),
        pytest.param("train/a.jpg", "annotations/train/a.xml", id="images in the root"),
        pytest.param("images/x/a.jpg", "images/x/a.xml", id="side by side"),
        pytest.param("images/a.JPG", "annotations/a.xml", id="large suffix"),
        pytest.param("images/a.jpg", "annotations/a.XML", id="large suffix of the annotation"),
        pytest.param("images/A.jpg", "annotations/a.xml", id="another case"),
    ],
)
def test_where_images_and_annotations_are(make, pair, image, annotation):
    pair(image, annotation)
    dataset = open_dataset(make.root)
    assert paths(dataset) == [image]
    assert not dataset.findings


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_accents_in_one_piece_or_in_two(make, pair, on_disk, written):
    name = "Käfig é"
    pair(
        f"images/{normalize(on_disk, name)}.jpg",
        f"annotations/{normalize(written, name)}.xml",
        filename=f"{normalize(written, name)}.jpg",
    )
    make.text(f"{LISTS}/train.txt", f"{normalize(on_disk, name)}\n")
    make.text(f"{LISTS}/val.txt", "")
    dataset = open_dataset(make.root)
    assert splits(dataset) == {"train": [normalize("NFC", name)], "val": []}
    assert not dataset.findings


def test_equal_names_in_different_folders_are_told_apart(make, obj):
    for number, folder in enumerate(("one", "two"), start=1):
        make.image(f"images/{folder}/a.jpg")
        make.xml(f"annotations/{folder}/a.xml", obj("cat", 1, 1, 10 * number, 48))
    dataset = open_dataset(make.root)
    assert ids(dataset) == ["one/a", "two/a"]
    assert paths(dataset) == ["images/one/a.jpg", "images/two/a.jpg"]
    assert [sample.boxes[0, 2] for sample in dataset] == [10, 20]


@pytest.mark.parametrize("annotations", ["annotations", "images"])
@pytest.mark.parametrize("folder", ["train", "project/train", "Train"])
def test_folders_that_are_named_as_splits_are_splits(make, pair, annotations, folder):
    pair(f"images/{folder}/a.jpg", f"{annotations}/{folder}/a.xml")
    pair("images/val/b.jpg", f"{annotations}/val/b.xml")
    dataset = open_dataset(f"{make.root}:train")
    assert ids(dataset) == [f"{folder}/a"]
    assert paths(open_dataset(f"{make.root}:val")) == ["images/val/b.jpg"]


def test_folders_of_tasks_are_no_splits(make, pair):
    for task in ("monday", "tuesday"):
        pair(f"images/{task}/{task}.jpg", f"annotations/{task}/{task}.xml")
    assert open_dataset(make.root).splits == {}


def test_an_image_belongs_to_one_annotation(make, pair, kinds):
    """A backup of the annotations is no second set of images."""
    pair("images/a.jpg", "annotations/a.xml")
    pair("images/a.jpg", "annotations/old/a.xml")
    dataset = open_dataset(make.root)
    assert len(dataset) == 1
    assert kinds(dataset) == ["missing-picture"]
    assert "a.jpg is that of a.xml" in str(dataset.findings[0])


def test_the_second_of_two_images_of_one_name_is_told(make, pair, kinds):
    pair("images/a.jpg", "annotations/a.xml", filename="a.jpg")
    make.image("images/a.png")
    dataset = open_dataset(make.root)
    assert paths(dataset) == ["images/a.jpg"]
    assert "a.png: a.xml is another's" in str(dataset.findings[0])


@pytest.mark.parametrize("name", ["images/x/c.jpg", "images/c.jpg"])
def test_images_without_annotation_are_told_wherever_they_lie(make, pair, name, kinds):
    pair("images/x/a.jpg", "annotations/x/a.xml")
    make.image(name)
    assert kinds(open_dataset(make.root)) == ["missing-annotation"]


def test_other_images_below_a_loose_folder_are_not_meant(make, pair):
    pair("a.jpg", "annotations/a.xml")
    make.image("docs/figure.png")
    assert not open_dataset(make.root).findings


def test_whole_data_sets_below_data_are_not_read_as_one(make, pair):
    pair("data/one/images/a.jpg", "data/one/annotations/a.xml")
    with pytest.raises(UserError, match="not recognised"):
        open_dataset(make.root)


# ---- lists


@pytest.mark.parametrize("line", ["b", "b.jpg", "JPEGImages/b.jpg", "./b", '"b"', "b.JPG"])
def test_a_listed_image_without_xml_is_empty(make, line):
    """CVAT and datumaro write no XML for an image without objects."""
    make.voc("a")
    make.image("JPEGImages/b.jpg")
    make.text(f"{LISTS}/default.txt", f"a\n{line}\n")
    dataset = open_dataset(make.root)
    assert ids(dataset) == ["a", "b"]
    assert len(dataset[1]) == 0
    assert (dataset[1].height, dataset[1].width) == (48, 64)
    assert dataset.splits == {}
    assert not dataset.findings
    assert "1 image listed in ImageSets without an XML: taken as empty" in dataset.notes


def test_empty_images_are_counted_in_one_note(make):
    make.voc("a")
    for stem in "bcd":
        make.image(f"JPEGImages/{stem}.jpg")
    make.text(f"{LISTS}/train.txt", "a\nb\n")
    make.text(f"{LISTS}/val.txt", "b\nc\nd\n")
    dataset = open_dataset(make.root)
    assert splits(dataset) == {"train": ["a", "b"], "val": ["b", "c", "d"]}
    assert "3 images listed in ImageSets without an XML: taken as empty" in dataset.notes


@pytest.mark.parametrize("damaged", ["", "<annotation><obj", "<svg/>"])
def test_an_xml_that_cannot_be_read_is_no_empty_image(make, damaged, kinds):
    make.voc("a", "b", train="a b")
    make.text("Annotations/b.xml", damaged)
    dataset = open_dataset(make.root)
    assert ids(dataset) == ["a"]
    assert kinds(dataset) == ["unreadable-annotation", "missing-from-split"]


@pytest.mark.parametrize("line", ["ghost", "ghost.jpg", "task/ghost"])
def test_what_is_neither_an_image_nor_an_xml_stays_an_error(make, line, kinds):
    make.voc("a", train="a")
    make.text(f"{LISTS}/val.txt", f"{line}\n")
    assert kinds(open_dataset(make.root)) == ["missing-from-split"]


@pytest.mark.parametrize(
    "line", ["task/a", "task/a.jpg", "JPEGImages/task/a.jpg", "data\\JPEGImages\\task\\a.jpg", "a"]
)
def test_lists_name_images_with_their_folders(make, pair, line):
    pair("JPEGImages/task/a.jpg", "Annotations/task/a.xml")
    pair("JPEGImages/task/b.jpg", "Annotations/task/b.xml")
    make.text(f"{LISTS}/train.txt", f"{line}\n")
    dataset = open_dataset(make.root)
    assert splits(dataset) == {"train": ["task/a"]}
    assert not dataset.findings


def test_lists_tell_equal_names_apart(make, pair):
    for folder in ("one", "two"):
        pair(f"JPEGImages/{folder}/a.jpg", f"Annotations/{folder}/a.xml")
    make.text(f"{LISTS}/train.txt", "one/a\n")
    make.text(f"{LISTS}/val.txt", "two/a\n")
    assert splits(open_dataset(make.root)) == {"train": ["one/a"], "val": ["two/a"]}


def test_datumaro_quotes_names_with_spaces(make, pair):
    pair("JPEGImages/my cat.jpg", "Annotations/my cat.xml")
    pair("JPEGImages/b.jpg", "Annotations/b.xml")
    make.text(f"{LISTS}/train.txt", '"my cat"\n')
    make.text(f"{LISTS}/cat_train.txt", '"my cat"  1\n')
    assert splits(open_dataset(make.root)) == {"train": ["my cat"]}


# ---- XML files that are not VOC's


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<dataset><images/></dataset>", "an XML of dlib's imglab; export Pascal VOC or COCO"),
        ("<annotation><imagesize/></annotation>", "it is LabelMe's XML; export Pascal VOC"),
        ("<annotation><object/><imagesize/></annotation>", "it is LabelMe's XML"),
        ("<html></html>", "its root is <html>"),
    ],
)
@pytest.mark.parametrize("name", ["other.xml", "annotations/other.xml"])
def test_another_tools_xml_is_named(make, text, says, name):
    make.image("images/a.jpg")
    make.text(name, text)
    with pytest.raises(UserError, match=r"other\.xml is no VOC annotation") as caught:
        open_dataset(make.root)
    assert says in str(caught.value)


def test_a_folder_of_damaged_xml_says_what_is_wrong(make):
    make.image("images/a.jpg")
    make.text("annotations/a.xml", "<annotation><obj")
    with pytest.raises(UserError, match=r"no annotation can be read, such as a\.xml: damaged XML"):
        open_dataset(make.root)


def test_another_xml_beside_those_of_voc_does_not_hide_them(make, pair):
    make.text("labels.xml", "<html/>")
    pair("a.jpg", "a.xml")
    assert len(open_dataset(make.root)) == 1


def test_an_annotation_in_utf_16(make, tmp_path, obj):
    make.image("images/a.jpg")
    (tmp_path / "annotations").mkdir()
    text = f"<annotation>{obj('Käse', 1, 1, 64, 48)}</annotation>"
    for head in ("", '<?xml version="1.0" encoding="utf-16"?>'):
        (tmp_path / "annotations/a.xml").write_bytes((head + text).encode("utf-16"))
        dataset = open_dataset(tmp_path)
        assert dataset.classes.names == ("Käse",)
        np.testing.assert_array_equal(dataset[0].boxes, [[0, 0, 64, 48]])


@pytest.mark.parametrize("place", ["set/Annotations", "set/labels/task", "set"])
def test_images_lie_where_the_user_says(make, obj, kinds, place):
    for name in "ab":
        make.image(f"photos/{name}.jpg")
    make.xml(f"{place}/a.xml", obj("cat", 1, 1, 9, 9))
    with pytest.raises(UserError, match="name their folder with --images"):
        open_dataset(make.root / "set")
    dataset = open_dataset(make.root / "set", images=make.root / "photos")
    assert [sample.path.name for sample in dataset] == ["a.jpg"]
    assert kinds(dataset) == ["missing-annotation"]  # of b.jpg


def test_splits_share_the_folder_that_the_user_names(make, obj, kinds):
    for split, name in (("train", "a"), ("val", "b")):
        make.image(f"photos/{name}.jpg")
        make.xml(f"set/{split}/{name}.xml", obj("cat", 1, 1, 9, 9))
    dataset = open_dataset(make.root / "set", images=make.root / "photos")
    assert [sample.path.name for sample in dataset] == ["a.jpg", "b.jpg"]
    assert kinds(dataset) == []
