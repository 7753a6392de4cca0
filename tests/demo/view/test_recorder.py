import subprocess
import sys
import types

import cv2
import numpy as np
import pytest

from configs.errors import UserError
from demo.view.recorder import Recorder, Still, letterbox
from detector.images import read_image


def flat(grey, height=48, width=64):
    return np.full((height, width, 3), grey, np.uint8)


def record(recorder, images):
    """Images at the rate of the video."""
    for index, image in enumerate(images):
        recorder.add(image, index / recorder._fps)


def read_back(path):
    capture = cv2.VideoCapture(str(path))
    images = []
    while (shot := capture.read())[0]:
        images.append(cv2.cvtColor(shot[1], cv2.COLOR_BGR2RGB))
    fps = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return images, fps


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".webm", ".MP4"])
@pytest.mark.parametrize("fps", [12.5, 29.97, 30.0])
def test_frames_rate_and_duration_are_kept(tmp_path, suffix, fps):
    path = tmp_path / f"video{suffix}"
    with Recorder(path, fps) as recorder:
        record(recorder, [flat(4 * grey) for grey in range(60)])
    images, read_fps = read_back(path)
    assert len(images) == recorder.frames == 60
    assert read_fps == pytest.approx(fps, abs=0.001)
    assert len(images) / read_fps == pytest.approx(60 / fps, abs=0.001)


def test_red_is_still_red_when_read_back(tmp_path):
    with Recorder(tmp_path / "red.mp4", 30) as recorder:
        record(recorder, [np.full((48, 64, 3), (220, 20, 20), np.uint8)])
    (image,), _ = read_back(tmp_path / "red.mp4")
    np.testing.assert_allclose(image[24, 32], (220, 20, 20), atol=12)


def test_a_camera_of_7_to_14_fps_is_recorded_in_real_time(tmp_path):
    gaps = np.random.default_rng(7).uniform(1 / 14, 1 / 7, size=100)
    times = 5000 + np.cumsum(gaps)
    with Recorder(tmp_path / "live.mp4", 30) as recorder:
        for i, at in enumerate(times):
            recorder.add(flat(2 * i), at=at)
    images, fps = read_back(tmp_path / "live.mp4")
    assert len(images) / fps == pytest.approx(times[-1] - times[0], abs=1.6 / 30)


def test_each_frame_of_a_camera_appears_at_its_own_time(tmp_path):
    with Recorder(tmp_path / "live.mp4", 10) as recorder:
        for at, grey in ((0.0, 20), (0.5, 120), (0.6, 220), (1.0, 20)):
            recorder.add(flat(grey), at=at)
    images, _ = read_back(tmp_path / "live.mp4")
    greys = [round(float(image.mean()), -1) for image in images]
    assert greys == [20] * 5 + [120] + [220] * 4 + [20]


def test_a_camera_faster_than_the_video_loses_frames_not_time_and_that_is_told(tmp_path, capsys):
    path = tmp_path / "live.avi"
    with Recorder(path, 30) as recorder:
        for i in range(240):
            recorder.add(flat(i), at=i / 120)
    assert recorder.frames == pytest.approx(60, abs=1)
    lost = 240 - recorder.frames
    said = f"{path}: {lost} frames came faster than its 30 per second and are left out\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("fps", [24000 / 1001, 25, 30000 / 1001, 29.97, 60000 / 1001, 59.94])
@pytest.mark.parametrize("decimals", [3, 9], ids=["whole milliseconds", "exact"])
def test_a_constant_rate_is_written_frame_for_frame(tmp_path, monkeypatch, capsys, fps, decimals):
    written = []
    writer = types.SimpleNamespace(write=lambda image: written.append(image[0, 0]), release=bool)
    monkeypatch.setattr(Recorder, "_open", lambda _: writer)
    monkeypatch.setattr(Recorder, "_require_complete", lambda _: None)
    bgr = np.arange(20_000)[:, None] >> (0, 8, 16) & 255  # a number as a colour
    with Recorder(tmp_path / "video.mp4", fps) as recorder:
        for index, colour in enumerate(bgr.astype(np.uint8)):
            recorder.add(colour[None, None, ::-1], round(index / fps, decimals))
    np.testing.assert_array_equal(written, bgr)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "seconds",
    [
        [*(i / 30 for i in range(30)), *(1 + i / 5 for i in range(10))],
        [0, 0.1, 0.15, 2.0, 2.01, 2.3, 9.7],
        [0, 60, 120],
    ],
    ids=["30 and then 5 a second", "irregular", "a frame a minute"],
)
def test_each_moment_of_a_variable_rate_is_found_in_the_recording(tmp_path, seconds):
    greys = [40 + 150 * (index % 2) for index in range(len(seconds))]
    with Recorder(tmp_path / "video.avi", 30) as recorder:
        for grey, at in zip(greys, seconds, strict=True):
            recorder.add(flat(grey), at)
    images, _ = read_back(tmp_path / "video.avi")
    assert len(images) == round(30 * seconds[-1]) + 1
    for grey, at, following in zip(greys, seconds, [*seconds[1:], 1e9], strict=True):
        if following - at >= 1 / 30:
            assert images[round(30 * at)].mean() == pytest.approx(grey, abs=5)


