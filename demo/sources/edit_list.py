"""How much of an MP4 or MOV its edit list plays: what was trimmed off stays in the file."""

import struct
from collections.abc import Iterator
from pathlib import Path

_MOST_BYTES = 64 * 2**20  # of an index


def seconds_played(path: Path) -> float | None:
    """The seconds of its video that a file plays; None where it holds no edit list, or no index.

    Source: ISO/IEC 14496-12, boxes moov, mvhd, trak, hdlr, edts and elst.
    """
    try:
        return next(_video_seconds(_index(path)), None)
    except (OSError, struct.error):
        return None


def _index(path: Path) -> bytes:
    """The contents of the box moov; empty where there is none."""
    with path.open("rb") as file:
        at = 0
        while len(head := file.read(16)) >= 8:
            size, kind = struct.unpack_from(">I4s", head)
            skipped = 8
            if size == 1 and len(head) == 16:
                size, skipped = struct.unpack_from(">Q", head, 8)[0], 16
            if kind == b"moov":
                file.seek(at + skipped)
                return file.read(min(max(0, size - skipped), _MOST_BYTES))
            if size < 8:  # to the end of the file, or nonsense
                break
            at += size
            file.seek(at)
    return b""


def _boxes(data: bytes, kind: bytes) -> Iterator[bytes]:
    """The contents of each box of a kind."""
    at = 0
    while at + 8 <= len(data):
        size, found = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        if found == kind:
            yield data[at + 8 : at + size]
        at += size


def _video_seconds(index: bytes) -> Iterator[float]:
    # In version 1 of a box, what counts time takes eight bytes instead of four.
    scales = [
        struct.unpack_from(">I", box, 20 if box[:1] == b"\1" else 12)[0]
        for box in _boxes(index, b"mvhd")
    ]
    for track in _boxes(index, b"trak"):
        handlers = [box[8:12] for media in _boxes(track, b"mdia") for box in _boxes(media, b"hdlr")]
        edits = [box for edit in _boxes(track, b"edts") for box in _boxes(edit, b"elst")]
        if scales and edits and b"vide" in handlers and (units := _units(edits[0])):
            yield units / max(1, scales[0])


def _units(edits: bytes) -> int:
    """How long the parts of an edit list are together, in units of mvhd; 0 if it does not say."""
    part = struct.Struct(">QqI" if edits[:1] == b"\1" else ">IiI")
    parts = edits[8 : len(edits) - (len(edits) - 8) % part.size]
    # Where the second number is -1 there is nothing to play.
    return sum(units for units, start, _ in part.iter_unpack(parts) if start >= 0)
