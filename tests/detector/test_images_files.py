from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.images import (
    SUFFIXES,
    WRITABLE,
    find_images,
    read_header,
    read_image,
    read_thumbnail,
    write_image,
)

RED = (255, 0, 0)


# Writing.


@pytest.mark.parametrize(
    ("name", "tolerance"), [("a.png", 0), ("a.bmp", 0), ("a.jpg", 6), ("a.JPEG", 6)]
)
def test_what_is_written_is_read_back(tmp_path, corners, name, tolerance, assert_shows_corners):
    write_image(tmp_path / name, corners)
    assert_shows_corners(read_image(tmp_path / name), tolerance)


def test_images_are_written_in_rgb_order(tmp_path):
    write_image(tmp_path / "a.png", np.full((2, 2, 3), RED, np.uint8))
    bgr = cv2.imread(str(tmp_path / "a.png"))
    assert bgr is not None and (bgr == (0, 0, 255)).all()


@pytest.mark.parametrize("suffix", sorted(WRITABLE))
def test_what_is_written_is_found(tmp_path, corners, suffix, assert_image):
    write_image(tmp_path / f"a{suffix}", corners)
    assert find_images([str(tmp_path)]) == [tmp_path / f"a{suffix}"]
    assert_image(read_image(tmp_path / f"a{suffix}"), 32, 48)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES - WRITABLE))
def test_what_is_only_read_is_not_written(tmp_path, corners, suffix):
    with pytest.raises(UserError, match=rf"read-only suffix '\{suffix}'; use \.jpg or \.png"):
        write_image(tmp_path / f"a{suffix}", corners)


def test_writing_makes_the_folder(tmp_path, corners, assert_shows_corners):
    write_image(tmp_path / "new" / "folder" / "a.png", corners)
    assert_shows_corners(read_image(tmp_path / "new" / "folder" / "a.png"), 0)


def test_a_slice_of_an_image_can_be_written(tmp_path, corners):
    write_image(tmp_path / "a.png", corners[::-1, ::2])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), corners[::-1, ::2])


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.mp4", ".png"])
def test_an_unknown_suffix_is_refused_and_nothing_is_written(tmp_path, corners, name):
    with pytest.raises(UserError, match=r"unknown suffix .* use \.jpg or \.png"):
        write_image(tmp_path / name, corners)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_the_users_to_fix(corners):
    with pytest.raises(UserError, match=r"cannot write /dev/null/a\.png: /dev/null is not"):
        write_image(Path("/dev/null/a.png"), corners)


# Finding. The files are empty: only their names count.


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """b.jpg a.PNG c.jpeg notes.txt ._b.jpg deep/d.webp deep/deeper/e.tif folder.jpg/"""
    for name in ("b.jpg", "a.PNG", "c.jpeg", "notes.txt", "._b.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "deep" / "d.webp").touch()
    (tmp_path / "deep" / "deeper" / "e.tif").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*patterns: str) -> list[str]:
    return [str(path) for path in find_images(patterns)]


def test_a_folder_stands_for_the_images_directly_in_it(folder):
    assert names(".") == ["a.PNG", "b.jpg", "c.jpeg"]


def test_a_folder_is_named_in_the_paths_of_its_images(folder):
    assert find_images([str(folder / "deep")]) == [folder / "deep" / "d.webp"]


def test_a_glob_is_expanded_in_order(folder):
    assert names("*.jp*g") == ["b.jpg", "c.jpeg"]


def test_a_glob_leaves_out_what_is_no_image(folder):
    assert names("*") == ["a.PNG", "b.jpg", "c.jpeg"]


def test_two_stars_reach_into_folders(folder):
    expected = {"a.PNG", "b.jpg", "c.jpeg", "deep/d.webp", "deep/deeper/e.tif"}
    assert set(names("**")) == set(names("**/*")) == expected


def test_a_file_named_outright_is_taken_whatever_its_suffix(folder):
    assert names("notes.txt", "._b.jpg") == ["notes.txt", "._b.jpg"]


def test_each_image_is_listed_once_in_the_order_given(folder):
    assert names("c.jpeg", ".", "*.jpg", "./b.jpg") == ["c.jpeg", "a.PNG", "b.jpg"]


def test_a_name_with_brackets_is_found_as_it_stands(folder):
    for name in ("[1].jpg", "1.jpg", "a*.jpg"):
        (folder / name).touch()
    assert names("[1].jpg") == ["[1].jpg"]
    assert names("a*.jpg") == ["a*.jpg"]


def test_brackets_are_a_pattern_where_no_such_file_is(folder):
    assert names("[bc].jp*") == ["b.jpg", "c.jpeg"]


def test_no_pattern_finds_nothing():
    assert find_images([]) == []


@pytest.mark.parametrize("pattern", ["no.jpg", "*.gif", "no/such/*", "*.txt"])
def test_a_pattern_that_matches_nothing_is_named(folder, pattern):
    with pytest.raises(UserError) as caught:
        find_images(["b.jpg", pattern])
    assert str(caught.value) == f"no such image, folder or pattern: {pattern}"


def test_a_folder_without_images_says_what_was_looked_for(folder):
    with pytest.raises(
        UserError, match=r"no images in folder folder\.jpg \(looked for \.avif \.bmp"
    ):
        find_images(["folder.jpg"])


def test_a_pattern_that_the_file_system_refuses_is_the_users_to_fix():
    with pytest.raises(UserError, match=r"cannot look for x+: File name too long"):
        find_images(["x" * 300])


# Headers and thumbnails.


@pytest.mark.parametrize("orientation", range(9))
def test_a_header_says_the_upright_size(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg", exif=exif)
    header = read_header(tmp_path / "a.jpg")
    assert (header.height, header.width) == read_image(tmp_path / "a.jpg").shape[:2]
    assert header.orientation == max(orientation, 1)  # 0 is none
    assert header.is_transposed == (orientation >= 5)


def test_a_header_tells_the_true_format(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg", format="PNG")
    assert read_header(tmp_path / "a.jpg").format == "PNG"


def test_a_header_is_read_without_the_pixels(tmp_path):
    """An image torn in its middle has a header; its pixels are refused."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)).save(
        tmp_path / "a.jpg"
    )
    torn = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(torn[: len(torn) // 2])
    assert read_header(tmp_path / "a.jpg").width == 120
    with pytest.raises(UserError, match="cannot read"):
        read_thumbnail(tmp_path / "a.jpg", 32)


def test_a_header_that_is_none_is_one_line(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(UserError, match="not an image in a known format"):
        read_header(tmp_path / "a.jpg")


def test_a_thumbnail_is_small_and_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (640, 480), "red").save(tmp_path / "a.jpg", exif=exif)
    thumbnail = read_thumbnail(tmp_path / "a.jpg", 32)
    assert thumbnail.mode == "YCbCr"
    assert thumbnail.size == (60, 80)  # a JPEG is decoded at an eighth of its size
