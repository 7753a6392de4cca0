import os
from pathlib import Path

import pytest

from configs.errors import UserError
from detector.files import atomic_path, check_writable, make_folder, write_text


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


def test_an_error_of_the_file_system_is_the_users_to_mend(tmp_path):
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
    "two below a file": "Not a directory",
    "a folder": "it is a folder or a device; name a file",
    "the working folder": "it is a folder or a device; name a file",
    "a device": "it is a folder or a device; name a file",
    "a name too long": "File name too long",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("write", [check_writable, lambda path: write_text(path, "new")])
def test_an_unwritable_place_is_refused_in_one_line(tmp_path, unwritable, place, write):
    with pytest.raises(UserError) as caught:
        write(unwritable[place])
    message = str(caught.value)
    assert message.startswith("cannot write ") and PLACES[place] in message
    assert "\n" not in message
    assert contents(tmp_path) == {"file": "old"}


def test_a_device_is_still_a_device_afterwards():
    with pytest.raises(UserError):
        write_text(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()


def test_text_is_written_as_utf_8(tmp_path):
    write_text(tmp_path / "a.txt", "Gänsefüßchen 鵞\n")
    assert (tmp_path / "a.txt").read_bytes() == "Gänsefüßchen 鵞\n".encode()


def test_checking_a_place_leaves_nothing_there(tmp_path):
    path = tmp_path / "new" / "a.txt"
    assert check_writable(path) == path
    assert contents(tmp_path / "new") == {}


def test_checking_a_place_leaves_the_file_that_stands_there(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    check_writable(tmp_path / "a.txt")
    assert contents(tmp_path) == {"a.txt": "old"}


def test_a_folder_may_exist_already(tmp_path):
    assert make_folder(make_folder(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_no_folder_can_be_made_where_a_file_stands(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to folder .*file: .*file is not a folder"):
        make_folder(tmp_path / "file")
