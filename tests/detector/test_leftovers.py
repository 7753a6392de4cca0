import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from detector import leftovers
from detector.files import atomic_path, write_text

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and locks are POSIX's")

KILLED = """
import os, signal, sys
from pathlib import Path
from detector.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
WAITING = """
import sys
from pathlib import Path
from detector.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("whole")
    print("written", flush=True)
    sys.stdin.read()
"""


def hidden(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.name[0] == ".")


def leave(folder: Path, name: str = "o.json") -> Path:
    """What a process that is killed while it writes leaves."""
    before = set(folder.iterdir())
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder / name)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = set(folder.iterdir()) - before
    return left


@posix
@pytest.mark.parametrize("name", ["o.json", "film.mp4", "plain", "two.dots.npz", "new\nline.txt"])
def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(
    name, tmp_path, capsys
):
    left = leave(tmp_path, name)
    write_text(tmp_path / "another.txt", "text")
    assert [file.name for file in tmp_path.iterdir()] == ["another.txt"]
    said = f"removed {left}, left unfinished by a run that was killed\n"
    assert capsys.readouterr().err == said


@posix
def test_a_file_that_a_living_process_writes_is_left_alone(tmp_path):
    program = [sys.executable, "-c", WAITING, str(tmp_path / "o.json")]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as living:
        assert living.stdout is not None
        assert living.stdout.readline() == b"written\n"
        write_text(tmp_path / "another.txt", "text")
        assert len(hidden(tmp_path)) == 1
        living.communicate()
    assert (tmp_path / "o.json").read_text() == "whole"
    assert hidden(tmp_path) == []


def test_a_file_of_this_process_is_left_alone(tmp_path):
    with atomic_path(tmp_path / "outer.txt") as outer:
        outer.write_text("whole")
        leftovers._swept.clear()
        write_text(tmp_path / "inner.txt", "text")
    assert (tmp_path / "outer.txt").read_text() == "whole"


@posix
def test_a_process_that_began_long_after_is_another_one_of_that_number(tmp_path):
    left = leftovers.unfinished(tmp_path / "o.json")  # of this process, which lives
    for age_h, name in (0.1, left.name), (48, None):
        left.write_text("half")
        os.utime(left, (0, psutil.Process().create_time() - age_h * 3600))
        leftovers._swept.clear()
        write_text(tmp_path / "a.txt", "text")
        assert hidden(tmp_path) == [name] * (name is not None)


@posix
@pytest.mark.parametrize("version", ["present", "earlier"])
def test_a_file_of_another_computer_or_version_is_removed_after_a_day(version, tmp_path):
    left = leave(tmp_path) if version == "present" else tmp_path / ".o.12ab34cd.part.json"
    if version == "present":
        left = left.rename(tmp_path / left.name.replace(leftovers._computer(), "0000"))
    left.write_text("half")
    for age_h in (0, 23, 25):
        os.utime(left, (0, time.time() - age_h * 3600))
        leftovers._swept.clear()
        write_text(tmp_path / "a.txt", "text")
        assert left.exists() == (age_h < 24)


@pytest.mark.parametrize(
    "name",
    [
        *("o.0123456789abcdef.part.json", ".o.part.json", ".o.1234567.part.json"),
        *(".o.0123456789abcdef.json", ".o.0123456789abcdeg.part.json", "model.bin.part"),
        *(".0123456789abcdef.part", ".o.0123456789abcdef.part.a.b"),
    ],
)
def test_files_of_other_names_are_left_alone(name, tmp_path):
    (tmp_path / name).write_text("of the user")
    os.utime(tmp_path / name, (0, 0))
    write_text(tmp_path / "a.txt", "text")
    assert (tmp_path / name).read_text() == "of the user"


def test_names_are_never_taken_twice_and_never_too_long(tmp_path):
    long = tmp_path / f"{'鵞' * 80}.json"
    names = {leftovers.unfinished(long).name for _ in range(1000)}
    assert len(names) == 1000
    assert max(len(name.encode()) for name in names) < 256
    write_text(long, "text")
    assert long.read_text() == "text"


def test_a_folder_is_searched_once_by_a_process(tmp_path, monkeypatch):
    looked, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: looked.append(folder) or scandir(folder))
    for number in range(3):
        write_text(tmp_path / f"{number}.txt", "text")
    assert looked == [tmp_path]
