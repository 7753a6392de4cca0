"""Atomic writing of files and folders: a half-written one never bears the real name."""

import contextlib
import json
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from configs.errors import UserError
from detector.exchange import exchange
from detector.leftovers import remove_leftovers, unfinished


def walk(
    folder: Path, onerror: Callable[[OSError], None] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """A folder and those below it, each with the names of its files; hidden ones are left out.

    Links to folders are followed, too, after all that lies there itself; no folder comes twice.

    Args:
        folder: to be searched; nothing is found where it is none.
        onerror: is told of a folder that may not be listed; by default it is passed over.
    """
    starts, seen = deque([str(folder)]), set[str]()
    while starts:
        for place, folders, names in os.walk(starts.popleft(), onerror=onerror):
            real = os.path.realpath(place)
            folders[:] = sorted(name for name in folders if name[0] != "." and real not in seen)
            if real not in seen:
                seen.add(real)
                inner = [os.path.join(place, name) for name in folders]  # noqa: PTH118, many
                starts += filter(os.path.islink, inner)
                yield place, [name for name in names if name[0] != "."]


def make_folder(folder: Path) -> Path:
    """Create a folder and its parents, and show that it can be written to.

    Raises:
        UserError: it cannot be made or written to.
    """
    with explained(folder, "write to folder"):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    return folder


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path] = ()) -> None:
    """Show, before any work is done, that files can be written. Nothing is created.

    Args:
        outputs: files to be written; None stands for one that was not asked for.
        inputs: files to be read, which no output may overwrite.

    Raises:
        UserError: an output is a folder or a device, its folder cannot be written to, or it is
            the same file as an input or another output.
    """
    taken = {path.resolve(): "it is an input" for path in inputs}
    for path in outputs:
        if path is None:
            continue
        _require_file(path)
        check_folder(path.parent)
        if obstacle := taken.get(path.resolve()):
            raise UserError(f"cannot write {path}: {obstacle}; name another file")
        taken[path.resolve()] = "another output goes there"


def check_folder(folder: Path) -> None:
    """Show that a folder can be written to, or made. Nothing is created.

    Raises:
        UserError: it cannot.
    """
    with explained(folder, "write to folder"):
        existing = _existing(folder)
        existing.mkdir(exist_ok=True)  # refuses a file
        with tempfile.TemporaryFile(dir=existing):
            pass


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix, that becomes `path` on success.

    On an exception the temporary file is removed, and whatever stood at `path` stays. What killed
    processes left in this folder is removed first (`detector/leftovers.py`).

    Raises:
        UserError: the file cannot be written (no permission, no space, no such folder), or
            `path` is a folder or a device.
    """
    _require_file(path)
    temporary = unfinished(path)
    try:
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers(path.parent)
            yield temporary
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):  # the error in flight says more
            temporary.unlink()


@contextlib.contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `folder` on success, all or nothing.

    On an exception it is removed, and whatever stood at `folder` stays. At no moment is `folder`
    missing where the system lets two folders change places (`detector.exchange`); elsewhere it is
    between two renamings. A process that is killed leaves `.NAME.*/` beside it (or in the nearest
    folder that exists), there with what is `new` and what was `old`.

    Raises:
        UserError: the folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(explained(folder))
        place = _existing(folder.parent)
        place.mkdir(exist_ok=True)  # refuses a file
        scratch = tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=place)
        new, old = (Path(stack.enter_context(scratch)) / name for name in ("new", "old"))
        new.mkdir()
        yield new
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            if exchange(new, folder):
                return
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise


@contextlib.contextmanager
def explained(path: Path, act: str = "write") -> Iterator[None]:
    """Where the file system refuses to `act` on `path`, say so.

    Raises:
        UserError: it did.
    """
    try:
        yield
    except BrokenPipeError:  # of stdout, while the block ran; a file never raises it
        raise
    except OSError as error:
        raise UserError(f"cannot {act} {path}: {reason(error)}") from error


def opencv_path(path: Path) -> str:
    """A path as OpenCV can take it: absolute, so that "Z:/" is no protocol, and in UTF-8.

    Raises:
        UserError: its name is not UTF-8, on which OpenCV would crash.
    """
    absolute = str(path.absolute())
    try:
        absolute.encode("utf-8")
    except UnicodeEncodeError as error:
        shown = absolute.encode("utf-8", "replace").decode()
        raise UserError(f"cannot use {shown}: its name is not UTF-8; rename it") from error
    return absolute


def _require_file(path: Path) -> None:
    with explained(path):
        is_other = path.exists() and not path.is_file()
    if is_other:  # to replace /dev/null by a file would break the machine
        raise UserError(f"cannot write {path}: it is a folder or a device; name a file")


def reason(error: OSError) -> str:
    """Why the file system refused, in a few words on one line."""
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


_FORMER_KEYS = {"images": "pictures", "image": "picture"}  # of version 0.1; they go in 0.3
_BY_NAME = frozenset({"per_class", "splits", "thresholds", "precision50", "precision75"})
"""Tables of reports whose keys are the user's: names of classes and of splits."""


def write_json(path: Path, values: Any) -> None:
    """Write a report as JSON, atomically; what is no JSON type is written as text.

    Keys that were renamed since version 0.1 stand under their former name too, for one release.

    Raises:
        UserError: the file cannot be written.
    """
    write_text(path, json.dumps(_with_former_keys(values), indent=1, default=str))


def _with_former_keys(values: Any, name: str = "") -> Any:
    if isinstance(values, list | tuple):
        return [_with_former_keys(one) for one in values]
    if not isinstance(values, dict):
        return values
    whole = {key: _with_former_keys(value, key) for key, value in values.items()}
    if name in _BY_NAME:
        return whole
    return {old: whole[key] for key, old in _FORMER_KEYS.items() if key in whole} | whole
