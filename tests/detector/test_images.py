import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from configs.errors import UserError
from detector.images import (
    SUFFIXES,
    find_images,
    read_header,
    read_image,
    read_thumbnail,
    write_image,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture
def corners() -> np.ndarray:
    """A picture wider than high: red, green / blue, white, each a quarter; uint8 (32, 48, 3)."""
    quarters = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8)
    return quarters.repeat(16, axis=0).repeat(24, axis=1)


@pytest.fixture
def red() -> Image.Image:
    return Image.new("RGB", (8, 6), RED)


def assert_picture(image: np.ndarray, height: int, width: int) -> None:
    assert (image.dtype, image.shape) == (np.uint8, (height, width, 3))
    assert image.flags.writeable and image.flags.c_contiguous


def assert_shows_corners(image: np.ndarray, tolerance: int) -> None:
    """The four quarters of `corners` are where they were, and have their colours."""
    assert_picture(image, 32, 48)
    seen = [image[8, 12], image[8, 36], image[24, 12], image[24, 36]]
    np.testing.assert_allclose(seen, [RED, GREEN, BLUE, WHITE], atol=tolerance)


# Colour pictures: every format, the right way up, red stays red.


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        pytest.param("a.jpg", {"quality": 95}, 6, id="JPEG"),
        pytest.param("a.jpg", {"quality": 95, "progressive": True}, 6, id="progressive JPEG"),
        pytest.param("a.png", {}, 0, id="PNG"),
        pytest.param("a.webp", {"lossless": True}, 0, id="lossless WebP"),
        pytest.param("a.webp", {"quality": 95}, 10, id="WebP"),
        pytest.param("a.bmp", {}, 0, id="BMP"),
        pytest.param("a.ppm", {}, 0, id="PPM"),
        pytest.param("a.tif", {}, 0, id="TIFF"),
        pytest.param("a.tif", {"compression": "tiff_lzw"}, 0, id="LZW TIFF"),
    ],
)
def test_colours_and_places_survive_each_format(tmp_path, corners, name, options, tolerance):
    Image.fromarray(corners).save(tmp_path / name, **options)
    assert_shows_corners(read_image(tmp_path / name), tolerance)


@pytest.mark.parametrize(
    ("mode", "name", "tolerance"),
    [
        pytest.param("RGBA", "a.png", 0, id="RGBA PNG"),
        pytest.param("RGBA", "a.webp", 12, id="RGBA WebP"),
        pytest.param("P", "a.png", 0, id="palette PNG"),
        pytest.param("P", "a.gif", 0, id="GIF"),
        pytest.param("CMYK", "a.jpg", 6, id="CMYK JPEG"),
        pytest.param("CMYK", "a.tif", 0, id="CMYK TIFF"),
        pytest.param("YCbCr", "a.jpg", 6, id="YCbCr JPEG"),
    ],
)
def test_other_colour_modes_become_rgb(tmp_path, corners, mode, name, tolerance):
    Image.fromarray(corners).convert(mode).save(tmp_path / name, quality=95)
    assert_shows_corners(read_image(tmp_path / name), tolerance)


def test_pixels_equal_those_of_opencv(tmp_path, corners):
    path = tmp_path / "a.jpg"
    Image.fromarray(cv2.GaussianBlur(corners, (0, 0), 3)).save(path)
    bgr = cv2.imread(str(path))
    assert bgr is not None
    np.testing.assert_array_equal(read_image(path), bgr[..., ::-1])


@pytest.mark.parametrize("transparency", [0, bytes([0, 128, 255])], ids=["one index", "alphas"])
def test_a_transparent_palette_keeps_its_colours(tmp_path, red, transparency):
    red.quantize(4).save(tmp_path / "a.png", transparency=transparency)
    assert (read_image(tmp_path / "a.png") == RED).all()


def test_a_transparent_pixel_keeps_its_colour(tmp_path):
    Image.new("RGBA", (8, 6), (*RED, 0)).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == RED).all()


def test_a_colour_key_is_ignored(tmp_path, red):
    red.save(tmp_path / "a.png", transparency=RED)
    assert (read_image(tmp_path / "a.png") == RED).all()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colour_of_16_bits_is_scaled_to_8(tmp_path, suffix):
    bgr = np.full((6, 8, 3), (0, 128 * 257, 65535), np.uint16)
    cv2.imwrite(str(tmp_path / f"a{suffix}"), bgr)
    image = read_image(tmp_path / f"a{suffix}")
    assert_picture(image, 6, 8)
    assert (image == (255, 128, 0)).all()


def test_the_content_decides_not_the_name(tmp_path, red):
    red.save(tmp_path / "a.jpg", format="PNG")
    assert (read_image(tmp_path / "a.jpg") == RED).all()


