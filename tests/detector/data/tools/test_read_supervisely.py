import base64
import io
import json
import zlib

import numpy as np
import pytest
from PIL import Image

from detector.data.open import open_dataset


def rectangle(*corners, title="cell"):
    points = {"exterior": [list(corners[:2]), list(corners[2:])], "interior": []}
    return {"classTitle": title, "geometryType": "rectangle", "points": points, "tags": []}


@pytest.fixture
def supervisely(make):
    """Writes a project: `supervisely({"ds/a": [object, ...]})`."""

    def write(images):
        classes = [{"title": name, "shape": "rectangle"} for name in ("cell", "dust bin")]
        make.text("meta.json", json.dumps({"classes": classes, "tags": []}))
        for place, objects in images.items():
            folder, _, stem = place.rpartition("/")
            make.image(f"{folder}/img/{stem}.jpg")
            size = {"height": 48, "width": 64}
            content = {"description": "", "tags": [], "size": size, "objects": objects}
            make.text(f"{folder}/ann/{stem}.jpg.json", json.dumps(content))

    return write


def test_whole_numbers_are_pixels_with_the_last_inside(make, supervisely):
    """As the SDK writes them: `right - left + 1` is its width."""
    supervisely({"ds/a": [rectangle(0, 0, 63, 47)], "ds/b": []})
    for data in (make.root, make.root / "meta.json", make.root / "ds"):
        dataset = open_dataset(data)
        assert dataset.form == "Supervisely"
        assert [sample.boxes.tolist() for sample in dataset] == [[[0, 0, 64, 48]], []]
        assert "the last pixel is taken as inside" in dataset.notes[0]
    assert open_dataset(make.root).classes.names == ("cell", "dust bin")


def test_fractions_are_continuous_edges(make, supervisely):
    """As the labelling tool writes them."""
    supervisely({"ds/a": [rectangle(1.5, 2.25, 30, 40), rectangle(9, 8, 5, 6)]})
    assert open_dataset(make.root)[0].boxes.tolist() == [[1.5, 2.25, 30, 40], [5, 6, 9, 8]]


def test_folders_of_splits(make, supervisely):
    supervisely({"train/a": [rectangle(1, 1, 9, 9)], "val/a": [rectangle(2, 2, 9, 9)]})
    dataset = open_dataset(make.root)
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train": [0],
        "val": [1],
    }
    assert [sample.path.parent.parent.name for sample in dataset] == ["train", "val"]


def bitmap(mask):
    data = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(data, "PNG")
    packed = base64.b64encode(zlib.compress(data.getvalue())).decode()
    bitmap = {"data": packed, "origin": [10, 20]}
    return {"classTitle": "cell", "geometryType": "bitmap", "bitmap": bitmap}


def test_a_bitmap_has_bounds(make, supervisely):
    supervisely({"ds/a": [bitmap(np.pad(np.ones((3, 5), bool), 1))]})
    assert open_dataset(make.root)[0].boxes.tolist() == [[11, 21, 16, 24]]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({**rectangle(1, 1, 2, 2), "geometryType": "point"}, "is a point, which has no box"),
        ({**rectangle(1, 1, 2, 2), "geometryType": "graph"}, "is a graph, which has no box"),
        ({**rectangle(1, 1, 2, 2), "classTitle": None}, "has no class"),
        ({**rectangle(1, 1, 2, 2), "points": {}}, "has no points"),
        ({**bitmap(np.ones((2, 2), bool)), "bitmap": {"origin": [1, 2]}}, "cannot be read"),
        ({**bitmap(np.zeros((2, 2), bool))}, "has an empty mask"),
    ],
)
def test_an_object_without_a_box_is_refused_by_name(make, supervisely, kinds, wrong, says):
    supervisely({"ds/a": [rectangle(1, 1, 9, 9), wrong]})
    dataset = open_dataset(make.root)
    assert kinds(dataset) == ["bad-object"]
    assert says in str(dataset.findings[0])
