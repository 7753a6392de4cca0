import json

import pytest

from detector.data.open import open_dataset


@pytest.fixture
def fiftyone(make):
    """Writes `labels.json` and the images `data/a.jpg`, ..."""

    def write(labels, classes=("cell", "dust bin")):
        for stem in labels:
            make.image(f"data/{stem}.jpg")
        return make.text("labels.json", json.dumps({"classes": classes, "labels": labels}))

    return write


def found(label=0, box=(0.25, 0.5, 0.25, 0.25)):
    return {"label": label, "bounding_box": list(box)}


def test_fractions_by_stem(make, fiftyone):
    path = fiftyone({"a": [found(), found(1)], "b": []})
    for data in (path, make.root):
        dataset = open_dataset(data)
        assert dataset.form == "FiftyOne"
        assert dataset.classes.names == ("cell", "dust bin")
        assert dataset[0].boxes.tolist() == [[16, 24, 32, 36]] * 2
        assert dataset[0].labels.tolist() == [0, 1]
        assert len(dataset[1]) == 0
        assert not dataset.findings


def test_names_in_the_place_of_numbers(make, fiftyone):
    fiftyone({"a": [found("cell")]}, classes=None)
    assert open_dataset(make.root).classes.names == ("cell",)


@pytest.mark.parametrize("wrong", [found(7), found(None), found(box=(1, 2, 3)), found(box="abcd")])
def test_a_detection_without_a_box_is_left_out_and_told(make, fiftyone, kinds, wrong):
    fiftyone({"a": [found(), wrong]})
    dataset = open_dataset(make.root)
    assert len(dataset[0]) == 1
    assert kinds(dataset) == ["bad-object"]
