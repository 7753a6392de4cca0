from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from detector.data.orientation import read_sample, settle, turn_boxes
from detector.images import Header, read_image
from detector.types import Sample


def sample_of(path, height, width, boxes=((10, 5, 30, 12),)):
    count = len(boxes)
    no = np.zeros(count, bool)
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Sample("a", path, height, width, boxes, np.zeros(count, int), no, no)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_as_the_pixels_do(tmp_path, orientation):
    """A white rectangle on black, stored lying; Pillow turns it, and the box finds it again."""
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[5:12, 10:30] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    rows, columns = np.nonzero(read_image(tmp_path / "a.png")[..., 0])
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    box = np.array([[10, 5, 30, 12]], np.float32)
    np.testing.assert_array_equal(turn_boxes(box, orientation, 48, 64), [found])


def test_read_sample_turns_the_boxes_of_a_lying_annotation(make):
    path = make.image("a.jpg", width=64, height=48, orientation=6)
    image, sample = read_sample(sample_of(path, 48, 64))
    assert image.shape == (64, 48, 3)
    assert (sample.height, sample.width) == (64, 48)
    np.testing.assert_array_equal(sample.boxes, [[36, 10, 43, 30]])


def test_read_sample_leaves_a_true_annotation_alone(make):
    path = make.image("a.jpg", width=64, height=48, orientation=6)
    _, sample = read_sample(sample_of(path, 64, 48))
    np.testing.assert_array_equal(sample.boxes, [[10, 5, 30, 12]])


@pytest.mark.parametrize(
    ("claimed", "header", "kinds"),
    [
        pytest.param((48, 64), Header(48, 64, 1, "JPEG"), [], id="true"),
        pytest.param((0, 0), Header(48, 64, 1, "JPEG"), [], id="no size claimed"),
        pytest.param((96, 128), Header(48, 64, 1, "JPEG"), ["size-mismatch"], id="another size"),
        pytest.param((64, 48), Header(48, 64, 8, "JPEG"), ["exif-rotation"], id="lying"),
        pytest.param((48, 64), Header(48, 64, 8, "JPEG"), [], id="lying, drawn upright"),
        pytest.param((48, 64), Header(48, 64, 3, "JPEG"), ["exif-ambiguous"], id="upside down"),
        pytest.param((64, 64), Header(64, 64, 6, "JPEG"), ["exif-ambiguous"], id="square"),
        pytest.param((64, 48), Header(48, 64, 1, "JPEG"), ["size-mismatch"], id="swapped sides"),
    ],
)
def test_what_settling_finds(tmp_path, claimed, header, kinds):
    settled, findings = settle(sample_of(tmp_path / "a.jpg", *claimed), header)
    assert [finding.kind.name for finding in findings] == kinds
    assert (settled.height, settled.width) == (48, 64) if claimed != (64, 64) else (64, 64)


def test_an_image_without_objects_has_nothing_to_turn(tmp_path):
    sample = sample_of(tmp_path / "a.jpg", 64, 48, boxes=())
    settled, findings = settle(sample, Header(48, 64, 6, "JPEG"))
    assert (settled.height, settled.width, findings) == (48, 64, [])


def test_boxes_that_are_turned_are_no_longer_the_files_own_numbers(tmp_path):
    """Those lie on the image as stored; kept beside the turned boxes they would be refused."""
    lying = sample_of(tmp_path / "a.jpg", 48, 64)
    lying = replace(lying, own_xywh=np.array([[10.0, 5, 20, 7]]))
    turned, _ = settle(lying, Header(64, 48, 6, "JPEG"))
    assert turned.own_xywh is None
    upright, _ = settle(lying, Header(48, 64, 1, "JPEG"))
    assert upright.own_xywh is lying.own_xywh
