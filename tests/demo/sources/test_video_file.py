import re
import struct

import cv2
import numpy as np
import pytest

from configs.errors import UserError
from demo.sources.capture import open_source
from demo.sources.video_file import open_video

FPS = 10


def write(path, frames, codec):
    """Frame `i` is a flat grey of `4 * i`."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), FPS, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), 4 * i, np.uint8))
    writer.release()
    return path


@pytest.fixture
def damaged(tmp_path):
    """A video of which single frames hold no image any more: `damaged(frames, *bad)`."""

    def make(frames, *bad):
        path = write(tmp_path / "video.avi", frames, "MJPG")
        data = bytearray(path.read_bytes())
        chunks = re.compile(b"00dc").finditer(bytes(data), data.index(b"movi"))
        starts = [found.start() for found, _ in zip(chunks, range(frames), strict=False)]
        for i in bad:
            start, size = starts[i] + 8, struct.unpack_from("<I", data, starts[i] + 4)[0]
            data[start : start + size] = b"no image" * (size // 8) + bytes(size % 8)
        path.write_bytes(data)
        return str(path)

    return make


def numbers(frames):
    return [round(float(frame.image.mean()) / 4) for frame in frames]


# ---- a failed read is not the end


@pytest.mark.parametrize(
    ("bad", "is_cut"),
    [
        pytest.param(range(7), False, id="at the start"),
        pytest.param(range(20, 31), False, id="in the middle"),
        pytest.param(range(1, 40, 2), False, id="every other"),
        pytest.param(range(33, 40), True, id="at the end"),
    ],
)
def test_what_cannot_be_decoded_is_passed_over_and_told(damaged, capsys, bad, is_cut):
    path = damaged(40, *bad)
    with open_source(path) as source:
        frames = list(source)
    assert numbers(frames) == [i for i in range(40) if i not in bad]
    assert source.unreadable == len(bad)
    says = capsys.readouterr().err
    if is_cut:
        assert says == f"{path} ends after 33 of 40 frames: it is cut short\n"
    else:
        assert says == f"{path} is damaged: {len(bad)} of 40 frames cannot be decoded\n"


def test_what_was_lost_is_told_too_if_the_rest_is_not_read(damaged, capsys):
    path = damaged(40, 1, 2)
    with open_source(path) as source:
        for _ in range(3):
            next(source)
    assert source.unreadable == 2
    assert f"{path} is damaged: 2 of 5 frames" in capsys.readouterr().err


def test_what_was_lost_before_the_only_frame_that_is_read_is_told(damaged):
    with open_source(damaged(40, 0, 1, 2)) as source:
        next(source)
    assert source.unreadable == 3


def test_a_gap_in_the_frames_is_one_in_their_times(damaged):
    with open_source(damaged(40, *range(5, 15))) as source:
        times = [frame.time_s for frame in source]
    np.testing.assert_allclose(times[3:7], [0.3, 0.4, 1.5, 1.6], atol=0.001)


class FakeVideo:
    """Its reads are what a test lists: None fails, a number is a timestamp in seconds.

    Behind the last, all reads fail; `tries` counts them. `pts` is the first frame's own time in
    the container, counted in frames.
    """

    def __init__(self, *reads, count=0, fps=10.0, pts=0):
        self._reads = iter(reads)
        self._now = 0.0
        self.tries = 0
        self._has = {cv2.CAP_PROP_FRAME_COUNT: count, cv2.CAP_PROP_FPS: fps, cv2.CAP_PROP_PTS: pts}

    def read(self):
        self.tries += 1
        at = next(self._reads, None)
        self._now = 1000 * (at or 0.0)
        return at is not None, np.zeros((4, 4, 3), np.uint8)

    def get(self, number):
        return self._now if number == cv2.CAP_PROP_POS_MSEC else self._has[number]

    def release(self):
        pass


def opened(*reads, name="v.mp4", **options):
    return open_video(name, FakeVideo(*reads, **options))


def test_reading_on_has_an_end():
    video = FakeVideo(*[0, 0.1], *[None] * 250, 0.2)
    assert len(list(open_video("v.mp4", video))) == 3
    assert video.tries < 1000


def test_a_bad_stretch_may_be_as_long_as_the_rest_of_the_video():
    reads = [*[0, 0.1], *[None] * 5000, 500.2]
    assert len(list(opened(*reads, count=5003))) == 3


def test_a_count_that_is_nonsense_does_not_make_it_read_for_ever():
    video = FakeVideo(0, 0.1, count=10**15)
    assert len(list(open_video("v.mp4", video))) == 2
    assert video.tries < 200_000


def test_a_video_without_a_frame_is_refused():
    with pytest.raises(UserError, match=r"no frame can be read from v\.mp4"):
        opened(None, None, count=60)


# ---- what is missing


def test_a_count_that_was_estimated_from_the_tick_of_a_clock_is_no_loss(capsys):
    times = [i / 30 for i in range(60)] + [2 + i / 5 for i in range(30)]
    source = opened(*times, count=4800, fps=600.0)
    assert len(list(source)) == 90
    assert (source.unreadable, capsys.readouterr().err) == (0, "")
    assert source.fps == pytest.approx(30)


@pytest.mark.parametrize("fast", [24.0, 30.0, 60.0])
def test_the_rate_of_a_variable_one_is_that_of_its_fast_frames_where_they_come_first(fast):
    times = [i / fast for i in range(300)] + [300 / fast + i / 5 for i in range(50)]
    assert opened(*times, fps=350 / (300 / fast + 10)).fps == pytest.approx(fast)


@pytest.mark.parametrize("rate", [23.976, 29.97, 59.94, 119.88])
def test_timestamps_in_milliseconds_do_not_change_a_constant_rate(rate):
    assert opened(*(round(i / rate, 3) for i in range(300)), fps=rate).fps == rate


def test_frames_that_vanish_without_a_failed_read_are_missing(capsys):
    times = [i / 10 for i in range(100) if not 30 <= i < 60]
    source = opened(*times, count=100)
    assert len(list(source)) == 70
    assert source.unreadable == 30
    assert capsys.readouterr().err == "v.mp4 is damaged: 30 of 100 frames cannot be decoded\n"


def test_a_count_that_is_estimated_a_little_high_is_no_loss():
    source = opened(*[i / 10 for i in range(98)], count=100)
    list(source)
    assert source.unreadable == 0


# ---- the time of a frame


def vary_rate(path, *steps):
    """Give an MP4 other times: pairs of how many frames, and seconds that each of them stays."""
    data = path.read_bytes().replace(b"edts", b"free")
    scale = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)[0]
    at = data.index(b"stts")
    size = struct.unpack_from(">I", data, at - 4)[0]
    pairs = b"".join(struct.pack(">II", frames, round(s * scale)) for frames, s in steps)
    box = struct.pack(">I4sII", 16 + len(pairs), b"stts", 0, len(steps)) + pairs
    data = bytearray(data[: at - 4] + box + data[at - 4 + size :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        start = data.rindex(parent, 0, at) - 4
        before = struct.unpack_from(">I", data, start)[0]
        struct.pack_into(">I", data, start, before + len(box) - size)
    path.write_bytes(data)
    return path


def test_the_times_of_a_variable_rate_are_those_of_the_container(tmp_path, capsys):
    path = vary_rate(write(tmp_path / "video.mp4", 40, "mp4v"), (20, 0.1), (20, 0.5))
    with open_source(str(path)) as source:
        times = [frame.time_s for frame in source]
    expected = [0.1 * i for i in range(20)] + [2 + 0.5 * i for i in range(20)]
    np.testing.assert_allclose(times, expected, atol=0.001)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("lost", [[], [None], [None] * 5], ids=["unsaid", "one", "several"])
def test_times_count_from_the_start_also_where_the_first_frames_are_lost(lost):
    # As players do: what they show at 0.5 s is at 0.5 s.
    assert [frame.time_s for frame in opened(*lost, 0.5, 0.75)] == [0.5, 0.75]


@pytest.mark.parametrize(("name", "start"), [("v.mp4", 1e14), ("v.mp4", -3600), ("v.ts", 60.0)])
def test_times_count_from_the_first_frame_where_there_is_no_start(name, start):
    times = [frame.time_s for frame in opened(start, start + 0.25, name=name)]
    np.testing.assert_allclose(times, [0, 0.25])


@pytest.mark.parametrize("name", ["v.mkv", "v.webm"])
@pytest.mark.parametrize("before", [0, 10, 3000], ids=["at 0 s", "at 1 s", "at 300 s"])
def test_a_matroska_whose_times_begin_later_is_not_cut_short(capsys, name, before):
    source = opened(*(i / 10 for i in range(60)), name=name, count=before + 60, pts=before)
    assert len(list(source)) == source.count == 60
    assert (source.unreadable, capsys.readouterr().err) == (0, "")


def test_a_matroska_whose_times_begin_later_may_be_cut_short_too(capsys):
    source = opened(*(i / 10 for i in range(60)), name="v.mkv", count=1120, pts=1000)
    assert len(list(source)) == 60
    assert capsys.readouterr().err == "v.mkv ends after 60 of 120 frames: it is cut short\n"


def test_a_video_without_timestamps_is_counted_by_its_rate_and_that_is_said(capsys):
    assert [frame.time_s for frame in opened(0, 0, 0, fps=4.0)] == [0, 0.25, 0.5]
    said = "v.mp4: of 3 frames 2 have no time of their own; counted at 4 per second\n"
    assert capsys.readouterr().err == said


def test_times_that_begin_anew_are_said(capsys):
    found = opened(*[0.1, 0.2, 5, 0.1, 0.2], name="joined.ts")
    np.testing.assert_allclose([frame.time_s for frame in found], [0.1, 0.2, 5.0, 5.1, 5.2])
    said = "joined.ts: its times begin anew 1 times; they are counted on from there\n"
    assert capsys.readouterr().err == said
