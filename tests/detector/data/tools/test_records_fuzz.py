"""Other tools' files with bytes mutated, and with values of any type in the place of others.

What is opened has finite boxes and known labels; what is not is told in one line.
"""

import copy
import json
import os
import random

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset
from tests.detector.data.tools.test_read_tfrecord import example, features, record
from tests.tools.mutate import mutate

pytestmark = pytest.mark.slow

CASES = 10_000 if os.environ.get("SSDLITE_PROOFS") else 200

JUNK = [
    None, True, False, 0, -1, 7, 1.5, 1e300, float("nan"), "", "x", "9" * 400, "a\0b", "é\n",
    [], {}, [[]], [None], [1], [1, 2], [1, 2, 3, 4], [[1, 2]], {"a": 1}, [{}], "../../a.jpg",
]  # fmt: skip

POINTS = [[1, 2], [30, 40]]
BOX = {"x": 5, "y": 5, "width": 10, "height": 20}
STUDIO = {**BOX, "rotation": 3, "rectanglelabels": ["cell"]}
SHAPE = {"label": "cell", "points": POINTS, "shape_type": "rectangle", "group_id": 1, "flags": {}}
CONTENTS = {
    "LabelMe": {
        "shapes": [SHAPE, {**SHAPE, "shape_type": "circle"}, {**SHAPE, "mask": "iVBOR"}],
        "imagePath": "a.jpg",
        "imageData": "aGVsbG8=",
        "imageHeight": 48,
        "imageWidth": 64,
    },
    "Label Studio": [
        {
            "data": {"image": "a.jpg"},
            "annotations": [
                {"result": [{"id": "r", "value": STUDIO, "original_width": 64}], "updated_at": "2"},
                {"result": [], "was_cancelled": True},
            ],
            "predictions": [],
        },
        {"data": {"image": "a.jpg"}, "annotations": [{"result": [{"value": STUDIO}]}]},
    ],
    "CreateML": [{"image": "a.jpg", "annotations": [{"label": "cell", "coordinates": BOX}]}],
    "VIA": {
        "_via_img_metadata": {
            "a": {
                "filename": "a.jpg",
                "regions": [
                    {
                        "shape_attributes": {"name": "rect", **BOX},
                        "region_attributes": {"class": "cell"},
                    }
                ],
            }
        }
    },
    "datumaro": {
        "categories": {"label": {"labels": [{"name": "cell"}]}},
        "items": [
            {
                "id": "a",
                "image": {"path": "a.jpg", "size": [48, 64]},
                "annotations": [
                    {"type": "bbox", "label_id": 0, "group": 2, "bbox": [1, 2, 3, 4]},
                    {"type": "polygon", "label_id": 0, "points": [1, 2, 3, 4, 5, 7]},
                ],
            }
        ],
    },
    "FiftyOne": {
        "classes": ["cell"],
        "labels": {"a": [{"label": 0, "bounding_box": [0.1, 0.1, 0.5, 0.5], "attributes": {}}]},
    },
    "Supervisely": {
        "size": {"height": 48, "width": 64},
        "objects": [
            {
                "classTitle": "cell",
                "geometryType": "rectangle",
                "points": {"exterior": POINTS},
                "tags": [{"name": "old", "value": 1}],
            },
            {
                "classTitle": "cell",
                "geometryType": "bitmap",
                "bitmap": {"data": "eJwB", "origin": [1, 2]},
            },
        ],
    },
}
HUGGING_FACE = {
    "file_name": "a.jpg",
    "height": 48,
    "objects": {"bbox": [[1, 2, 3, 4]], "categories": [0], "iscrowd": [0], "area": [12]},
}
TEXTS = {
    "annotations.xml": '<annotations><meta><task><labels><label><name>cell</name></label></labels>'
    '</task></meta><image id="0" name="a.jpg" width="64" height="48"><box label="cell" xtl="1" '
    'ytl="2" xbr="30" ybr="40" rotation="5"/><polygon label="cell" points="1,2;3,4;5,9"/>'
    '<ellipse label="cell" cx="9" cy="9" rx="3" ry="2"/></image></annotations>',
    "train-annotations-bbox.csv": "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\n"
    "a,/m/1,0.25,0.5,0.5,0.75,0\na,/m/2,0.25,0.5,0.5,0.75,1\n",
    "via.csv": "filename,region_shape_attributes,region_attributes\n"
    'a.jpg,"{""name"":""rect"",""x"":1,""y"":2,""width"":3,""height"":4}","{""class"":""c""}"\n',
    "export.csv": "annotation_id,annotator,image,label\n"
    '1,1,a.jpg,"[{""x"":1,""y"":2,""width"":3,""height"":4,""rectanglelabels"":[""c""]}]"\n',
    "metadata.jsonl": json.dumps(HUGGING_FACE) + "\n",
    "label_2/a.txt": "Car 0.88 3 -0.69 1.50 2.25 30.00 40.00 1.60 1.57 3.23 -2.70 1.74 3.68 -1.29",
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path / "home"))


