"""One folder, one process: a lock that ends with the process that holds it, however that ends.

The lock is the operating system's, on a file (`filelock`); it holds between hosts where a shared
disk passes locks on, as NFS and SMB do. A note beside it says who holds it. Not every disk passes
locks on, so the holder counts in the note, and whoever finds the note of another host watches it
for a while: clocks of two hosts need not agree for that.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from configs.errors import UserError, shortened
from detector.files import explained, reason, write_text

BEAT_S = 5.0
"""Seconds between two counts."""

_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
_WATCHED = 3  # counts that a live holder cannot miss
_STARTING_S = 2.0  # in which a holder writes its note


@dataclass(frozen=True)
class _Holder:
    """The process that holds a lock; the content of its note."""

    host: str
    pid: int
    since: str  # when it began, with its time zone
    count: int = 0

    def __str__(self) -> str:
        host, since = (shortened(one)[1:-1] for one in (self.host, self.since))
        return f"process {self.pid} on {host}, since {since}"


_NOTE_FORM = TypeAdapter(_Holder)


@contextlib.contextmanager
def only_process(shown: Path, stem: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a folder; folders made for it and left empty are removed at the end.

    Args:
        shown: the folder that is written to.
        stem: path of the lock's two files, without their suffixes `.lock` and `.json`.
        tell: takes a line for the user.

    Raises:
        UserError: another process holds it, or its file cannot be written.
    """
    file, note = (stem.with_name(f"{stem.name}.{suffix}") for suffix in ("lock", "json"))
    made = [one for one in (stem.parent, *stem.parent.absolute().parents) if not one.exists()]
    with contextlib.ExitStack() as stack:
        with explained(shown, "write to folder"):
            stem.parent.mkdir(parents=True, exist_ok=True)
            stack.callback(_remove_empty, made)
            is_locked = _lock(shown, file, note, stack, tell)
        before = _read(note)
        if before and not (is_locked and before.host == platform.node()):
            _watch(shown, note, before, tell)
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        stack.enter_context(_counting(note, _Holder(platform.node(), os.getpid(), since)))
        yield


def _lock(
    shown: Path, file: Path, note: Path, stack: contextlib.ExitStack, tell: Callable[[str], None]
) -> bool:
    """Take the system's lock until the stack ends; False where the disk has none.

    Raises:
        UserError: another process holds it.
        OSError: its file cannot be written.
    """
    import filelock

    # Where there are no locks, the library's own stand-in would outlive a process that is killed.
    lock = filelock.FileLock(file, blocking=False, fallback_to_soft=False, thread_local=False)
    is_locked = True
    try:
        lock.acquire()
    except filelock.Timeout:
        raise _in_use(shown, _read_soon(note)) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        is_locked = False
        tell(f"note: {shown} is on a disk without locks ({reason(error)}): a note in it stands in")
    stack.callback(lock.release)
    stack.callback(_unlink, file)  # while it is held, so that nobody takes a file that goes
    return is_locked


def _unlink(file: Path) -> None:
    with contextlib.suppress(OSError):  # Windows removes it behind its release
        file.unlink()


def _watch(shown: Path, note: Path, before: _Holder, tell: Callable[[str], None]) -> None:
    """Return once it is clear that the holder of a note is gone.

    Raises:
        UserError: it goes on counting.
    """
    seconds = _WATCHED * BEAT_S
    tell(f"{shown} was in use by {before}, which did not end well: watching it for {seconds:g} s")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(BEAT_S / 5)
        now = _read(note)
        if now is None:  # it ends just now
            return
        if now != before:
            raise _in_use(shown, now)


def _in_use(shown: Path, holder: _Holder | None) -> UserError:
    by = holder or "another process"
    return UserError(f"{shown} is in use by {by}; wait for its end, or stop it")


@contextlib.contextmanager
def _counting(note: Path, holder: _Holder) -> Iterator[None]:
    """Write a note, and count in it meanwhile."""
    ended = threading.Event()

    def count() -> None:
        beat = 0
        while not ended.wait(BEAT_S):
            beat += 1
            # A full disk is told by what the process is here to write.
            with contextlib.suppress(UserError):
                write_text(note, json.dumps({**asdict(holder), "count": beat}))

    thread = threading.Thread(target=count, name="run-lock", daemon=True)
    write_text(note, json.dumps(asdict(holder)))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _unlink(note)


def _read(note: Path) -> _Holder | None:
    """Who holds the lock; None where no note says it."""
    try:
        return _NOTE_FORM.validate_json(note.read_bytes(), strict=True)
    except (OSError, ValidationError):
        return None


def _read_soon(note: Path) -> _Holder | None:
    """The same where there is a holder, which may be about to write its note."""
    end = time.monotonic() + _STARTING_S
    while (holder := _read(note)) is None and time.monotonic() < end:
        time.sleep(0.05)
    return holder


def _remove_empty(folders: list[Path]) -> None:
    with contextlib.suppress(OSError):  # one holds something
        for folder in folders:
            folder.rmdir()
