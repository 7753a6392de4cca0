"""Mutated bytes of XML, JSON and JPEG: refused with a line, or read as an independent parser does.

A few hundred cases here; `make proofs` runs 10,000 of each.
"""

import contextlib
import json
import math
import os
import random
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest

from configs.errors import UserError
from detector.data.coco.read_coco import read_coco
from detector.data.voc.voc_file import from_voc_corners, read_voc_annotation
from detector.images import read_header, read_image
from tests.tools.mutate import mutate

pytestmark = pytest.mark.slow

CASES = 10_000 if os.environ.get("SSDLITE_PROOFS") else 300


def finite(text):
    """A coordinate as Python reads it; None if it is none that an image could have."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and abs(value) <= 1e9 else None


def plain_voc(data: bytes):
    """The boxes that an independent reading of the XML finds."""
    boxes = []
    for node in ElementTree.fromstring(data).findall("object"):
        texts = [node.findtext(f"bndbox/{tag}") for tag in ("xmin", "ymin", "xmax", "ymax")]
        edges = [finite(" ".join((text or "").split())) for text in texts]
        if " ".join((node.findtext("name") or "").split()) and None not in edges:
            boxes.append([edges[0] - 1, edges[1] - 1, edges[2], edges[3]])
    return np.array(boxes, np.float32).reshape(-1, 4)


def test_mutated_xml(make, obj):
    first = obj("cat", 3, 4, 30, 40, "<pose>Left</pose><difficult>1</difficult>")
    path = make.xml("a.xml", first, obj("dog", "5.5", 6, 20, 21), obj("cat", 1, 1, 64, 48))
    original = path.read_bytes()
    rng = random.Random(0)
    read = refused = 0
    for case in range(CASES):
        data = mutate(original, rng)
        path.write_bytes(data)
        try:
            annotation = read_voc_annotation(path)
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        read += 1
        corners = np.array([one.corners for one in annotation.objects]).reshape(-1, 4)
        boxes = from_voc_corners(corners)
        np.testing.assert_array_equal(boxes, plain_voc(data), err_msg=f"case {case}: {data!r}")
        declared = len(ElementTree.fromstring(data).findall("object"))
        assert len(annotation.objects) + len(annotation.findings) == declared
    assert read > CASES / 50
    assert refused > CASES / 50


def as_id(value):
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int or type(value) is str else None


def find_id(value, known):
    """The id that is meant: equal, or of the other type; None if there is none."""
    value = as_id(value)
    alike = [one for one in known if str(one) == str(value)]
    return value if value in known else next(iter(alike), None)


def plain_coco(content: dict):
    """Boxes by image id, as an independent reading of the JSON finds them."""
    listed = {}
    for image in content["images"]:
        number = as_id(image.get("id"))
        if number is not None and image.get("file_name") in ("one.jpg", "two.jpg"):
            listed.setdefault(number, [])
    images = {as_id(image.get("id")) for image in content["images"]} - {None}
    known = {
        as_id(one.get("id"))
        for one in content["categories"]
        if type(as_id(one.get("id"))) is int
        and isinstance(one.get("name"), str)
        and one["name"].strip()
    }
    for one in content["annotations"]:
        place, box = find_id(one.get("image_id"), images), one.get("bbox")
        if place not in listed or find_id(one.get("category_id"), known) is None:
            continue
        if type(box) is not list or len(box) != 4:
            continue
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            x, y, w, h = (float(edge) for edge in box)
            with np.errstate(over="ignore"):
                row = np.array([x, y, x + w, y + h]).astype(np.float32)
            if np.isfinite(row).all():
                listed[place].append(row)
    return listed


def test_mutated_json(make):
    path = make.coco()
    original = path.read_bytes()
    rng = random.Random(0)
    read = refused = 0
    for case in range(CASES):
        data = mutate(original, rng)
        path.write_bytes(data)
        try:
            dataset = read_coco(path)
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        read += 1
        # Bytes that are no UTF-8 may stand where nothing is read, such as in a licence.
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
        wanted = plain_coco(json.loads(text))
        assert [sample.image_id for sample in dataset] == list(wanted), f"case {case}: {data!r}"
        for sample in dataset:
            rows = np.array(wanted[sample.image_id], np.float32).reshape(-1, 4)
            np.testing.assert_array_equal(sample.boxes, rows, err_msg=f"case {case}: {data!r}")
            assert ((sample.labels >= 0) & (sample.labels < len(dataset.classes))).all()
    assert read > CASES / 50
    assert refused > CASES / 50


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_mutated_images(make, suffix):
    """What is read is a whole image of the size that its header says."""
    path = make.image(f"a{suffix}", orientation=6)
    original = path.read_bytes()
    rng = random.Random(0)
    read = refused = 0
    for _ in range(CASES):
        path.write_bytes(mutate(original, rng))
        try:
            header, image = read_header(path), read_image(path)
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        read += 1
        assert image.shape == (header.height, header.width, 3)
        assert image.dtype == np.uint8
    assert read > CASES / 50
    assert refused > CASES / 50


def test_a_torn_jpeg_is_never_read(make):
    """OpenCV fills what is missing with grey, and says nothing."""
    path = make.image("a.jpg", width=200, height=150)
    original = path.read_bytes()
    for length in range(0, len(original) - 2, max(1, len(original) // CASES)):
        path.write_bytes(original[:length])
        with pytest.raises(UserError, match=r"cannot read .*a\.jpg"):
            read_image(path)
    path.write_bytes(original[: len(original) // 2])
    assert cv2.imread(str(path)) is not None
