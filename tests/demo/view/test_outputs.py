import errno
import json
import os
import shutil
import types

import cv2
import numpy as np
import pytest

from configs.errors import UserError
from demo.sources.frames import Frame, Source
from demo.view.controls import Controls
from demo.view.outputs import Files, recorder_for
from demo.view.recorder import Recorder, Still
from demo.view.stats import Stats
from detector.classes import coco_classes

IMAGE = np.full((48, 64, 3), 90, np.uint8)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def controls():
    return Controls(["a", "b"])


@pytest.fixture
def predictor():
    return types.SimpleNamespace(name="fake", classes=coco_classes([1]))


def source(**options):
    return Source("video.mp4", iter(()), **{"fps": 25.0, **options})


def keep(files, frames, start=0, late_s=0.0):
    for index in range(start, start + frames):
        at = late_s + index / 25
        files.keep(Frame(IMAGE, "video.mp4", at, index=index, time_s=at, drawn=IMAGE))


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.grab():
        count += 1
    return count


def test_what_is_named_is_recorded_from_the_first_frame(controls, tmp_path):
    with Files(source(), controls, tmp_path / "a.mp4") as files:
        assert controls.recording
        keep(files, 5)
    assert frames_of(tmp_path / "a.mp4") == 5
    assert files.saved == [tmp_path / "a.mp4"]


def test_recordings_start_and_stop_with_the_key_each_in_a_file_of_its_own(controls):
    with Files(source(), controls, None) as files:
        keep(files, 3)
        for frames in (4, 6):
            controls.press(ord("r"))
            keep(files, frames)
            controls.press(ord("r"))
            keep(files, 1)  # no longer recorded
    assert sorted(map(frames_of, files.saved)) == [4, 6]
    assert all(path.parent.name == "out" for path in files.saved)


def test_a_full_disk_ends_the_recording_which_can_be_played(controls, monkeypatch, capsys):
    with Files(source(), controls, None) as files:
        controls.recording = True
        keep(files, 5)
        usage = types.SimpleNamespace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        monkeypatch.setattr("demo.view.outputs._CHECK_S", 0.0)
        keep(files, 5)
        assert not controls.recording
    assert files.cut_short
    assert frames_of(files.saved[0]) == 5
    assert capsys.readouterr().err == f"the disk is full: {files.saved[0]} ends here\n"


def test_an_exception_leaves_what_came_before_it(controls, predictor, tmp_path):
    with (
        pytest.raises(UserError, match="broken"),
        Files(source(), controls, tmp_path / "a.mp4") as files,
    ):
        files.write_json(tmp_path / "a.json", predictor)
        keep(files, 5)
        raise UserError("broken")
    assert frames_of(tmp_path / "a.mp4") == 5
    found = json.loads((tmp_path / "a.json").read_text())
    assert len(found["images"]) == 5
    assert "fps" not in found  # which tells that it is not complete


def test_an_exception_before_the_first_frame_leaves_the_files_of_before(
    controls, predictor, tmp_path
):
    (tmp_path / "a.json").write_text("of yesterday")
    with pytest.raises(RuntimeError), Files(source(), controls, tmp_path / "a.mp4") as files:
        files.write_json(tmp_path / "a.json", predictor)
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "of yesterday"


def test_a_recording_that_cannot_be_closed_does_not_hide_why_the_run_ended(
    controls, monkeypatch, tmp_path, capsys
):
    def fail(_):
        raise UserError("it is incomplete")

    monkeypatch.setattr(Recorder, "close", fail)
    with (
        pytest.raises(UserError, match="broken"),
        Files(source(), controls, tmp_path / "a.mp4") as files,
    ):
        keep(files, 5)
        raise UserError("broken")
    assert capsys.readouterr().err == "it is incomplete\n"


def test_a_full_disk_ends_the_json_and_the_run_goes_on(
    controls, predictor, monkeypatch, tmp_path, capsys
):
    path = tmp_path / "a.json"
    monkeypatch.setattr("demo.view.live_json._INTERVAL_S", 0.0)
    with Files(source(), controls, None) as files:
        files.write_json(path, predictor)
        keep(files, 5)
        monkeypatch.setattr("demo.view.live_json._write_at", no_space)
        keep(files, 5, start=5)
        files.finish(Stats())
    assert files.cut_short
    assert files.saved == [path]
    assert len(json.loads(path.read_text())["images"]) == 5
    said = f"cannot write {path}: No space left on device; it ends after 5 frames\n"
    assert capsys.readouterr().err == said


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_where_no_frame_comes_the_json_is_written_all_the_same(
    controls, predictor, monkeypatch, tmp_path
):
    monkeypatch.setattr("demo.view.live_json._INTERVAL_S", 3600.0)
    with Files(source(live=True), controls, None) as files:
        files.write_json(tmp_path / "a.json", predictor)
        keep(files, 5)
        assert not (tmp_path / "a.json").exists()
        monkeypatch.setattr("demo.view.live_json._INTERVAL_S", 0.0)  # it has passed
        files.rest()
        assert len(json.loads((tmp_path / "a.json").read_text())["images"]) == 5


