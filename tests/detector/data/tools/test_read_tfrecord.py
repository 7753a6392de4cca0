import gzip
import struct

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

NOTHING = {"boxes": [], "texts": (), "labels": ()}
BOXES = [[0.25, 0.5, 0.5, 0.75], [0, 0, 1, 1]]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def field(number, value):
    """A field of a protocol buffer that holds bytes."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value):
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def feature(values):
    if all(isinstance(one, bytes) for one in values):
        return field(1, b"".join(field(1, one) for one in values))
    if all(isinstance(one, int) for one in values):
        return field(3, field(1, b"".join(map(varint, values))))
    return field(2, field(1, struct.pack(f"<{len(values)}f", *values)))


def example(features):
    entries = (field(1, key.encode()) + field(2, feature(v)) for key, v in features.items() if v)
    return field(1, b"".join(field(1, entry) for entry in entries))


def record(data):
    return struct.pack("<QI", len(data), 0) + data + struct.pack("<I", 0)


def features(image, name, boxes=BOXES, texts=(b"cell", b"bin"), labels=(1, 2), **more):
    found = {
        "image/encoded": [image.read_bytes()] if image else [],
        "image/filename": [name.encode()],
        "image/height": [48],
        "image/width": [64],
        "image/object/class/text": list(texts),
        "image/object/class/label": list(labels),
    }
    for column, edge in enumerate(("xmin", "ymin", "xmax", "ymax")):
        found[f"image/object/bbox/{edge}"] = [float(box[column]) for box in boxes]
    return found | {f"image/object/{key}": values for key, values in more.items()}


@pytest.fixture
def tfrecord(make, tmp_path):
    """Writes a TFRecord: `tfrecord(name, ("a.jpg", {more features}), ...)`."""

    def write(name, *images):
        records = [
            record(example(features(make.image(f"away/{image}"), f"/home/me/{image}", **more)))
            for image, more in images
        ]
        path = tmp_path / "set" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(records))
        return path

    return write


def test_boxes_and_images_of_a_record(tfrecord, home, make):
    path = tfrecord("cells.tfrecord", ("a.jpg", {}), ("b.jpg", NOTHING))
    for data in (path, path.parent):
        dataset = open_dataset(data)
        assert dataset.form == "TFRecord"
        assert dataset.classes.names == ("cell", "bin")
        np.testing.assert_array_equal(dataset[0].boxes, [[16, 24, 32, 36], [0, 0, 64, 48]])
        assert dataset[0].labels.tolist() == [0, 1]
        assert len(dataset[1]) == 0
        assert dataset[0].path.is_relative_to(home)
        assert dataset[0].path.read_bytes() == (make.root / "away" / "a.jpg").read_bytes()
        assert "2 images inside the annotation files" in dataset.notes[0]
        assert not dataset.findings


def test_opening_again_writes_nothing(tfrecord):
    path = tfrecord("cells.tfrecord", ("a.jpg", {}))
    image = open_dataset(path)[0].path
    before = image.stat().st_mtime_ns
    assert open_dataset(path)[0].path == image
    assert image.stat().st_mtime_ns == before


def test_a_half_written_image_is_written_anew(tfrecord):
    path = tfrecord("cells.tfrecord", ("a.jpg", {}))
    image = open_dataset(path)[0].path
    whole = image.read_bytes()
    image.write_bytes(whole[:100])
    assert open_dataset(path)[0].path.read_bytes() == whole


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("name", ["label_map.pbtxt", "cells_label_map.pbtxt"])
def test_a_label_map_names_the_numbers(make, tfrecord, name, quote):
    path = tfrecord("cells.tfrecord", ("a.jpg", {"texts": ()}))
    items = "item {{ name: {q}dust bin{q}, id: 2 }}\nitem {{\n id: 1\n name: {q}cell{q}\n}}"
    (path.parent / name).write_text(items.format(q=quote))
    dataset = open_dataset(path.parent)
    assert dataset.classes.names == ("cell", "dust bin")
    assert dataset.classes.category_ids == (1, 2)
    assert dataset[0].labels.tolist() == [0, 1]


def test_without_any_name_classes_are_numbered(tfrecord):
    path = tfrecord("cells.tfrecord", ("a.jpg", {"texts": ()}))
    assert open_dataset(path).classes.names == ("class_1", "class_2")


@pytest.mark.parametrize(
    "names",
    [
        ("train.tfrecord", "val.tfrecord"),
        ("coco_train.record-00000-of-00001", "coco_val.record-00000-of-00001"),
        ("cells_train.records", "cells_val.records"),
    ],
)
def test_a_file_for_each_split(tfrecord, names):
    for name, image in zip(names, ("a.jpg", "b.jpg"), strict=True):
        path = tfrecord(name, (image, {}))
    assert list(open_dataset(path.parent).splits) == ["train", "val"]


def test_shards_are_one_part(tfrecord):
    tfrecord("x.tfrecord-00000-of-00002", ("a.jpg", {}))
    path = tfrecord("x.tfrecord-00001-of-00002", ("b.jpg", {}))
    for data in (path, path.parent):
        dataset = open_dataset(data)
        assert len(dataset) == 2
        assert not dataset.splits


def test_crowds_and_difficult_objects(tfrecord):
    path = tfrecord("x.record", ("a.jpg", {"is_crowd": [1, 0], "difficult": [0, 1]}))
    sample = open_dataset(path)[0]
    assert sample.is_crowd.tolist() == [True, False]
    assert sample.is_difficult.tolist() == [False, True]


def test_masks_are_counted(tfrecord):
    path = tfrecord("x.record", ("a.jpg", {"mask": [b"1", b"2"]}))
    assert "2 masks left out" in open_dataset(path).notes


def test_packed_by_gzip(tfrecord):
    path = tfrecord("x.tfrecord", ("a.jpg", {}))
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert len(open_dataset(path)[0]) == 2


def test_images_beside_the_records(make):
    make.image("images/a.jpg")
    path = make.root / "x.tfrecord"
    path.write_bytes(record(example(features(None, "a.jpg"))))
    assert open_dataset(path)[0].path == make.root / "images" / "a.jpg"


@pytest.mark.parametrize(
    ("boxes", "says"),
    [
        ([[float("nan"), 0, 1, 1], BOXES[1]], "its xmin is 'nan', not a number"),
        ([BOXES[1]], "its xmin is 'None', not a number"),
    ],
)
def test_an_object_without_a_box_is_left_out_and_told(tfrecord, kinds, boxes, says):
    dataset = open_dataset(tfrecord("x.tfrecord", ("a.jpg", {"boxes": boxes})))
    assert len(dataset[0]) == 1
    assert kinds(dataset) == ["bad-object"]
    assert says in str(dataset.findings[0])


@pytest.mark.parametrize("cut", [1, 5, 200])
def test_what_is_whole_before_a_torn_end_is_read(tfrecord, kinds, cut):
    path = tfrecord("x.tfrecord", ("a.jpg", {}), ("b.jpg", {}))
    path.write_bytes(path.read_bytes()[:-cut])
    dataset = open_dataset(path)
    assert len(dataset) == 1
    assert kinds(dataset) == ["unreadable-annotation"]
    assert "record 2: its end is missing" in str(dataset.findings[0])


@pytest.mark.parametrize("data", [b"", b"no TFRecord at all, but a text", record(b"\x0b\x0b")])
def test_what_is_no_tfrecord_is_told(make, data):
    path = make.root / "x.tfrecord"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"x\.tfrecord"):
        open_dataset(path)
