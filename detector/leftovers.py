"""Unfinished files: their names say whose they are, and those of killed processes are removed.

An unfinished file is called `.STEM.HHHHPPPPPPPPNNNN.part.SUFFIX`, in hexadecimal digits: the
computer, the process, and a number. It is abandoned where that process is gone, or began long
after the file was last written. Of another computer's processes nothing is known; their files are
abandoned after a day, like those of earlier versions, whose names have eight digits.
"""

import functools
import hashlib
import itertools
import os
import platform
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

_NAME = re.compile(r"\..*\.([0-9a-f]{4})([0-9a-f]{8}|)[0-9a-f]{4}\.part(?:\.[^.]*)?", re.DOTALL)
_LONGEST_STEM = 40  # in characters of up to four bytes; a name may have 255 bytes
_DAY_S, _HOUR_S = 24 * 3600.0, 3600.0
_numbers = itertools.count()
_swept: set[Path] = set()  # folders; one look is enough for a process


def unfinished(path: Path) -> Path:
    """A name beside `path`, with its suffix, that nothing bears and nobody else takes."""
    token = f"{_computer()}{os.getpid():08x}{next(_numbers) & 0xFFFF:04x}"
    return path.parent / f".{path.stem[:_LONGEST_STEM]}.{token}.part{path.suffix}"


def remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files of processes that are gone, and say so on stderr.

    A process looks once into each folder.
    """
    place = folder.absolute()
    if place in _swept:
        return
    _swept.add(place)
    with suppress(OSError), os.scandir(folder) as entries:  # what cannot be listed may be written
        for name in [entry.name for entry in entries if _NAME.fullmatch(entry.name)]:
            _remove_abandoned(folder / name)


def _remove_abandoned(file: Path) -> None:
    try:
        if not _is_abandoned(file.name, file.stat().st_mtime):
            return
        file.unlink()
    except OSError:  # gone by now, or another user's
        return
    print(f"removed {file}, left unfinished by a run that was killed", file=sys.stderr)


def _is_abandoned(name: str, written: float) -> bool:
    import psutil

    match = _NAME.fullmatch(name)
    if match is None:
        return False
    if match[1] != _computer() or not match[2]:
        return time.time() - written > _DAY_S
    try:
        # A number that was given anew is told by the time, which the clock of a network disk may
        # have wrong.
        return psutil.Process(int(match[2], 16)).create_time() > written + _HOUR_S
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


@functools.cache
def _computer() -> str:
    """Four digits for this computer; containers count their processes apart, so each is one."""
    name = platform.node()
    with suppress(OSError):
        name += str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(name.encode(errors="replace")).hexdigest()[:4]
