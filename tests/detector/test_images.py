import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.images import read_header, read_image, sample_photo

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


# Colour images: every format, the right way up, red stays red.


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
def test_colours_and_places_survive_each_format(
    tmp_path, corners, name, options, tolerance, assert_shows_corners
):
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
def test_other_colour_modes_become_rgb(
    tmp_path, corners, mode, name, tolerance, assert_shows_corners
):
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
def test_colour_of_16_bits_is_scaled_to_8(tmp_path, suffix, assert_image):
    bgr = np.full((6, 8, 3), (0, 128 * 257, 65535), np.uint16)
    cv2.imwrite(str(tmp_path / f"a{suffix}"), bgr)
    image = read_image(tmp_path / f"a{suffix}")
    assert_image(image, 6, 8)
    assert (image == (255, 128, 0)).all()


def test_the_content_decides_not_the_name(tmp_path, red):
    red.save(tmp_path / "a.jpg", format="PNG")
    assert (read_image(tmp_path / "a.jpg") == RED).all()


def test_an_image_can_be_drawn_on(tmp_path, red):
    red.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    cv2.rectangle(image, (0, 0), (7, 5), BLUE, cv2.FILLED)
    assert (image == BLUE).all()


# Grey images.


@pytest.mark.parametrize(
    ("mode", "pixel"), [("L", 200), ("LA", (200, 10))], ids=["grey", "grey and alpha"]
)
def test_grey_is_repeated(tmp_path, mode, pixel, assert_image):
    Image.new(mode, (8, 6), pixel).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert_image(image, 6, 8)
    assert (image == 200).all()


def test_one_bit_is_black_and_white(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), [[WHITE, (0, 0, 0)]])


WIDE = np.array([[0, 200, 257, 128 * 257, 65535]], np.uint16)
NARROW = [[0, 1, 1, 128, 255]]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_grey_of_16_bits_is_divided_by_257(tmp_path, suffix, assert_image):
    cv2.imwrite(str(tmp_path / f"a{suffix}"), WIDE)
    image = read_image(tmp_path / f"a{suffix}")
    assert_image(image, 1, 5)
    for channel in range(3):
        np.testing.assert_array_equal(image[..., channel], NARROW)


def save_tiff(path: Path, *more: tuple[int, int, int, int], strip: bytes, bits: int = 16) -> None:
    """A grey TIFF, II, 4 px wide and 1 high; `more` are its tag, type, count and value."""
    tags = [(256, 3, 1, 4), (257, 3, 1, 1), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 8), (278, 3, 1, 1), (279, 4, 1, len(strip)), *more]
    entries = b"".join(struct.pack("<HHII", *one) for one in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + directory)


LOW = np.array([0, 1023, 2047, 4095], "<u2")


def test_white_of_12_bits_per_sample_is_4095(tmp_path):
    packed = sum(int(value) << 12 * (3 - i) for i, value in enumerate(LOW)).to_bytes(6, "big")
    save_tiff(tmp_path / "a.tif", strip=packed, bits=12)
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 64, 127, 255]


@pytest.mark.parametrize(("bits", "grey"), [(12, [0, 64, 127, 255]), (16, [0, 4, 8, 16])])
def test_white_is_what_ome_says(tmp_path, bits, grey):
    xml = f'<OME><Image><Pixels SignificantBits="{bits}" Type="uint16"/></Image></OME>'
    Image.fromarray(LOW[None]).save(tmp_path / "a.tif", description=xml)
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == grey


def test_white_of_a_netpbm_is_its_maximum(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5 4 1 4095\n" + LOW.byteswap().tobytes())
    assert read_image(tmp_path / "a.pgm")[0, :, 0].tolist() == [0, 64, 127, 255]


def test_the_brightest_pixel_does_not_make_white(tmp_path):
    """TIFF's MaxSampleValue is that of one image, and two images would not be comparable."""
    save_tiff(tmp_path / "a.tif", (281, 3, 1, 4095), strip=LOW.tobytes())
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 4, 8, 16]


@pytest.mark.parametrize(
    ("mode", "name", "is_wide"),
    [
        ("I;16", "a.png", True),
        ("I;16", "a.tif", True),
        ("L", "a.png", False),
        ("RGB", "a.bmp", False),
    ],
)
def test_the_header_says_whether_channels_have_more_than_8_bits(tmp_path, mode, name, is_wide):
    Image.new(mode, (160, 16)).save(tmp_path / name)
    assert read_header(tmp_path / name).is_wide == is_wide


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_colour_of_16_bits_is_wide(tmp_path, name):
    cv2.imwrite(str(tmp_path / name), np.zeros((6, 8, 3), np.uint16))
    assert read_header(tmp_path / name).is_wide


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
def test_the_scale_of_a_wide_grey_does_not_depend_on_the_rest_of_the_image(tmp_path, peak):
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


def test_a_small_frame_on_a_transparent_canvas_keeps_the_size(tmp_path, assert_image):
    path = tmp_path / "a.gif"
    path.write_bytes(gif_with_small_frame(b"\x21\xf9\x04\x01\x00\x00\x03\x00"))
    image = read_image(path)
    assert_image(image, 5, 6)
    assert (image[1:3, 2:5] == RED).all()


# Orientation: what is stored is turned back by the EXIF tag.

# How a camera that was held in each way stores the upright image.
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
def test_every_orientation_is_turned_upright(
    tmp_path, corners, suffix, orientation, assert_shows_corners
):
    path = tmp_path / f"a{suffix}"
    save_turned(path, corners, orientation)
    assert_shows_corners(read_image(path), tolerance=6)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("how", ["eXIf", "XMP", "ImageMagick"])
def test_the_header_of_a_png_knows_a_turn_wherever_it_stands(tmp_path, corners, how, place):
    exif = Image.Exif()
    exif[0x0112] = 6
    xmp = b'<x xmlns:tiff="t" tiff:Orientation="6"/>'
    profile = f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n".encode()
    chunk = {
        "eXIf": png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")),
        "XMP": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
        "ImageMagick": png_chunk(b"tEXt", b"Raw profile type exif\0" + profile),
    }[how]
    path = tmp_path / "a.png"
    Image.fromarray(np.ascontiguousarray(np.rot90(corners))).save(path)
    data = path.read_bytes()
    at = 33 if place == "before" else data.rindex(b"IEND") - 4
    path.write_bytes(data[:at] + chunk + data[at:])
    header = read_header(path)
    assert (header.orientation, header.height, header.width) == (6, 32, 48)
    assert read_image(path).shape == (32, 48, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_header_is_read_without_the_pixels(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    header = read_header(path)
    assert (header.height, header.width) == (200, 300)


def test_an_unknown_orientation_is_ignored(tmp_path, corners, assert_shows_corners):
    exif = Image.Exif()
    exif[0x0112] = 9
    Image.fromarray(corners).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert_shows_corners(read_image(tmp_path / "a.jpg"), tolerance=6)


def test_damaged_exif_does_not_cost_the_image(tmp_path, corners, assert_shows_corners):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x40\0" + b"\x12\x01\x03\0"  # 64 entries announced, cut off
    Image.fromarray(corners).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert_shows_corners(read_image(tmp_path / "a.jpg"), tolerance=6)


def test_the_sample_photo_is_the_portrait_in_rgb():
    photo = sample_photo()
    assert (photo.shape, photo.dtype) == ((600, 512, 3), np.uint8)
    red, _, blue = photo[66, 474].astype(int)  # right of the hat
    assert blue > red + 50
