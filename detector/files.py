"""Writing files so that a half-written one never bears the real name."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from configs.errors import UserError


def make_folder(folder: Path) -> Path:
    """Create a folder and its parents, and show that it can be written to.

    Raises:
        UserError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"cannot write to folder {folder}: {_reason(error)}") from error
    return folder


def check_writable(path: Path) -> Path:
    """Show, before any work is done, that a file can be written at `path`.

    Raises:
        UserError: it is a folder or a device, or its folder cannot be written to.
    """
    _require_file(path)
    make_folder(path.parent)
    return path


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix, that becomes `path` on success.

    On an exception the temporary file is removed, and whatever stood at `path` stays.

    Raises:
        UserError: the file cannot be written (no permission, no space, no such folder), or
            `path` is a folder or a device.
    """
    _require_file(path)
    temporary = path.parent / f".{path.stem}.{os.getpid()}.part{path.suffix}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except BrokenPipeError:  # of stdout, while the block ran; a file never raises it
        raise
    except OSError as error:
        raise UserError(f"cannot write {path}: {_reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):  # the error in flight says more
            temporary.unlink()


def _require_file(path: Path) -> None:
    try:
        is_other = path.exists() and not path.is_file()
    except OSError as error:
        raise UserError(f"cannot write {path}: {_reason(error)}") from error
    if is_other:  # to replace /dev/null by a file would break the machine
        raise UserError(f"cannot write {path}: it is a folder or a device; name a file")


def _reason(error: OSError) -> str:
    if isinstance(error, FileExistsError):  # mkdir, where a file stands
        return f"{error.filename} is not a folder"
    return " ".join((error.strerror or str(error)).split())


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
