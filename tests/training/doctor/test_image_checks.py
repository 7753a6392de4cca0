from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from detector.data.open import open_dataset
from detector.images import Header
from training.doctor.image_checks import look_at_images, lying_suffix


@pytest.fixture
def kinds_of(voc):
    """The kinds of findings about the one image of a VOC folder, after `spoil(path)`."""

    def look(spoil=None, **save) -> list[str]:
        path = voc.add("a", ("cat", 10, 10, 50, 50), **save)
        if spoil:
            spoil(path)
        (image,) = look_at_images(open_dataset(voc.root).samples)
        assert (image.header is None) == (image.digest == "")
        return [finding.kind.name for finding in image.findings]

    return look


def test_a_good_image_has_no_finding(kinds_of):
    assert kinds_of() == []


@pytest.mark.parametrize("keep", [0, 3, 40, 0.5, -2], ids=lambda keep: f"{keep} bytes")
def test_a_truncated_image_is_unreadable(kinds_of, keep):
    def cut(path):
        data = path.read_bytes()
        path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])

    assert kinds_of(cut) == ["unreadable-picture"]


def test_a_web_page_named_jpg_is_unreadable(kinds_of):
    assert kinds_of(lambda path: path.write_text("<html>404</html>")) == ["unreadable-picture"]


def test_a_png_named_jpg_is_told_and_read(kinds_of):
    assert kinds_of(format="PNG") == ["wrong-extension"]


@pytest.mark.parametrize(
    ("name", "real", "suffix"),
    [
        ("a.jpg", "JPEG", ""),
        ("a.JPEG", "JPEG", ""),
        ("a.jpg", "MPO", ""),
        ("a.jpg", "PNG", ".png"),
        ("a.png", "JPEG", ".jpg"),
        ("a.png", "WEBP", ".webp"),
        ("a.tiff", "TIFF", ""),
        ("a", "JPEG", ""),
        ("a.42", "JPEG", ""),
    ],
)
def test_the_suffix_is_held_against_the_content(tmp_path, name, real, suffix):
    assert lying_suffix(tmp_path / name, Header(10, 10, 1, real)) == suffix


def test_a_claimed_size_is_held_against_the_image(voc):
    voc.add("a", ("cat", 10, 10, 50, 50))
    sample = replace(open_dataset(voc.root)[0], height=960, width=1280)
    (image,) = look_at_images([sample])
    assert [finding.kind.name for finding in image.findings] == ["size-mismatch"]
    assert (image.sample.height, image.sample.width) == (96, 128)


def test_boxes_are_turned_with_an_image_that_was_annotated_lying(voc, sample_of):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = voc.add("a", exif=exif)
    lying = replace(sample_of([[0, 0, 128, 20]], height=96, width=128), path=path)
    (image,) = look_at_images([lying])
    assert [finding.kind.name for finding in image.findings] == ["exif-rotation"]
    np.testing.assert_array_equal(image.sample.boxes, [[76, 0, 96, 128]])
