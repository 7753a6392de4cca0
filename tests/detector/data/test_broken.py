"""Broken input as people have it: each a small real file, each told in its own clear line.

Two tables: what makes a data set unusable is one `UserError`; the rest is one finding, and the
data set opens without what is broken.
"""

import json

import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

GOOD = (
    "<object><name>cat</name><bndbox>"
    "<xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>"
    "</bndbox></object>"
)


def voc_with(text):
    """A VOC folder of two images, the second one's XML being `text`."""

    def build(make):
        make.voc("a", "b")
        make.text("Annotations/b.xml", text)
        return make.root

    return build


def voc_object_with(inner):
    return voc_with(f"<annotation>{GOOD}<object>{inner}</object></annotation>")


def box_with(**corners):
    values = {"xmin": 1, "ymin": 1, "xmax": 9, "ymax": 9} | corners
    inner = "".join(f"<{tag}>{value}</{tag}>" for tag, value in values.items())
    return voc_object_with(f"<name>cat</name><bndbox>{inner}</bndbox>")


def coco_with(**entry):
    """A COCO JSON whose only annotation has `entry` in it; None leaves a key out."""

    def build(make):
        known = {"id": 1, "image_id": 3, "category_id": 2, "bbox": [1, 2, 3, 4], **entry}
        annotation = {key: value for key, value in known.items() if value is not None}
        return make.coco(annotations=[annotation])

    return build


def coco_json(change):
    """A COCO JSON after `change(content)`."""

    def build(make):
        path = make.coco()
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return path

    return build


def coco_text(edit):
    def build(make):
        path = make.coco()
        path.write_bytes(edit(path.read_bytes()))
        return path

    return build


def yolo_with(line):
    def build(make):
        make.yolo({"a": f"0 0.5 0.5 0.5 0.5\n{line}\n"})
        return make.root

    return build


def yaml_of(text):
    def build(make):
        make.yolo({"a": ""})
        make.text("data.yaml", text)
        return make.root / "data.yaml"

    return build


def image_without(make):
    make.voc("a", "b")
    (make.root / "JPEGImages/b.jpg").unlink()
    return make.root


def annotation_without(make):
    make.voc("a", "b")
    (make.root / "Annotations/b.xml").unlink()
    return make.root


def listed_but_absent(make):
    return make.voc("a", "b", train="a b ghost", val="b")


def wrong_filename(make):
    make.voc("a")
    make.xml("Annotations/a.xml", GOOD, filename="holiday.png")
    return make.root


def unreadable_yolo_image(make):
    make.yolo({"a": "", "b": ""})
    (make.root / "images/b.jpg").write_bytes(b"GIF89a")
    return make.root


def listed_yolo_image_missing(make):
    make.yolo({"a": ""}, train="train.txt")
    make.text("train.txt", "images/a.jpg\nimages/ghost.jpg\n")
    return make.root


def binary_labels(make):
    make.yolo({"a": "", "b": ""})
    (make.root / "labels/b.txt").write_bytes(b"\xff\xfe\x00")
    return make.root


def missing_in_json(make):
    return coco_json(lambda c: c["images"].append({"id": 8, "file_name": "x.jpg"}))(make)


