import struct

import cv2
import numpy as np
import pytest

from demo.sources.capture import open_source
from demo.sources.edit_list import seconds_played

FPS, FRAMES = 10, 60


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "video.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (64, 48))
    for i in range(FRAMES):
        writer.write(np.full((48, 64, 3), 4 * i, np.uint8))
    writer.release()
    return path


def trim(path, begin_s, seconds):
    """Play only a part of a video, as tools do that trim without encoding anew."""
    data = bytearray(path.read_bytes())
    film = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    media = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)[0]
    struct.pack_into(">Ii", data, data.index(b"elst") + 12, seconds * film, begin_s * media)
    path.write_bytes(data)


def test_a_video_that_was_trimmed_without_being_encoded_anew_is_whole(video, capsys):
    trim(video, 3, 2)
    with open_source(str(video)) as source:
        frames = list(source)
    assert 15 <= len(frames) <= 21
    assert (source.unreadable, capsys.readouterr().err) == (0, "")


def test_what_a_file_plays_is_what_its_edit_list_says(video):
    assert seconds_played(video) == pytest.approx(FRAMES / FPS)
    trim(video, 3, 2)
    assert seconds_played(video) == pytest.approx(2)


def test_a_part_that_plays_nothing_does_not_count(video):
    trim(video, 3, 2)
    data = bytearray(video.read_bytes())
    struct.pack_into(">i", data, data.index(b"elst") + 16, -1)
    video.write_bytes(data)
    assert seconds_played(video) is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data.replace(b"edts", b"free"), id="no edit list"),
        pytest.param(lambda data: data.replace(b"moov", b"free"), id="no index"),
        pytest.param(lambda data: data[: data.index(b"mvhd") + 6], id="cut in the index"),
        pytest.param(lambda data: b"RIFF" + data, id="another format"),
        pytest.param(lambda _: bytes(100), id="zeros"),
        pytest.param(lambda _: b"", id="empty"),
    ],
)
def test_what_says_nothing_of_it_says_nothing(video, change):
    video.write_bytes(change(video.read_bytes()))
    assert seconds_played(video) is None