def test_a_picture_can_be_drawn_on(tmp_path, red):
    red.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    cv2.rectangle(image, (0, 0), (7, 5), BLUE, cv2.FILLED)
    assert (image == BLUE).all()


# Grey pictures.


@pytest.mark.parametrize(
    ("mode", "pixel"), [("L", 200), ("LA", (200, 10))], ids=["grey", "grey and alpha"]
)
def test_grey_is_repeated(tmp_path, mode, pixel):
    Image.new(mode, (8, 6), pixel).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert_picture(image, 6, 8)
    assert (image == 200).all()


def test_one_bit_is_black_and_white(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), [[WHITE, (0, 0, 0)]])


WIDE = np.array([[0, 200, 257, 128 * 257, 65535]], np.uint16)
NARROW = [[0, 1, 1, 128, 255]]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_grey_of_16_bits_is_divided_by_257(tmp_path, suffix):
    cv2.imwrite(str(tmp_path / f"a{suffix}"), WIDE)
    image = read_image(tmp_path / f"a{suffix}")
    assert_picture(image, 1, 5)
    for channel in range(3):
        np.testing.assert_array_equal(image[..., channel], NARROW)


def test_grey_of_16_bits_in_big_endian_order(tmp_path):
    # TIFF, MM: width 5, height 1, 16 bits, no compression, black is zero, strip at 8, 10 bytes.
    tags = [(256, 5), (257, 1), (258, 16), (259, 1), (262, 1), (273, 8), (278, 1), (279, 10)]
    entries = b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    strip = WIDE.astype(">u2").tobytes()
    directory = struct.pack(">H", len(tags)) + entries + bytes(4)
    path = tmp_path / "a.tif"
    path.write_bytes(b"MM\0*" + struct.pack(">I", 8 + len(strip)) + strip + directory)
    np.testing.assert_array_equal(read_image(path)[..., 0], NARROW)


def test_grey_of_32_bits_is_taken_as_16(tmp_path):
    Image.fromarray(WIDE.astype(np.int32)).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], NARROW)


def test_floating_point_grey_is_white_at_1(tmp_path):
    cv2.imwrite(str(tmp_path / "a.tif"), np.array([[0, 0.25, 0.5, 1]], np.float32))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], [[0, 64, 128, 255]])


@pytest.mark.parametrize("peak", [200, 300, 65535])
def test_the_scale_of_a_wide_grey_does_not_depend_on_the_rest_of_the_picture(tmp_path, peak):
    cv2.imwrite(str(tmp_path / "a.png"), np.array([[200, peak]], np.uint16))
    assert read_image(tmp_path / "a.png")[0, 0, 0] == 1


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        pytest.param(np.array([[0, 255]], np.float32), "are 0 to 255, not 0 .* to 1 ", id="F"),
        pytest.param(np.array([[0, np.nan]], np.float32), "are nan to nan", id="NaN"),
        pytest.param(np.array([[-1, 7]], np.int32), "are -1 to 7, not 0 .* to 65535", id="I"),
    ],
)
def test_a_wide_grey_without_a_known_white_is_refused(tmp_path, pixels, says):
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match=rf"a\.tif: its grey pixels {says}"):
        read_image(tmp_path / "a.tif")


# Several frames.


def test_of_an_animation_the_first_frame_is_taken(tmp_path, red):
    later = [Image.new("RGB", red.size, colour) for colour in (GREEN, BLUE)]
    for name in ("a.gif", "a.png", "a.webp", "a.tif"):
        red.save(tmp_path / name, save_all=True, append_images=later, lossless=True)
        assert (read_image(tmp_path / name) == RED).all(), name


def gif_with_small_frame(extension: bytes = b"") -> bytes:
    """A canvas 6 x 5 of blue, with a red frame 3 x 2 at x=2, y=1."""
    palette = bytes([*BLUE, *RED, *GREEN, *WHITE])
    canvas = struct.pack("<HHBBB", 6, 5, 0x81, 0, 0) + palette  # background: index 0
    frame = struct.pack("<cHHHHB", b",", 2, 1, 3, 2, 0)
    # LZW, codes of 3 bits: clear, 1, 1, clear, 1, 1, clear, 1, 1, end.
    codes = [4, 1, 1, 4, 1, 1, 4, 1, 1, 5]
    packed = sum(code << 3 * i for i, code in enumerate(codes)).to_bytes(4, "little")
    return b"GIF89a" + canvas + extension + frame + b"\x02\x04" + packed + b"\x00;"