def test_a_frame_stands_while_none_comes_and_for_ten_minutes_at_most(tmp_path, capsys):
    path = tmp_path / "live.mp4"
    with Recorder(path, 1) as recorder:
        recorder.rest(3.0)  # nothing to stand yet
        recorder.add(flat(20), 5.0)
        for now, frames in (6.0, 1), (15.0, 10), (14.0, 10), (605.0, 600), (9000.0, 600):
            recorder.rest(now)
            assert recorder.frames == frames
        recorder.add(flat(200), 9005.0)
        recorder.add(flat(20), 9007.0)
    images, _ = read_back(path)
    assert [round(float(image.mean()), -2) for image in images] == [0] * 600 + [200] * 2 + [0]
    said = f"{path}: at 600.0 s 8400 s without a frame are left out\n"
    assert capsys.readouterr().err == said


def test_another_size_is_letterboxed_to_the_first(tmp_path):
    with Recorder(tmp_path / "sizes.mp4", 1) as recorder:
        record(recorder, [flat(200, 48, 64), flat(200, 96, 32)])
    images, _ = read_back(tmp_path / "sizes.mp4")
    assert images[1].shape == (48, 64, 3)
    assert images[1][:, 28:36].mean() > 180
    assert images[1][:, :16].mean() < 10


def test_odd_sizes_are_cut_by_one(tmp_path):
    with Recorder(tmp_path / "odd.mp4", 30) as recorder:
        record(recorder, [flat(90, 47, 63)])
    (image,), _ = read_back(tmp_path / "odd.mp4")
    assert image.shape == (46, 62, 3)


def test_an_exception_leaves_nothing_behind_and_the_old_file_alone(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(b"of yesterday")

    def fail():
        with Recorder(path, 30) as recorder:
            record(recorder, [flat(9)])
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["video.mp4"]
    assert path.read_bytes() == b"of yesterday"


def test_the_file_has_its_name_only_when_closed(tmp_path):
    path = tmp_path / "video.mp4"
    recorder = Recorder(path, 30)
    record(recorder, [flat(9)])
    assert not path.exists()
    recorder.close()
    assert len(read_back(path)[0]) == 1


def test_without_a_frame_there_is_no_file(tmp_path):
    with Recorder(tmp_path / "video.mp4", 30):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["video.mkv", "video"])
def test_another_suffix_is_refused_with_the_list_of_good_ones(name, tmp_path):
    with pytest.raises(UserError, match=r"\.mp4 or \.avi or \.webm"):
        Recorder(tmp_path / name, 30)


def test_a_size_that_the_codec_refuses_is_the_users_to_fix(tmp_path):
    with (
        pytest.raises(UserError, match=r"cannot encode mp4v at 1x1; try \.avi"),
        Recorder(tmp_path / "video.mp4", 30) as recorder,
    ):
        record(recorder, [flat(9, 1, 1)])
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, sys
import numpy as np
from pathlib import Path
from configs.errors import UserError
from demo.view.recorder import Recorder
noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    with Recorder(Path(sys.argv[1]), 30) as recorder:
        for index in range(30):
            recorder.add(noise, index / 30)
except UserError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file size are POSIX's")
@pytest.mark.parametrize("name", ["video.mp4", "video.avi", "video.webm"])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, name):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, name], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == f"cannot write {name}: it is incomplete; is the disk full?\n"
    assert list(tmp_path.iterdir()) == []


def test_opencv_prints_nothing_while_recording(tmp_path, capfd):
    with Recorder(tmp_path / "video.webm", 30) as recorder:
        record(recorder, [flat(9)])
    assert capfd.readouterr() == ("", "")


def test_a_single_image_is_written_as_it_is(tmp_path):
    with Still(tmp_path / "drawn.png") as still:
        still.add(flat(77), 0.0)
    np.testing.assert_array_equal(read_image(tmp_path / "drawn.png"), flat(77))


def test_letterbox_of_the_right_size_is_the_image_itself():
    image = flat(5)
    assert letterbox(image, (48, 64)) is image


def test_letterbox_of_a_line_keeps_at_least_a_pixel():
    assert letterbox(flat(5, 1, 5000), (48, 64)).shape == (48, 64, 3)


class Interrupted:
    """A writer that Ctrl-C reaches in its last moment."""

    def __init__(self, writer):
        self.write, self._writer = writer.write, writer

    def release(self):
        self._writer.release()
        raise KeyboardInterrupt


def test_who_interrupts_the_end_keeps_the_video(tmp_path):
    with Recorder(tmp_path / "video.mp4", 30) as recorder:
        record(recorder, [flat(grey) for grey in range(5)])
        recorder._writer = Interrupted(recorder._writer)
    assert len(read_back(tmp_path / "video.mp4")[0]) == 5
