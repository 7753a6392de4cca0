"""Two folders change places in one step, where the system can: Linux and macOS."""

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

_AT_FDCWD = -100  # paths are relative to the current folder
_RENAME_EXCHANGE = 2  # linux/fs.h
_RENAME_SWAP = 2  # macOS sys/stdio.h


def exchange(one: Path, other: Path) -> bool:
    """Let two paths of one file system change places; at no moment is either missing.

    Sources: renameat2(2) of Linux, renamex_np(2) of macOS.

    Returns:
        whether it was done. Windows and some file systems (of networks mostly) cannot.
    """
    rename = _system_call()
    return rename is not None and rename(os.fsencode(one), os.fsencode(other)) == 0


def _system_call() -> Callable[[bytes, bytes], int] | None:
    if sys.platform == "win32":
        return None
    library = ctypes.CDLL(None)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        return lambda one, other: library.renamex_np(one, other, _RENAME_SWAP)
    if hasattr(library, "renameat2"):  # not every C library has it
        return lambda one, other: library.renameat2(
            _AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE
        )
    return None