def test_where_no_frame_comes_a_live_recording_keeps_real_time(controls, monkeypatch, tmp_path):
    clock = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr("demo.view.outputs.time.monotonic", lambda: clock.now)
    with Files(source(live=True), controls, tmp_path / "a.mp4") as files:
        files.rest()
        keep(files, 5)  # the last at 0.16 s
        for clock.now in (1000.5, 1003.0):
            files.rest()
        recorder = files._recorder
        assert recorder.frames == round(25 * 2.16)  # a frame may come a second late
    assert frames_of(tmp_path / "a.mp4") == round(25 * 2.16) + 1


def test_a_stream_that_stalls_loses_none_of_its_frames_to_the_wait(
    controls, monkeypatch, tmp_path, capsys
):
    clock = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr("demo.view.outputs.time.monotonic", lambda: clock.now)
    live = source(live=True, may_stall=True)
    with Files(live, controls, tmp_path / "a.mp4") as files:
        keep(files, 5)
        clock.now = 1006.0
        files.rest()
        keep(files, 100, start=5)
        live.trouble = "opening it again"  # so time goes on
        clock.now += 2.0
        files.rest()
    assert frames_of(tmp_path / "a.mp4") == 105 + 25
    assert capsys.readouterr().err == ""


def test_a_recording_that_was_stopped_while_no_frame_comes_does_not_go_on(
    controls, monkeypatch, tmp_path
):
    clock = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr("demo.view.outputs.time.monotonic", lambda: clock.now)
    with Files(source(live=True), controls, tmp_path / "a.mp4") as files:
        keep(files, 5)
        controls.press(ord("r"))
        clock.now = 1060.0
        files.rest()
    assert frames_of(tmp_path / "a.mp4") == 5


def test_a_paused_file_is_recorded_without_the_pause(controls, monkeypatch, tmp_path):
    clock = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr("demo.view.outputs.time.monotonic", lambda: clock.now)
    with Files(source(), controls, tmp_path / "a.mp4") as files:
        keep(files, 5)
        clock.now = 1060.0
        files.rest()
        keep(files, 5, start=5)
    assert frames_of(tmp_path / "a.mp4") == 10


def test_a_recording_that_begins_later_says_when(controls, capsys):
    with Files(source(), controls, None) as files:
        keep(files, 5)
        controls.recording = True
        keep(files, 5, start=5)
    assert capsys.readouterr().err == f"{files.saved[0]} begins at 0.200 s\n"


@pytest.mark.parametrize("lost_s", [0.01, 0.52, 3.0])
def test_the_first_frame_stands_for_those_that_are_lost_before_it(
    controls, tmp_path, capsys, lost_s
):
    with Files(source(), controls, tmp_path / "video.avi") as files:
        keep(files, 3, late_s=lost_s)
    assert frames_of(tmp_path / "video.avi") == round(25 * (lost_s + 2 / 25)) + 1
    assert capsys.readouterr().err == ""


def test_json_has_every_frame_and_the_figures_of_the_run(controls, predictor, tmp_path):
    with Files(source(), controls, None) as files:
        files.write_json(tmp_path / "a.json", predictor)
        keep(files, 3)
        files.finish(Stats())
    found = json.loads((tmp_path / "a.json").read_text())
    assert [(image["frame"], image["time"]) for image in found["images"]] == [
        (0, 0.0),
        (1, 0.04),
        (2, 0.08),
    ]
    assert found["fps"] == 0
    assert files.saved == [tmp_path / "a.json"]


def test_snapshots_of_one_second_have_names_of_their_own(controls):
    with Files(source(), controls, None) as files:
        paths = {files.save_snapshot(IMAGE) for _ in range(3)}
    assert len(paths) == 3
    assert all(path.is_file() for path in paths)


def test_a_single_image_may_be_saved_as_one(tmp_path):
    single = source(fps=None, count=1)
    assert isinstance(recorder_for(tmp_path / "a.png", single), Still)
    assert isinstance(recorder_for(tmp_path / "a.mp4", single), Recorder)
    with pytest.raises(UserError, match=r"\.mp4 or \.avi or \.webm"):
        recorder_for(tmp_path / "a.png", source())
    with pytest.raises(UserError, match=r"\.mp4 or \.avi or \.webm"):
        recorder_for(tmp_path / "a.heic", single)  # which can only be read


def test_a_camera_is_recorded_into_a_folder_that_is_made_for_it(controls, tmp_path):
    path = tmp_path / "new" / "a.mp4"
    with Files(source(live=True), controls, path) as files:
        keep(files, 5)
    assert frames_of(path) == 5


def test_a_recording_by_key_that_cannot_be_written_is_given_up_and_the_demo_goes_on(
    controls, tmp_path, capsys
):
    (tmp_path / "out").write_text("a file where the folder should be")
    with Files(source(), controls, None) as files:
        controls.press(ord("r"))
        keep(files, 3)
        assert not controls.recording
    assert "out is not a folder" in capsys.readouterr().err