def test_a_frame_smaller_than_its_canvas_lies_in_it(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(gif_with_small_frame())
    expected = np.full((5, 6, 3), BLUE, np.uint8)
    expected[1:3, 2:5] = RED
    np.testing.assert_array_equal(read_image(path), expected)


def test_a_small_frame_on_a_transparent_canvas_keeps_the_size(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(gif_with_small_frame(b"\x21\xf9\x04\x01\x00\x00\x03\x00"))
    image = read_image(path)
    assert_picture(image, 5, 6)
    assert (image[1:3, 2:5] == RED).all()


# Orientation: what is stored is turned back by the EXIF tag.

# How a camera that was held in each way stores the upright picture.
STORE = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, 1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image, -1),
}


def save_turned(path: Path, upright: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORE[orientation](upright))
    Image.fromarray(stored).save(path, exif=exif, quality=95, lossless=True)


@pytest.mark.parametrize("orientation", STORE)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_every_orientation_is_turned_upright(tmp_path, corners, suffix, orientation):
    path = tmp_path / f"a{suffix}"
    save_turned(path, corners, orientation)
    assert_shows_corners(read_image(path), tolerance=6)


def test_an_unknown_orientation_is_ignored(tmp_path, corners):
    exif = Image.Exif()
    exif[0x0112] = 9
    Image.fromarray(corners).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert_shows_corners(read_image(tmp_path / "a.jpg"), tolerance=6)


def test_damaged_exif_does_not_cost_the_picture(tmp_path, corners):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x40\0" + b"\x12\x01\x03\0"  # 64 entries announced, cut off
    Image.fromarray(corners).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert_shows_corners(read_image(tmp_path / "a.jpg"), tolerance=6)


# Broken input: one line that names the file.


def assert_refused(path: Path, says: str) -> None:
    with pytest.raises(UserError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message and says in message and "\n" not in message, message


def test_a_missing_picture(tmp_path):
    assert_refused(tmp_path / "a.jpg", "no such picture")


def test_a_folder_is_no_picture(tmp_path):
    assert_refused(tmp_path, "it is a folder")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("")
    assert_refused(tmp_path / "a" / "b.jpg", "Not a directory")


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"not a picture\n", b"\xff\xd8\xff"])
def test_what_is_no_picture(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert_refused(path, "not a picture in a known format")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".bmp", ".tif"])
@pytest.mark.parametrize("part", [0.1, 0.3, 0.6, 0.9])
def test_a_truncated_picture(tmp_path, suffix, part):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    whole = tmp_path / f"whole{suffix}"
    Image.fromarray(noise).save(whole)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * part)])
    assert_refused(cut, "cannot read")


def png_of_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_a_decompression_bomb(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(100_000, 100_000))
    assert_refused(path, "decompression bomb")


def test_a_large_picture_is_read_without_a_warning(tmp_path, red, monkeypatch):
    red.save(tmp_path / "large.png")
    # Pillow warns of pictures between one and two times this size, and refuses larger ones.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8 * 6 - 1)
    assert (read_image(tmp_path / "large.png") == RED).all()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0\n", id="cut EPS"),
        pytest.param(b"P5\n3 3\n70000\n", id="PGM of 17 bits"),
        pytest.param(b"P6\n-3 3\n255\n", id="PPM of negative size"),
        pytest.param(b"BM" + b"\xff" * 60, id="BMP of ones"),
    ],
)
def test_a_strange_header(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert_refused(path, "cannot read")


def test_a_reason_of_several_lines_becomes_one(tmp_path, monkeypatch):
    def fail(_path):
        raise ValueError("first line\n  second line\n")

    monkeypatch.setattr(Image, "open", fail)
    assert_refused(tmp_path / "a.png", "first line second line; replace it")


def test_a_reason_without_words_is_named_by_its_kind(tmp_path, monkeypatch):
    def fail(_path):
        raise EOFError

    monkeypatch.setattr(Image, "open", fail)
    assert_refused(tmp_path / "a.png", "EOFError")


def _encoded(name: str, **options) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=name, exif=exif, **options)
    return stream.getvalue()


