import json
import os
import re
from pathlib import Path

import pytest

from configs.errors import UserError
from detector.files import (
    atomic_folder,
    atomic_path,
    check_folder,
    check_outputs,
    make_folder,
    opencv_path,
    walk,
    write_json,
    write_text,
)


def contents(folder: Path) -> dict[str, str]:
    """Name and text of every file in a folder, hidden ones too."""
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_file_appears_when_the_block_has_ended(tmp_path):
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
    assert contents(tmp_path) == {"a.txt": "whole"}


def test_the_temporary_file_lies_beside_it_with_its_suffix(tmp_path):
    with atomic_path(tmp_path / "film.mp4") as temporary:
        temporary.write_text("")
        assert temporary.parent == tmp_path and temporary.suffix == ".mp4"


def test_what_stood_there_is_replaced_on_success(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert (tmp_path / "a.txt").read_text() == "old"
        written = temporary.stat().st_ino
    assert contents(tmp_path) == {"a.txt": "new"}
    assert (tmp_path / "a.txt").stat().st_ino == written, "moved in one step, not copied"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_what_stood_there_and_nothing_else(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(error), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert contents(tmp_path) == {"a.txt": "old"}


def test_an_exception_before_anything_is_written_is_passed_on(tmp_path):
    with pytest.raises(RuntimeError, match="early"), atomic_path(tmp_path / "a.txt"):
        raise RuntimeError("early")
    assert contents(tmp_path) == {}


def test_an_error_of_the_file_system_is_the_users_to_fix(tmp_path):
    path = tmp_path / "a.txt"
    message = f"cannot write {path}: No space left on device"
    with pytest.raises(UserError) as caught, atomic_path(path) as temporary:
        temporary.write_text("half")
        raise OSError(28, os.strerror(28))
    assert str(caught.value) == message and contents(tmp_path) == {}


def test_a_broken_pipe_of_the_output_is_not_taken_for_the_files(tmp_path):
    with pytest.raises(BrokenPipeError), atomic_path(tmp_path / "a.txt"):
        raise BrokenPipeError


def test_missing_folders_are_made(tmp_path):
    write_text(tmp_path / "new" / "folder" / "a.txt", "text")
    assert contents(tmp_path / "new" / "folder") == {"a.txt": "text"}


@pytest.fixture
def unwritable(tmp_path) -> dict[str, Path]:
    (tmp_path / "file").write_text("old")
    return {
        "below a device": Path("/dev/null/x"),
        "below a file": tmp_path / "file" / "x",
        "two below a file": tmp_path / "file" / "x" / "y",
        "a folder": tmp_path,
        "the working folder": Path(),
        "a device": Path("/dev/null"),
        "a name too long": tmp_path / ("x" * 300),
    }


PLACES = {
    "below a device": "/dev/null is not a folder",
    "below a file": "file is not a folder",
    "two below a file": "file is not a folder|Not a directory",
    "a folder": "it is a folder or a device; name a file",
    "the working folder": "it is a folder or a device; name a file",
    "a device": "it is a folder or a device; name a file",
    "a name too long": "File name too long",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "write", [lambda path: check_outputs([path]), lambda path: write_text(path, "new")]
)
def test_an_unwritable_place_is_refused_in_one_line(tmp_path, unwritable, place, write):
    with pytest.raises(UserError) as caught:
        write(unwritable[place])
    message = str(caught.value)
    assert message.startswith("cannot write ") and re.search(PLACES[place], message)
    assert "\n" not in message
    assert contents(tmp_path) == {"file": "old"}


def test_a_device_is_still_a_device_afterwards():
    with pytest.raises(UserError):
        write_text(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()


def test_text_is_written_as_utf_8(tmp_path):
    write_text(tmp_path / "a.txt", "Gänsefüßchen 鵞\n")
    assert (tmp_path / "a.txt").read_bytes() == "Gänsefüßchen 鵞\n".encode()


def test_checking_places_creates_nothing_and_changes_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    check_outputs([tmp_path / "new" / "deep" / "b.txt", None, tmp_path / "a.txt"])
    check_folder(tmp_path / "another")
    assert contents(tmp_path) == {"a.txt": "old"}


@pytest.mark.parametrize("other", ["photo.jpg", "sub/../photo.jpg", "link.jpg"])
def test_an_output_never_overwrites_an_input_by_whatever_name(tmp_path, other):
    (tmp_path / "photo.jpg").write_text("precious")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "photo.jpg")
    (tmp_path / "sub").mkdir()
    with pytest.raises(UserError, match="it is an input; name another file"):
        check_outputs([tmp_path / other], inputs=[tmp_path / "photo.jpg"])


def test_two_outputs_may_not_be_one_file(tmp_path):
    with pytest.raises(UserError, match="another output goes there"):
        check_outputs([tmp_path / "a.json", tmp_path / "a.json"])


def test_two_writers_of_one_file_do_not_share_a_temporary_one(tmp_path):
    with atomic_path(tmp_path / "a") as first, atomic_path(tmp_path / "a") as second:
        first.write_text("1")
        second.write_text("2")
        assert first != second


def test_a_folder_appears_whole_and_replaces_another_whole(tmp_path):
    for text in ("first", "second"):
        with atomic_folder(tmp_path / "a" / "model") as new:
            (new / "weights").write_text(text)
            if text == "first":
                (new / "labels").write_text("cat")
    assert contents(tmp_path / "a" / "model") == {"weights": "second"}
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["model"]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "model") as new:
        (new / "weights").write_text(str(1 / 0))
    assert [one.name for one in tmp_path.iterdir()] == ["model"]
    assert contents(tmp_path / "model") == {"weights": "old"}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    refused = pytest.raises(UserError, match=r"cannot write .*model: .*file is not a folder")
    with refused, atomic_folder(tmp_path / "file" / "model"):
        pass


def test_opencv_is_given_no_name_that_it_would_crash_on():
    assert opencv_path(Path("a.mp4")) == str(Path("a.mp4").absolute())
    with pytest.raises(UserError, match="its name is not UTF-8; rename it"):
        opencv_path(Path("v\udcff.mp4"))


def test_a_folder_may_exist_already(tmp_path):
    assert make_folder(make_folder(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_no_folder_can_be_made_where_a_file_stands(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to folder .*file: .*file is not a folder"):
        make_folder(tmp_path / "file")


def test_former_keys_stand_beside_the_new_ones_but_not_among_the_users_own(tmp_path):
    values = {"images": 2, "per_class": {"image": 3, "picture": 7}, "rows": [{"images": 1}]}
    write_json(tmp_path / "r.json", values)
    written = json.loads((tmp_path / "r.json").read_text())
    assert (written["images"], written["pictures"]) == (2, 2)
    assert written["per_class"] == {"image": 3, "picture": 7}
    assert written["rows"] == [{"images": 1, "pictures": 1}]


def test_a_walk_follows_links_once_and_leaves_out_what_is_hidden(tmp_path):
    for name in ("set/b/deep/one", "set/.hidden/two", "set/.three", "far/four", "set/five"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    links = {"a": "far", "b/loop": "set", "b/again": "far", "gone": "nowhere"}
    for link, target in links.items():
        (tmp_path / "set" / link).symlink_to(tmp_path / target)
    root = tmp_path / "set"
    found = {Path(place).relative_to(root).as_posix(): sorted(names) for place, names in walk(root)}
    assert found == {".": ["five", "gone"], "b": [], "b/deep": ["one"], "a": ["four"]}


def test_a_walk_of_no_folder_finds_nothing(tmp_path):
    assert list(walk(tmp_path / "nowhere")) == []