FINDINGS = [
    # XML
    ("empty XML", voc_with(""), "unreadable-annotation", "damaged XML"),
    ("cut XML", voc_with("<annotation><obj"), "unreadable-annotation", "damaged XML"),
    ("not XML", voc_with("0 0.5 0.5 1 1"), "unreadable-annotation", "damaged XML"),
    ("other XML", voc_with("<svg></svg>"), "unreadable-annotation", "its root is <svg>"),
    (
        "XML with entities",
        voc_with('<!DOCTYPE a [<!ENTITY x "y">]><annotation/>'),
        "unreadable-annotation",
        "has XML entities",
    ),
    (
        "unknown encoding",
        voc_with('<?xml version="1.0" encoding="klingon"?><annotation/>'),
        "unreadable-annotation",
        "damaged XML",
    ),
    ("object without name", voc_object_with("<bndbox/>"), "bad-object", "has no name"),
    ("object without box", voc_object_with("<name>cat</name>"), "bad-object", "has no bndbox"),
    (
        "rotated box",
        voc_object_with("<name>cat</name><robndbox/>"),
        "bad-object",
        "has no bndbox, only a robndbox",
    ),
    ("box without ymax", box_with(ymax=""), "bad-object", "its ymax is '', not a number"),
    ("word for a number", box_with(xmin="left"), "bad-object", "its xmin is 'left'"),
    ("comma for a point", box_with(xmax="9,5"), "bad-object", "its xmax is '9,5'"),
    ("NaN", box_with(xmin="nan"), "bad-object", "its xmin is 'nan'"),
    ("infinite", box_with(xmax="inf"), "bad-object", "its xmax is 'inf'"),
    ("absurd number", box_with(xmax="1e300"), "bad-object", "its xmax is '1e300'"),
    ("XML without an image", image_without, "missing-picture", "no image is named b"),
    ("image without XML", annotation_without, "missing-annotation", "there is no b.xml"),
    ("wrong file name", wrong_filename, "filename-mismatch", "says holiday.png, it is a.jpg"),
    ("split of a ghost", listed_but_absent, "missing-from-split", "line 3: ghost has no annot"),
    # COCO
    ("no bbox", coco_with(bbox=None), "bad-object", "annotation 1: has neither a bbox"),
    ("bbox of three", coco_with(bbox=[1, 2, 3]), "bad-object", "bbox is [1, 2, 3], not x, y"),
    ("bbox of words", coco_with(bbox=["a", 2, 3, 4]), "bad-object", "bbox is ['a', 2, 3, 4]"),
    ("bbox is text", coco_with(bbox="1234"), "bad-object", "bbox is '1234'"),
    ("bbox too large", coco_with(bbox=[1, 2, 1e300, 4]), "bad-object", "bbox is [1, 2, 1e+300"),
    ("unknown category", coco_with(category_id=91), "unknown-class", "no category has the id 91"),
    ("category as a list", coco_with(category_id=[2]), "unknown-class", "has the id [2]"),
    ("unknown image", coco_with(image_id=99), "dangling-id", "no image has the id 99"),
    ("annotation without image", coco_with(image_id=None), "dangling-id", "has the id None"),
    ("file is not there", missing_in_json, "missing-picture", "image 8: there is no"),
    (
        "image without file name",
        coco_json(lambda c: c["images"].append({"id": 8})),
        "missing-picture",
        "images[2]: has no id or no file_name",
    ),
    (
        "image id twice",
        coco_json(lambda c: c["images"].append(c["images"][0])),
        "id-collision",
        "image 7: one.jpg has the id of another image",
    ),
    (
        "annotation id twice",
        coco_json(lambda c: c["annotations"].append(c["annotations"][0])),
        "id-collision",
        "annotations: 2 of 4 share their id with another, such as 1; all are kept",
    ),
    (
        "category id twice",
        coco_json(lambda c: c["categories"].append({"id": 2, "name": "dog"})),
        "id-collision",
        "'dog' has the id of 'cat'",
    ),
    (
        "category name twice",
        coco_json(lambda c: c["categories"].append({"id": 5, "name": "cat"})),
        "id-collision",
        "has the name of category 2, 'cat'",
    ),
    (
        "category without name",
        coco_json(lambda c: c["categories"].append({"id": 5})),
        "unknown-class",
        "categories[2]: has no id, or no name",
    ),
    # YOLO
    ("four numbers", yolo_with("0 0.5 0.5 0.5"), "bad-object", "line 2: '0 0.5 0.5 0.5' is not"),
    ("words in labels", yolo_with("cat 0.5 0.5 0.5 0.5"), "bad-object", "is not a class index"),
    ("NaN in labels", yolo_with("0 nan 0.5 0.5 0.5"), "bad-object", "is not a class index"),
    ("pixels in labels", yolo_with("0 32 24 10 10"), "bad-object", "holds pixels"),
    ("class out of range", yolo_with("7 0.5 0.5 0.5 0.5"), "unknown-class", "class index 7 is"),
    ("half a class", yolo_with("0.5 0.5 0.5 0.5 0.5"), "unknown-class", "class index 0.5 is"),
    ("no image", unreadable_yolo_image, "unreadable-picture", "b.jpg"),
    ("listed, not there", listed_yolo_image_missing, "missing-picture", "ghost.jpg"),
    ("labels not text", binary_labels, "unreadable-annotation", "it is not UTF-8 text"),
]

ERRORS = [
    ("cut JSON", coco_text(lambda b: b[:-20]), r"data\.json: damaged JSON"),
    ("empty JSON", coco_text(lambda _: b""), r"data\.json: damaged JSON"),
    ("NaN in JSON", coco_text(lambda b: b.replace(b"1.5", b"NaN")), r"data\.json: damaged JSON"),
    ("JSON not UTF-8", coco_text(lambda b: b.replace(b'"cat"', b'"\xff"')), r"data\.json: damaged"),
    ("JSON list", coco_text(lambda _: b"[]"), r"not a COCO data set \(Expected `object`"),
    (
        "no annotations",
        coco_json(lambda c: c.pop("annotations")),
        "is of COCO image list, a form that is not read",
    ),
    ("no images", coco_json(lambda c: c["images"].clear()), "lists no images"),
    ("no categories", coco_json(lambda c: c["categories"].clear()), "names no category"),
    (
        "images elsewhere",
        coco_json(lambda c: [i.update(file_name=f"x/no-{i['file_name']}") for i in c["images"]]),
        r"its images \(such as x/no-one\.jpg\) are not in a folder near it; name their folder",
    ),
    ("deep JSON", coco_text(lambda _: b"[" * 100_000), r"data\.json: "),
    ("YAML of nothing", yaml_of(""), "expected a mapping"),
    ("damaged YAML", yaml_of("names: [a"), "cannot read .*data.yaml"),
    ("YAML without parts", yaml_of("names: [a]"), "names neither train nor val"),
    ("YAML without names", yaml_of("nc: 3"), "names neither classes"),
    ("names are a number", yaml_of("names: 3\ntrain: images"), "names must list the classes"),
    ("names with a gap", yaml_of("names: {0: a, 2: b}\ntrain: images"), "names must list"),
    ("name twice", yaml_of("names: [a, a]\ntrain: images"), "class name 'a' is empty or stands"),
    ("YAML names itself", yaml_of("train: data.yaml"), "names itself as a part"),
]


@pytest.mark.parametrize(
    ("build", "kind", "says"), [pytest.param(*row[1:], id=row[0]) for row in FINDINGS]
)
def test_what_is_broken_is_left_out_and_told(make, build, kind, says):
    dataset = open_dataset(build(make))
    assert [finding.kind.name for finding in dataset.findings] == [kind]
    line = str(dataset.findings[0])
    assert says in line
    assert "\n" not in line
    assert all(len(sample.boxes) == len(sample.labels) for sample in dataset)


@pytest.mark.parametrize(("build", "says"), [pytest.param(*row[1:], id=row[0]) for row in ERRORS])
def test_what_cannot_be_opened_is_one_line(make, build, says):
    with pytest.raises(UserError, match=says) as caught:
        open_dataset(build(make))
    assert "\n" not in str(caught.value)
