"""Caches of decoded and resized images, in memory or on disk, keyed by the content of the file."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from configs.errors import UserError
from detector.data.orientation import read_sample, settle_on_disk
from detector.digests import digest_of
from detector.files import atomic_path, make_folder
from detector.preprocess import resize
from detector.types import Sample

# A sample to its pixels, uint8 (H, W, 3), and the sample in the frame of its upright image.
# Raises UserError if the image cannot be read.
Reader = Callable[[Sample], tuple[np.ndarray, Sample]]

_VERSION = 1  # of what is kept: raise it when decoding or resizing changes
_HEADER = struct.Struct("<III")  # checksum of the rest, height, width


def make_reader(
    kind: Literal["none", "memory", "disk"],
    size: int,
    folder: Path | None = None,
    is_kept: bool = True,
) -> Reader:
    """The way samples are read: from their files, or through a cache.

    Args:
        kind: "none" gives images as they are, the others at one size.
        size: px.
        folder: of the disk cache; by default one of this user's, for all data sets.
        is_kept: False for the same images as from "memory", made anew each time.

    Raises:
        UserError: the disk cache's folder cannot be written to.
    """
    if kind == "none":
        return read_sample
    if kind == "memory":
        return Cache({}, size) if is_kept else partial(_read_resized, size=size)
    from detector.weights.download import cache_folder

    return Cache(_Disk(make_folder(folder or cache_folder() / "images"), size), size)


def _read_resized(sample: Sample, size: int) -> tuple[np.ndarray, Sample]:
    image, sample = read_sample(sample)
    small = resize(image, size)
    small.flags.writeable = False
    return small, sample


_Entry = tuple[np.ndarray, int, int]
"""uint8 `(S, S, 3)`, RGB, read-only; height and width of the upright image in its file, px."""


class Cache:
    """A `Reader` that gives every image at one size and keeps it.

    Entries go by the content of the file, not its name: a file that changes is read anew, a copy
    is not. Several threads may read at once.

    Args:
        store: where entries are kept, by key.
        size: S, px.
    """

    def __init__(self, store: dict[str, _Entry] | _Disk, size: int) -> None:
        self._store = store
        self._size = size
        self._keys: dict[Path, tuple[tuple[int, int], str]] = {}

    def __call__(self, sample: Sample) -> tuple[np.ndarray, Sample]:
        """Read a sample.

        Returns:
            uint8 `(S, S, 3)`, RGB, read-only; the sample, whose boxes stay in the frame of the
            image in its file.

        Raises:
            UserError: the image cannot be read.
        """
        key = self._key(sample.path, sample.window)
        entry = self._store.get(key) if key else None
        if entry is None:
            image, sample = _read_resized(sample, self._size)
            entry = image, sample.height, sample.width
            with contextlib.suppress(UserError):  # a full disk ends the caching, not the run
                self._store[key] = entry
        elif sample.window is None and entry[1:] != (sample.height, sample.width):
            sample, _ = settle_on_disk(sample)
        return entry[0], sample

    def _key(self, path: Path, window: tuple[int, ...] | None) -> str:
        """What the file holds and how it is kept, or a window of it; "" if it cannot be read.

        A file of the same size and time of change is taken to be the same, and not read again.
        """
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._keys.get(path)
            if known is None or known[0] != stamp:
                known = stamp, digest_of(path)
                self._keys[path] = known
        except (OSError, ValueError):
            return ""
        part = "" if window is None else "-".join(("", *map(str, window)))
        return f"{known[1]}{part}-{self._size}-v{_VERSION}"


class _Disk:
    """Entries in a folder, each with a checksum; a damaged one counts as missing."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._shape = (size, size, 3)

    def get(self, key: str, /) -> _Entry | None:
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        pixels = memoryview(data)[_HEADER.size :]
        if len(pixels) != np.prod(self._shape):
            return None
        checksum, height, width = _HEADER.unpack_from(data)
        if checksum != _checksum(height, width, pixels):
            return None
        return np.frombuffer(pixels, np.uint8).reshape(self._shape), height, width

    def __setitem__(self, key: str, entry: _Entry, /) -> None:
        """Write the entry; a `UserError` says why that is impossible."""
        image, height, width = entry
        checksum = _checksum(height, width, image.data)
        with atomic_path(self._path(key)) as temporary, temporary.open("wb") as file:
            file.write(_HEADER.pack(checksum, height, width))
            file.write(image.data)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.rgb"


def _checksum(height: int, width: int, pixels: memoryview) -> int:
    # Damage of a disk, not of an enemy; crc32 would take longer than reading the file.
    return zlib.adler32(pixels, zlib.adler32(struct.pack("<II", height, width)))
