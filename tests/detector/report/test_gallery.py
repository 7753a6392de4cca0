import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.report.gallery import gallery_items, read_resized, resized, thumbnail
from detector.types import Sample


def test_a_thumbnail_is_the_image():
    red = np.full((20, 30, 3), (200, 30, 30), np.uint8)
    head, data = thumbnail(red).split(",")
    assert head == "data:image/jpeg;base64"
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert decoded.shape == red.shape
    assert np.abs(decoded.astype(int) - red).max() < 6


@pytest.mark.parametrize(("side", "shape"), [(50, (25, 50, 3)), (400, (200, 400, 3))])
def test_the_longer_side_is_what_was_asked_for(side, shape):
    assert resized(np.zeros((100, 200, 3), np.uint8), side).shape == shape


@pytest.mark.parametrize(("enlarge", "zoom"), [(True, 3), (False, 1)])
def test_boxes_are_scaled_with_their_image(tmp_path, enlarge, zoom):
    path = tmp_path / "a.png"
    Image.new("RGB", (200, 100)).save(path)
    marks = np.zeros(1, bool)
    boxes = np.array([[10, 20, 30, 40]], np.float32)
    sample = Sample("a", path, 100, 200, boxes, np.zeros(1, np.int64), marks, marks)
    image, scaled, by = read_resized(sample, 600, enlarge)
    assert image.shape == (100 * zoom, 200 * zoom, 3)
    assert by == zoom
    np.testing.assert_array_equal(scaled.boxes, boxes * zoom)


def test_an_image_that_cannot_be_read_is_left_out():
    def draw(path):
        if path.stem == "bad":
            raise UserError("cannot read it")
        return np.zeros((4, 4, 3), np.uint8), path.name

    items = gallery_items([Path("bad.jpg"), Path("good.jpg")], draw)
    assert [caption for _, caption in items] == ["good.jpg"]
