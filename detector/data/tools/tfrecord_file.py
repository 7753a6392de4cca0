"""TFRecord files and the `tf.train.Example`s in them, without TensorFlow.

A record is its length (uint64, little-endian), a checksum of it, the bytes, a checksum of them. The
bytes are a protocol buffer: a map from names to lists of bytes, floats or whole numbers.
Source: tensorflow.org, "TFRecord and tf.train.Example"; protobuf.dev, "Encoding".
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

_GZIP = b"\x1f\x8b"
_LONGEST = 1 << 31  # bytes of a record; protocol buffers hold no more

Features = dict[str, list[Any]]


def read_records(path: Path) -> Iterator[bytes]:
    """The records of a file, also of one that gzip packed.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or no TFRecord; records before the damage were given.
    """
    with path.open("rb") as plain:
        is_packed = plain.read(2) == _GZIP
        plain.seek(0)
        try:
            yield from _records(gzip.GzipFile(fileobj=plain) if is_packed else plain)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError("its end is missing") from error


def _records(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while head := file.read(12):
        length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else _LONGEST
        if length >= _LONGEST:
            raise ValueError("is no TFRecord, or is damaged")
        data = file.read(length)
        if len(data) < length or len(file.read(4)) < 4:
            raise ValueError("its end is missing")
        yield data


def read_example(data: bytes) -> Features:
    """The features of an example by their names.

    Raises:
        ValueError: it is none, or is damaged.
    """
    features: Features = {}
    try:
        for whole in _of_field(data, 1):
            for entry in _of_field(whole, 1):
                key = b"".join(_of_field(entry, 1)).decode()
                features[key] = [one for value in _of_field(entry, 2) for one in _values(value)]
    except (IndexError, UnicodeDecodeError, TypeError) as error:
        raise ValueError("is no tf.train.Example") from error
    return features


def _values(feature: bytes) -> Iterator[Any]:
    for number, lists in _fields(feature):
        for _, value in _fields(lists):
            if number == 1:
                yield bytes(value)
            elif number == 2:  # one float, or several packed together
                yield from np.frombuffer(value[: len(value) // 4 * 4], "<f4").tolist()
            elif number == 3:
                yield from [_signed(value)] if isinstance(value, int) else _varints(value)


def _of_field(data: bytes, wanted: int) -> list[bytes]:
    return [bytes(value) for number, value in _fields(data) if number == wanted]


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field: an int, or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
            value, at = data[at : at + length], at + length
        elif kind == 2:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            raise ValueError("is no tf.train.Example")
        if at > len(data):
            raise ValueError("is no tf.train.Example, or is damaged")
        yield key >> 3, value


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield _signed(value)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("is no tf.train.Example")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