@st.composite
def damaged(draw, whole: bytes):
    """A file with some bytes changed, left out or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 8))):
        # Headers are where the damage is interesting.
        start = draw(st.integers(0, min(len(data), 300)) | st.integers(0, len(data)))
        removed = draw(st.integers(0, 4))
        data[start : start + removed] = draw(st.binary(max_size=4))
    return bytes(data)


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(_encoded("JPEG"), id="JPEG"),
        pytest.param(_encoded("PNG"), id="PNG"),
        pytest.param(_encoded("WEBP"), id="WebP"),
        pytest.param(_encoded("TIFF"), id="TIFF"),
    ],
)
@settings(max_examples=200)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path_factory, whole, data):
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    path.write_bytes(data.draw(damaged(whole)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            image = read_image(path)
        except UserError as error:
            assert str(path) in str(error) and "\n" not in str(error)
        else:
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3


def test_threads_read_at_once_and_leave_warnings_switched_on(tmp_path, corners):
    path = tmp_path / "a.jpg"
    Image.fromarray(corners).save(path)
    read: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: read.extend(read_image(path) for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read) == 200
    with pytest.warns(UserWarning, match="still heard"):
        warnings.warn("still heard", UserWarning, stacklevel=1)


# Writing.


@pytest.mark.parametrize(
    ("name", "tolerance"), [("a.png", 0), ("a.bmp", 0), ("a.jpg", 6), ("a.JPEG", 6)]
)
def test_what_is_written_is_read_back(tmp_path, corners, name, tolerance):
    write_image(tmp_path / name, corners)
    assert_shows_corners(read_image(tmp_path / name), tolerance)


def test_pictures_are_written_in_rgb_order(tmp_path):
    write_image(tmp_path / "a.png", np.full((2, 2, 3), RED, np.uint8))
    bgr = cv2.imread(str(tmp_path / "a.png"))
    assert bgr is not None and (bgr == (0, 0, 255)).all()


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_suffix_that_is_found_can_be_written(tmp_path, corners, suffix):
    write_image(tmp_path / f"a{suffix}", corners)
    assert find_images([str(tmp_path)]) == [tmp_path / f"a{suffix}"]
    assert_picture(read_image(tmp_path / f"a{suffix}"), 32, 48)


def test_writing_makes_the_folder(tmp_path, corners):
    write_image(tmp_path / "new" / "folder" / "a.png", corners)
    assert_shows_corners(read_image(tmp_path / "new" / "folder" / "a.png"), 0)


def test_a_slice_of_a_picture_can_be_written(tmp_path, corners):
    write_image(tmp_path / "a.png", corners[::-1, ::2])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), corners[::-1, ::2])


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.mp4", ".png"])
def test_an_unknown_suffix_is_refused_and_nothing_is_written(tmp_path, corners, name):
    with pytest.raises(UserError, match=r"unknown suffix .* use \.jpg or \.png"):
        write_image(tmp_path / name, corners)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_the_users_to_mend(corners):
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


def test_a_folder_stands_for_the_pictures_directly_in_it(folder):
    assert names(".") == ["a.PNG", "b.jpg", "c.jpeg"]


def test_a_folder_is_named_in_the_paths_of_its_pictures(folder):
    assert find_images([str(folder / "deep")]) == [folder / "deep" / "d.webp"]


def test_a_glob_is_expanded_in_order(folder):
    assert names("*.jp*g") == ["b.jpg", "c.jpeg"]


def test_a_glob_leaves_out_what_is_no_picture(folder):
    assert names("*") == ["a.PNG", "b.jpg", "c.jpeg"]


def test_two_stars_reach_into_folders(folder):
    expected = {"a.PNG", "b.jpg", "c.jpeg", "deep/d.webp", "deep/deeper/e.tif"}
    assert set(names("**")) == set(names("**/*")) == expected


def test_a_file_named_outright_is_taken_whatever_its_suffix(folder):
    assert names("notes.txt", "._b.jpg") == ["notes.txt", "._b.jpg"]


def test_each_picture_is_listed_once_in_the_order_given(folder):
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
    assert str(caught.value) == f"no such picture, folder or pattern: {pattern}"


def test_a_folder_without_pictures_says_what_was_looked_for(folder):
    with pytest.raises(UserError, match=r"no pictures in folder folder\.jpg \(looked for \.bmp"):
        find_images(["folder.jpg"])


def test_a_pattern_that_the_file_system_refuses_is_the_users_to_mend():
    with pytest.raises(UserError, match=r"cannot look for x+: File name too long"):
        find_images(["x" * 300])


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
    """A picture torn in its middle has a header; its pixels are refused."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)).save(
        tmp_path / "a.jpg"
    )
    torn = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(torn[: len(torn) // 2])
    assert read_header(tmp_path / "a.jpg").width == 120
    with pytest.raises(UserError, match="cannot read"):
        read_thumbnail(tmp_path / "a.jpg", 32)


def test_a_header_that_is_none_is_one_line(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match="not a picture in a known format"):
        read_header(tmp_path / "a.jpg")


def test_a_thumbnail_is_small_grey_and_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (640, 480), "red").save(tmp_path / "a.jpg", exif=exif)
    thumbnail = read_thumbnail(tmp_path / "a.jpg", 32)
    assert thumbnail.mode == "L"
    assert thumbnail.size == (60, 80)  # a JPEG is decoded at an eighth of its size
