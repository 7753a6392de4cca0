import json

import pytest

from detector.data.open import open_dataset


def boxed(label="cell", x=25.5, y=19.25, width=30.5, height=21.5):
    edges = {"x": x, "y": y, "width": width, "height": height}
    return {"label": label, "coordinates": edges}


def entry(image, *annotations, key="image"):
    return {key: image, "annotations": list(annotations)}


@pytest.fixture
def create_ml(make):
    """Writes CreateML's JSON and its images: `create_ml(entry, ..., name="a.json")`."""

    def write(*entries, name="annotations.json"):
        folder = name.rpartition("/")[0]
        for one in entries:
            make.image(f"{folder}/{one.get('image') or one.get('imagefilename')}".lstrip("/"))
        return make.text(name, json.dumps(entries))

    return write


@pytest.mark.parametrize("key", ["image", "imagefilename"])
def test_the_centre_and_size_in_pixels(make, create_ml, key):
    path = create_ml(entry("a.jpg", boxed(), key=key), entry("b.jpg", key=key))
    for data in (path, make.root):
        dataset = open_dataset(data)
        assert dataset.form == "CreateML"
        assert dataset[0].boxes.tolist() == [[10.25, 8.5, 40.75, 30]]
        assert len(dataset[1]) == 0


def test_a_file_for_each_image(make, create_ml):
    """As labelImg writes it."""
    create_ml(entry("a.jpg", boxed()), name="a.json")
    create_ml(entry("b.jpg", boxed("bin")), name="b.json")
    dataset = open_dataset(make.root)
    assert dataset.classes.names == ("bin", "cell")
    assert [sample.image_id for sample in dataset] == ["a", "b"]


def test_a_folder_for_each_split(make, create_ml):
    """As Roboflow exports it."""
    for split in ("train", "valid", "test"):
        create_ml(entry(f"{split}.jpg", boxed()), name=f"{split}/_annotations.createml.json")
    assert list(open_dataset(make.root).splits) == ["train", "valid", "test"]


def test_a_file_for_each_split(make, create_ml):
    create_ml(entry("a.jpg", boxed()), name="train.json")
    create_ml(entry("b.jpg", boxed()), name="val.json")
    assert list(open_dataset(make.root).splits) == ["train", "val"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (boxed(label=""), "has no class"),
        (boxed(x="left"), "its x is 'left', not a number"),
        (boxed(height=None), "its height is 'None'"),
        ({"label": "cell"}, "its x is 'None'"),
        (7, "has no class"),
    ],
)
def test_what_is_no_box_is_left_out_and_told(make, create_ml, kinds, wrong, says):
    create_ml(entry("a.jpg", boxed(), wrong))
    dataset = open_dataset(make.root)
    assert len(dataset[0]) == 1
    assert kinds(dataset) == ["bad-object"]
    assert says in str(dataset.findings[0])


@pytest.mark.parametrize("name", ["gone.jpg", "", 3])
def test_an_image_that_is_not_there_is_told(make, create_ml, kinds, name):
    create_ml(entry("a.jpg", boxed()))
    make.text("annotations.json", json.dumps([entry("a.jpg", boxed()), entry(name, boxed())]))
    assert kinds(open_dataset(make.root)) == ["missing-picture"]
