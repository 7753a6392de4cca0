import contextlib
import json
import signal
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from configs.errors import UserError
from demo.view import live_json
from demo.view.live_json import LiveJson
from detector.classes import coco_classes
from detector.types import Detections

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are POSIX's")
ONE = Detections(np.ones((1, 4), np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
FPS = 30


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""
    clock = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr(live_json.time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "o.json"


def film(path, clock, frames):
    """A run that goes on: its JSON after each frame."""
    with LiveJson(path, "fake", coco_classes()) as file:
        for index in range(frames):
            clock.now += 1 / FPS
            file.add("film.mp4", 48, 64, ONE, index, index / FPS)
            yield file


def frames_in(path):
    return [image["frame"] for image in json.loads(path.read_text())["images"]]


def test_at_every_moment_the_file_is_whole_and_at_most_a_second_old(path, clock):
    for index, _ in enumerate(film(path, clock, 300)):
        written = frames_in(path) if path.exists() else []
        assert written == list(range(len(written)))
        assert index - len(written) < FPS


def test_what_came_before_a_source_fell_silent_is_written_within_a_second(path, clock):
    with LiveJson(path, "fake", coco_classes()) as file:
        for index in range(40):
            clock.now += 1 / FPS
            file.add("film.mp4", 48, 64, ONE, index, index / FPS)
        assert len(frames_in(path)) < 40
        clock.now += 0.99
        file.rest()
        assert frames_in(path) == list(range(40))


def test_complete_it_is_what_detect_writes(path, clock, tmp_path):
    from detector.results import open_results

    for file in film(path, clock, 100):
        if file.frames > 60:
            break
    with LiveJson(path, "fake", coco_classes()) as live:
        for index in range(100):
            clock.now += 1 / FPS
            live.add("film.mp4", 48, 64, ONE, index, index / FPS)
        live.finish(fps=29.5, stage_ms={"run": 3.25})
    with open_results(tmp_path / "whole.json", "fake", coco_classes()) as whole:
        for index in range(100):
            whole.add("film.mp4", 48, 64, ONE, index, index / FPS)
        whole.finish(fps=29.5, stage_ms={"run": 3.25})
    assert path.read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_an_older_file_stays_until_there_is_something_new(path, clock):
    path.write_text("of yesterday")
    states = []
    for file in film(path, clock, 40):
        states.append((file.frames, path.read_text() == "of yesterday"))
    assert {is_old for frames, is_old in states if not frames} == {True}
    assert {is_old for frames, is_old in states if frames} == {False}


def test_a_run_without_a_frame_leaves_an_older_file_unless_it_is_finished(path):
    path.write_text("of yesterday")
    with LiveJson(path, "fake", coco_classes()):
        pass
    assert path.read_text() == "of yesterday"
    with LiveJson(path, "fake", coco_classes()) as file:
        file.finish(fps=0)
    assert json.loads(path.read_text()) == {"model": "fake", "images": [], "fps": 0}


def test_an_exception_leaves_all_that_came_before_it(path):
    with pytest.raises(RuntimeError), LiveJson(path, "fake", coco_classes()) as file:
        file.add("film.mp4", 48, 64, ONE, 0, 0.0)
        raise RuntimeError
    assert frames_in(path) == [0]


def test_nothing_lies_beside_it(path, clock):
    for _ in film(path, clock, 100):
        assert {file.name for file in path.parent.iterdir()} <= {"o.json"}


WRITER = """
import os, resource, signal, sys
from pathlib import Path
import numpy as np
from configs.errors import UserError
from demo.view import live_json
from detector.classes import coco_classes
from detector.types import Detections
path, frames, limit = Path(sys.argv[1]), *map(int, sys.argv[2:])
found = Detections(np.ones((20, 4)), np.ones(20), np.zeros(20, np.int64))
now = 0.0
live_json.time.monotonic = lambda: now
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
json = live_json.LiveJson(path, "fake", coco_classes())
for index in range(frames):
    now = index / 30
    try:
        json.add("film.mp4", 48, 64, found, index, now)
    except UserError as error:
        print(index, json.frames, error)
        json.__exit__()
        sys.exit()
os.kill(os.getpid(), signal.SIGKILL)
"""


def write(path, frames, limit=0):
    program = [sys.executable, "-c", WRITER, path.name, str(frames), str(limit)]
    return subprocess.run(program, cwd=path.parent, capture_output=True, text=True, check=False)


@posix
@pytest.mark.parametrize("frames", [32, 45, 150, 301])
def test_a_process_that_is_killed_loses_a_second_at_most(frames, path):
    assert write(path, frames).returncode == -signal.SIGKILL
    assert frames - FPS <= len(frames_in(path)) <= frames
    assert [file.name for file in path.parent.iterdir()] == ["o.json"]


@posix
@pytest.mark.parametrize("limit", [100_000, 123_457, 131_072])
def test_a_full_disk_loses_a_second_at_most_and_leaves_the_file_whole(limit, path):
    done = write(path, 10_000, limit)
    failed, kept, *message = done.stdout.split(maxsplit=2)
    assert message == ["cannot write o.json: File too large\n"]
    written = frames_in(path)
    assert len(written) == int(kept)
    assert 0 <= int(failed) - len(written) <= FPS
    assert path.stat().st_size <= limit


@posix
def test_a_disk_that_is_full_from_the_start_leaves_an_older_file(path):
    path.write_text("of yesterday")
    done = write(path, 10_000, limit=1000)
    assert done.stdout.endswith("0 cannot write o.json: File too large\n")
    assert path.read_text() == "of yesterday"
    assert [file.name for file in path.parent.iterdir()] == ["o.json"]


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    with contextlib.suppress(OSError):
        if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            yield folder
            subprocess.run(["umount", str(folder)], check=True)
            return
    pytest.skip("only root can mount a small disk")


def test_on_a_real_full_disk_every_frame_but_the_last_second_is_there(small_disk, clock):
    path = small_disk / "o.json"
    index = 0
    with (
        pytest.raises(UserError, match="No space left on device"),
        LiveJson(path, "fake", coco_classes()) as file,
    ):
        for index in range(10_000):
            clock.now += 1 / FPS
            file.add("film.mp4", 48, 64, ONE, index, index / FPS)
    assert len(frames_in(path)) == file.frames
    assert index - file.frames <= FPS  # in whole frames
    assert path.stat().st_size > 0.9 * 256 * 1024
    assert [file.name for file in small_disk.iterdir()] == ["o.json"]


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    path = Path(tmp_path / "file" / "o.json")
    with pytest.raises(UserError, match=r"cannot write .*o\.json"):
        LiveJson(path, "fake", coco_classes()).finish()
