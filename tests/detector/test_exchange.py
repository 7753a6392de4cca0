import subprocess
import sys
from pathlib import Path

import pytest

from detector import files
from detector.exchange import exchange
from detector.files import atomic_folder

CAN_EXCHANGE = sys.platform in ("linux", "darwin")
needs_exchange = pytest.mark.skipif(not CAN_EXCHANGE, reason="this system has no exchange")


def folder_of(path: Path, text: str) -> Path:
    path.mkdir(parents=True)
    (path / "weights").write_text(text)
    return path


def replace(folder: Path, text: str) -> None:
    with atomic_folder(folder) as new:
        (new / "weights").write_text(text)


@needs_exchange
def test_two_folders_change_places(tmp_path):
    one, other = folder_of(tmp_path / "one", "1"), folder_of(tmp_path / "öther", "2")
    assert exchange(one, other)
    assert (one / "weights").read_text() == "2"
    assert (other / "weights").read_text() == "1"


def test_what_cannot_change_places_stays(tmp_path):
    one = folder_of(tmp_path / "one", "1")
    assert not exchange(one, tmp_path / "none")
    assert (one / "weights").read_text() == "1"


@needs_exchange
def test_a_folder_is_replaced_without_ever_being_renamed_away(tmp_path, monkeypatch):
    folder = folder_of(tmp_path / "best", "old")
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("a moment without the folder"))
    replace(folder, "new")
    assert (folder / "weights").read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["best"]


@needs_exchange
def test_a_link_to_a_folder_is_replaced_and_what_it_leads_to_stays(tmp_path):
    target = folder_of(tmp_path / "far/target", "old")
    (tmp_path / "best").symlink_to(target)
    replace(tmp_path / "best", "new")
    assert (target / "weights").read_text() == "old"
    assert not (tmp_path / "best").is_symlink()


def test_where_folders_cannot_change_places_one_is_renamed_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "exchange", lambda *_: False)
    folder = folder_of(tmp_path / "best", "old")
    replace(folder, "new")
    assert (folder / "weights").read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["best"]


# ---- killed between two steps

KILLED = """
import os, signal, sys
from pathlib import Path
from detector import files

def killing(real, when):
    def step(*paths):
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = real(*paths)
        os.kill(os.getpid(), signal.SIGKILL)
        return done
    return step

folder, name, when = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
place = Path if name == "rename" else files
setattr(place, name, killing(getattr(place, name), when))
with files.atomic_folder(folder) as new:
    (new / "weights").write_text("new")
"""


def killed(folder: Path, step: str, when: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), step, when])
    assert done.returncode == -9


@needs_exchange
@pytest.mark.slow
@pytest.mark.parametrize(("when", "text"), [("before", "old"), ("after", "new")])
def test_who_is_killed_leaves_the_folder_whole(tmp_path, when, text):
    folder = folder_of(tmp_path / "best", "old")
    killed(folder, "exchange", when)
    assert (folder / "weights").read_text() == text
    replace(folder, "next")
    assert (folder / "weights").read_text() == "next"


@needs_exchange
@pytest.mark.slow
def test_who_is_killed_before_the_first_model_leaves_none(tmp_path):
    killed(tmp_path / "best", "rename", "before")
    assert not (tmp_path / "best").exists()
    killed(tmp_path / "best", "rename", "after")
    assert (tmp_path / "best/weights").read_text() == "new"
