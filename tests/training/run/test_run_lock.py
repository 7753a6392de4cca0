"""One folder, one process, with real processes; another host is a note that names it."""

import contextlib
import errno
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import UserError
from training.run import run_lock
from training.run.run_lock import only_process

HOLD = """
import sys, time
from pathlib import Path
from training.run.run_lock import only_process
folder = Path(sys.argv[1])
with only_process(folder, folder / ".running", print):
    print("held", flush=True)
    time.sleep(600)
"""


@contextlib.contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a folder's lock."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def take(folder: Path, said: list[str] | None = None):
    return only_process(folder, folder / ".running", (said if said is not None else []).append)


@pytest.fixture
def quick(monkeypatch):
    """Holders count ten times a second."""
    monkeypatch.setattr(run_lock, "BEAT_S", 0.1)
    monkeypatch.setattr(run_lock, "_STARTING_S", 0.1)


def note(folder: Path, **changes: object) -> Path:
    values = {"host": "elsewhere", "pid": 7, "since": "2026-01-02 03:04:05+00:00", "count": 0}
    path = folder / ".running.json"
    path.write_text(json.dumps(values | changes))
    return path


@pytest.mark.slow
def test_a_second_process_is_refused_and_the_first_is_named(tmp_path):
    with holder(tmp_path) as first:
        says = rf"is in use by process {first.pid} on {platform.node()}, since 2.*; wait for its"
        for _ in range(2):  # the refusal leaves the lock as it is
            with pytest.raises(UserError, match=says), take(tmp_path):
                pass
        assert first.poll() is None


@pytest.mark.slow
def test_a_lock_ends_with_a_process_that_is_killed(tmp_path):
    with holder(tmp_path) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert (tmp_path / ".running.json").exists()
    said: list[str] = []
    with take(tmp_path, said):
        assert json.loads((tmp_path / ".running.json").read_text())["pid"] == os.getpid()
    assert said == []


def test_nothing_is_left_behind(tmp_path):
    with take(tmp_path):
        assert sorted(one.name for one in tmp_path.iterdir()) == [".running.json", ".running.lock"]
    assert not any(tmp_path.iterdir())


def test_folders_made_for_it_go_if_they_stay_empty(tmp_path):
    with take(tmp_path / "a/b"):
        assert (tmp_path / "a/b").is_dir()
    assert not any(tmp_path.iterdir())
    with take(tmp_path / "a/b"):
        (tmp_path / "a/b/run.json").write_text("{}")
    assert [one.name for one in (tmp_path / "a/b").iterdir()] == ["run.json"]


def test_the_same_process_cannot_take_it_twice(tmp_path, quick):
    with take(tmp_path), pytest.raises(UserError, match="is in use by"), take(tmp_path):
        pass


def test_an_error_inside_is_not_the_locks(tmp_path):
    with pytest.raises(FileNotFoundError), take(tmp_path):
        (tmp_path / "missing").read_text()
    assert not any(tmp_path.iterdir())


def test_a_file_in_its_place_is_one_line(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match=r"cannot write to folder .*run"), take(tmp_path / "run"):
        pass


# ---- other hosts, and disks without locks


def test_a_holder_on_another_host_that_counts_is_respected(tmp_path, quick):
    path, ended = note(tmp_path), threading.Event()

    def count() -> None:
        number = 0
        while not ended.wait(0.02):
            number += 1
            note(tmp_path, count=number)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        with pytest.raises(UserError, match="in use by process 7 on elsewhere"), take(tmp_path):
            pass
    finally:
        ended.set()
        thread.join()
    assert json.loads(path.read_text())["host"] == "elsewhere"


def test_a_holder_on_another_host_that_is_silent_is_gone(tmp_path, quick):
    note(tmp_path)
    said: list[str] = []
    with take(tmp_path, said):
        pass
    (line,) = said
    assert "was in use by process 7 on elsewhere, since 2026-01-02" in line
    assert line.endswith("watching it for 0.3 s")


def test_a_holder_that_ends_while_it_is_watched_lets_go(tmp_path, monkeypatch):
    monkeypatch.setattr(run_lock, "BEAT_S", 100)  # nobody waits for that
    monkeypatch.setattr(time, "sleep", lambda _: (tmp_path / ".running.json").unlink())
    note(tmp_path)
    with take(tmp_path):
        pass


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"host": 5, "pid": 7, "since": "x", "count": 0}',
        "[" * 9999,
        '{"host": "' + "h" * 99,
    ],
)
def test_a_note_that_is_none_counts_for_nothing(tmp_path, text):
    (tmp_path / ".running.json").write_text(text)
    with take(tmp_path):
        pass


@pytest.fixture
def no_locks(monkeypatch):
    """A disk that has no locks."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_without_locks_the_note_stands_in(tmp_path, quick, no_locks):
    said: list[str] = []
    says = f"in use by process {os.getpid()} "
    with take(tmp_path, said), pytest.raises(UserError, match=says), take(tmp_path, said):
        pass
    assert "is on a disk without locks (No locks available): a note in it stands in" in said[0]
    with take(tmp_path):
        pass


def test_the_holder_goes_on_counting(tmp_path, quick):
    counts = set()
    with take(tmp_path):
        end = time.monotonic() + 30
        while len(counts) < 3 and time.monotonic() < end:
            with contextlib.suppress(OSError, ValueError):
                counts.add(json.loads((tmp_path / ".running.json").read_text())["count"])
    assert len(counts) == 3
