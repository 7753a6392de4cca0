from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from detector.data.dataset import Dataset
from detector.data.open import open_dataset
from detector.data.write import write_dataset
from detector.images import Header
from training.doctor.image_checks import check_files, look_at_images, lying_suffix


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
        ("a.heic", "HEIF", ""),
        ("a.jpg", "HEIF", ".heic"),
        ("a.heic", "JPEG", ".jpg"),
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


# The files of a whole data set.


def kinds_of_files(dataset) -> dict[str, str]:
    findings = check_files(dataset, look_at_images(dataset.samples))
    return {finding.kind.name: finding.message for finding in findings}


@pytest.mark.parametrize(("broken", "is_error"), [(0, False), (1, False), (2, True), (6, True)])
def test_one_broken_image_is_replaced_many_are_an_error(voc, broken, is_error):
    for number in range(6):
        path = voc.add(f"p{number}", ("cat", 10, 10, 50, 50))
        if number < broken:
            path.write_bytes(path.read_bytes()[:100])
    found = kinds_of_files(open_dataset(voc.root))
    assert found == ({"many-unreadable": f"{broken} of 6 images, more than 5%"} if is_error else {})


def test_images_that_the_reader_left_out_are_broken_too(voc, tmp_path):
    for number in range(6):
        voc.add(f"p{number}", ("cat", 10, 10, 50, 50))
    write_dataset(open_dataset(voc.root), tmp_path / "yolo", "yolo")
    for number in range(2):
        (tmp_path / f"yolo/images/p{number}.jpg").write_bytes(b"")
    found = kinds_of_files(open_dataset(tmp_path / "yolo"))
    assert found == {"many-unreadable": "2 of 6 images, more than 5%"}


def wide(voc, *brightest: int, colour: bool = False) -> Dataset:
    """A VOC folder of images of 16 bits, each with its brightest pixel."""
    for number, value in enumerate(brightest):
        path = voc.add(f"p{number}", ("cat", 10, 10, 50, 50)).with_suffix(".png")
        path.with_suffix(".jpg").unlink()
        pixels = np.full((96, 128, 3) if colour else (96, 128), value // 2, np.uint16)
        pixels[40] = value
        cv2.imwrite(str(path), pixels)
    return open_dataset(voc.root)


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
@pytest.mark.parametrize(("bits", "factor"), [(10, 64), (12, 16), (14, 4)])
def test_images_that_use_a_few_of_16_bits(voc, bits, factor, colour):
    found = kinds_of_files(wide(voc, 2**bits - 1, 2**bits // 3, colour=colour))
    assert list(found) == ["dark-images"]
    assert found["dark-images"].startswith(f"the 2 images of 16 bits use only the lowest {bits} ")
    assert f"multiply by {factor}," in found["dark-images"]


def test_one_bright_image_shows_that_all_bits_are_used(voc):
    assert kinds_of_files(wide(voc, 1023, 60_000)) == {}


def test_dark_images_of_8_bits_are_as_they_are(voc):
    path = voc.add("a", ("cat", 10, 10, 50, 50))
    Image.new("RGB", (128, 96), (4, 4, 4)).save(path)
    assert kinds_of_files(open_dataset(voc.root)) == {}
