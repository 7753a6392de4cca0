import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.data.orientation import read_sample
from detector.images import read_image
from detector.preprocess import resize
from training.batches.cache import make_reader

SIZE = 40


@pytest.fixture(params=["memory", "disk"])
def reader(request, tmp_path):
    return make_reader(request.param, SIZE, tmp_path / "cache")


@pytest.fixture
def disk(tmp_path):
    """A function that opens the disk cache anew, as another run does."""
    return lambda size=SIZE: make_reader("disk", size, tmp_path / "cache")


def entries(tmp_path):
    return sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())


def decode_nothing(monkeypatch):
    def refuse(sample):
        raise AssertionError(f"decoded {sample.path}")

    monkeypatch.setattr("training.batches.cache.read_sample", refuse)


def test_without_a_cache_images_come_as_they_are(photos):
    (sample,) = photos(1)
    image, read = make_reader("none", SIZE)(sample)
    np.testing.assert_array_equal(image, read_image(sample.path))
    assert read is sample


def test_an_image_comes_at_the_input_size_every_time(reader, photos, monkeypatch):
    (sample,) = photos(1)
    expected = resize(read_image(sample.path), SIZE)
    first, read = reader(sample)
    assert (read.height, read.width) == (sample.height, sample.width)
    np.testing.assert_array_equal(first, expected)
    decode_nothing(monkeypatch)
    again, read = reader(sample)
    np.testing.assert_array_equal(again, expected)
    np.testing.assert_array_equal(read.boxes, sample.boxes)


def test_what_is_kept_cannot_be_painted_over(reader, photos):
    (sample,) = photos(1)
    for _ in range(2):
        with pytest.raises(ValueError, match="read-only"):
            reader(sample)[0][0, 0] = 0


def test_a_file_that_changes_is_read_anew(reader, photos):
    one, other = photos(2)
    reader(one)
    shutil.copy(other.path, one.path)
    os.utime(one.path, ns=(0, 0))
    image, _ = reader(replace(one, height=other.height, width=other.width))
    np.testing.assert_array_equal(image, resize(read_image(other.path), SIZE))


def test_another_run_decodes_nothing(disk, photos, monkeypatch):
    samples = photos(3)
    expected = [disk()(sample)[0] for sample in samples]
    decode_nothing(monkeypatch)
    reader = disk()
    for sample, image in zip(samples, expected, strict=True):
        np.testing.assert_array_equal(reader(sample)[0], image)


def test_entries_go_by_content_and_size(disk, photos, tmp_path):
    (sample,) = photos(1)
    copy = replace(sample, path=tmp_path / "copy.jpg")
    shutil.copy(sample.path, copy.path)
    disk()(sample), disk()(copy)
    assert len(entries(tmp_path)) == 1
    assert disk(SIZE + 1)(sample)[0].shape == (SIZE + 1, SIZE + 1, 3)
    assert len(entries(tmp_path)) == 2


def flipped(data):
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(flipped, id="one bit of a pixel"),
        pytest.param(lambda data: data[:4] + flipped(data[4:8]) + data[8:], id="its height"),
        pytest.param(lambda data: data[:-1], id="cut short"),
        pytest.param(lambda data: data + b"x", id="too long"),
        pytest.param(lambda data: data[:0], id="empty"),
    ],
)
def test_a_damaged_entry_is_made_anew(disk, photos, tmp_path, damage):
    (sample,) = photos(1)
    expected, _ = disk()(sample)
    (entry,) = entries(tmp_path)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    np.testing.assert_array_equal(disk()(sample)[0], expected)
    assert entry.read_bytes() == whole and entries(tmp_path) == [entry]


def test_boxes_of_a_turned_image_are_turned_from_the_cache_too(reader, photos):
    (sample,) = photos(1)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.open(sample.path)
    stored.save(sample.path, exif=exif)
    _, expected = read_sample(sample)  # annotated as stored, lying on its side
    assert (expected.height, expected.width) == (sample.width, sample.height)
    for _ in range(2):
        _, read = reader(sample)
        assert (read.height, read.width) == (expected.height, expected.width)
        np.testing.assert_array_equal(read.boxes, expected.boxes)


@pytest.mark.parametrize("content", [b"no image", None], ids=["damaged", "missing"])
def test_an_image_that_cannot_be_read_is_an_error_and_not_kept(reader, photos, tmp_path, content):
    (sample,) = photos(1)
    whole = sample.path.read_bytes()
    sample.path.unlink()
    if content:
        sample.path.write_bytes(content)
    with pytest.raises(UserError, match=r"0\.jpg"):
        reader(sample)
    assert entries(tmp_path) == []
    sample.path.write_bytes(whole)
    assert reader(sample)[0].shape == (SIZE, SIZE, 3)


def test_a_folder_that_cannot_be_written_to_is_the_users_to_fix(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write to folder"):
        make_reader("disk", SIZE, tmp_path / "file")


def test_a_disk_that_fills_up_ends_the_caching_and_not_the_run(disk, photos, tmp_path):
    one, other = photos(2)
    reader = disk()
    reader(one)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("in the way")
    for _ in range(2):
        image, _ = reader(other)
        np.testing.assert_array_equal(image, resize(read_image(other.path), SIZE))


def test_by_default_the_disk_cache_is_this_users(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path / "home"))
    make_reader("disk", SIZE)(photos(1)[0])
    assert [path.suffix for path in (tmp_path / "home/images").rglob("*.*")] == [".rgb"]
