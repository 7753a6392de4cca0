"""HEIC, which iPhones store, and AVIF.

`heif/` holds synthetic images: the quarters of `corners`, written by pillow-heif 1.8.1 (x265 4.3),
since the decoder that is a dependency writes none. `turned.heic` is stored lying on its side with
the property `irot` and EXIF orientation 6, as phones do; `alpha_10_bit.heic` has 10 bits per
channel and is half transparent.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.images import find_images, read_header, read_image, read_thumbnail

HEIF = Path(__file__).parent / "heif"


@pytest.mark.parametrize("name", ["turned.heic", "alpha_10_bit.heic"])
def test_a_heic_is_read_upright_and_in_its_colours(name, assert_shows_corners):
    assert_shows_corners(read_image(HEIF / name), tolerance=3)


def test_the_header_of_a_heic_is_upright_too():
    header = read_header(HEIF / "turned.heic")
    assert (header.height, header.width, header.orientation) == (32, 48, 1)
    assert header.format == "HEIF"


def test_the_thumbnail_of_a_heic_is_upright():
    assert read_thumbnail(HEIF / "turned.heic", 8).size == (48, 32)


@pytest.mark.parametrize("name", ["a.jpg", "a.heif", "a"])
def test_a_heic_is_read_whatever_its_name(tmp_path, name, assert_shows_corners):
    shutil.copy(HEIF / "turned.heic", tmp_path / name)
    assert_shows_corners(read_image(tmp_path / name), tolerance=3)


@pytest.mark.parametrize("name", ["a.heic", "a.HEIC", "a.hif"])
def test_a_heic_is_found_in_a_folder(tmp_path, name):
    shutil.copy(HEIF / "turned.heic", tmp_path / name)
    assert find_images([str(tmp_path)]) == [tmp_path / name]


@pytest.mark.parametrize("keep", [12, 300, -30], ids=lambda keep: f"{keep} bytes")
def test_a_truncated_heic_is_refused(tmp_path, keep):
    (tmp_path / "a.heic").write_bytes((HEIF / "turned.heic").read_bytes()[:keep])
    with pytest.raises(UserError, match=r"cannot read .*a\.heic"):
        read_image(tmp_path / "a.heic")


@pytest.mark.parametrize("orientation", [3, 5, 6, 8])
def test_an_avif_is_turned_once(tmp_path, corners, orientation, assert_shows_corners):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns = {3: 2, 6: 1, 8: 3}
    lying = corners.swapaxes(0, 1) if orientation == 5 else np.rot90(corners, turns[orientation])
    path = tmp_path / "a.avif"
    Image.fromarray(np.ascontiguousarray(lying)).save(path, exif=exif, quality=95)
    assert_shows_corners(read_image(path), tolerance=12)
    header = read_header(path)
    assert (header.height, header.width, header.orientation) == (32, 48, orientation)


def test_a_transparent_avif_keeps_its_colours(tmp_path, corners, assert_shows_corners):
    image = Image.fromarray(corners)
    image.putalpha(128)
    image.save(tmp_path / "a.avif", quality=95)
    assert_shows_corners(read_image(tmp_path / "a.avif"), tolerance=12)