def check(path):
    """Open it; whether it was read."""
    try:
        dataset = open_dataset(path, details=True)
    except UserError as error:
        assert "\n" not in str(error), str(error)
        return False
    for sample in dataset:
        assert np.isfinite(sample.boxes).all()
        assert ((sample.labels >= 0) & (sample.labels < len(dataset.classes))).all()
    json.dumps([sample.details for sample in dataset])
    assert all("\n" not in str(finding) for finding in dataset.findings)
    return True


def places(value, path=()):
    """The paths of all values in a JSON."""
    yield path
    entries = enumerate(value) if isinstance(value, list) else ()
    entries = value.items() if isinstance(value, dict) else entries
    for key, inner in entries:
        yield from places(inner, (*path, key))


def with_junk(content, rng):
    """The content with some values replaced, or keys taken out."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice([1, 1, 2, 4])):
        *above, last = rng.choice(list(places(content))[1:] or [(None,)])
        if last is None:
            continue
        inner = content
        for key in above:
            inner = inner[key]
        if rng.random() < 0.2:
            del inner[last]
        else:
            inner[last] = copy.deepcopy(rng.choice(JUNK))
    return content


@pytest.mark.parametrize("form", CONTENTS)
def test_values_of_any_type(make, form):
    make.image("img/a.jpg" if form == "Supervisely" else "a.jpg")
    name = "ann/a.jpg.json" if form == "Supervisely" else "a.json"
    rng = random.Random(0)
    read = 0
    for _ in range(CASES):
        path = make.text(name, json.dumps(with_junk(CONTENTS[form], rng)))
        read += check(rng.choice([path, make.root]))
    assert read > CASES / 100


def test_values_of_any_type_in_lines(make):
    make.image("a.jpg")
    rng = random.Random(0)
    lines = ([with_junk(HUGGING_FACE, rng), HUGGING_FACE] for _ in range(CASES))
    texts = ("\n".join(map(json.dumps, pair)) for pair in lines)
    assert sum(check(make.text("metadata.jsonl", text)) for text in texts) > CASES / 100


@pytest.mark.parametrize("name", TEXTS)
def test_mutated_texts(make, name):
    make.image("image_2/a.jpg" if name.startswith("label_2") else "a.jpg")
    path = make.text(name, TEXTS[name])
    original = path.read_bytes()
    rng = random.Random(0)
    read = 0
    for _ in range(CASES):
        path.write_bytes(mutate(original, rng))
        read += check(make.root if name.startswith("label_2") else path)
    assert read > CASES / 100


@pytest.mark.parametrize("form", CONTENTS)
def test_mutated_json(make, form):
    make.image("img/a.jpg" if form == "Supervisely" else "a.jpg")
    path = make.text("ann/a.jpg.json" if form == "Supervisely" else "a.json", "")
    original = json.dumps(CONTENTS[form]).encode()
    rng = random.Random(0)
    for _ in range(CASES):
        path.write_bytes(mutate(original, rng))
        check(path)


def test_mutated_records(make):
    image = make.image("a.jpg")
    more = {"is_crowd": [0, 1], "mask": [b"1", b"2"]}
    original = record(example(features(image, "a.jpg", **more))) * 2
    path = make.root / "x.tfrecord"
    rng = random.Random(0)
    read = 0
    for _ in range(CASES):
        path.write_bytes(mutate(original, rng))
        read += check(path)
    assert read > CASES / 100
