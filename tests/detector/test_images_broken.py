import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from configs.errors import UserError
from detector.images import read_image

RED = (255, 0, 0)


# Broken input: one line that names the file.


def assert_refused(path: Path, says: str) -> None:
    with pytest.raises(UserError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message and says in message and "\n" not in message, message


def test_a_missing_image(tmp_path):
    assert_refused(tmp_path / "a.jpg", "no such image")


def test_a_folder_is_no_image(tmp_path):
    assert_refused(tmp_path, "it is a folder")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("")
    assert_refused(tmp_path / "a" / "b.jpg", "Not a directory")


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"not an image\n", b"\xff\xd8\xff"])
def test_what_is_no_image(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert_refused(path, "not an image in a known format")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".bmp", ".tif"])
@pytest.mark.parametrize("part", [0.1, 0.3, 0.6, 0.9])
def test_a_truncated_image(tmp_path, suffix, part):
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


def test_a_large_image_is_read_without_a_warning(tmp_path, red, monkeypatch):
    red.save(tmp_path / "large.png")
    # Pillow warns of images between one and two times this size, and refuses larger ones.
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


@pytest.mark.slow
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
