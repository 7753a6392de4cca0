"""A COCO JSON as it stands in the file, parsed without what a detector does not need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from configs.errors import UserError

_PIECE = 8192  # annotations that are parsed at a time


class CocoImage(msgspec.Struct, gc=False):
    """An entry of `images`; anything may be wrong with it."""

    id: Any = None
    file_name: Any = None
    height: Any = 0
    width: Any = 0


class CocoAnnotation(msgspec.Struct, gc=False):
    """An entry of `annotations`, its outline left out; anything may be wrong with it."""

    id: Any = None
    image_id: Any = None
    category_id: Any = None
    bbox: Any = None
    area: Any = None
    iscrowd: Any = 0
    ignore: Any = 0
    difficult: Any = 0


class CocoCategory(msgspec.Struct):
    """An entry of `categories`; anything may be wrong with it."""

    id: Any = None
    name: Any = None


class CocoFile(msgspec.Struct):
    """The file; its annotations are parsed piece by piece, as they take more memory than it."""

    images: list[CocoImage]
    annotations: msgspec.Raw
    categories: list[CocoCategory]

    def pieces(self, path: Path) -> Iterator[list[CocoAnnotation]]:
        """All annotations, in their order, some thousands at a time.

        The file's content is let go of behind the last one: this can be done once.

        Raises:
            UserError: they are no list, or one of them is no JSON object.
        """
        raw = _decode(path, self.annotations, list[msgspec.Raw], 0)
        self.annotations = _NOTHING
        for start in range(0, len(raw), _PIECE):
            piece = b"[%b]" % b",".join(raw[start : start + _PIECE])
            raw[start : start + _PIECE] = [_NOTHING] * len(raw[start : start + _PIECE])
            yield _decode(path, piece, list[CocoAnnotation], start)


_NOTHING = msgspec.Raw()


def read_bytes(path: Path) -> bytes:
    """The content of a JSON file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf")  # a byte order mark of Windows
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def decode(path: Path, data: bytes) -> CocoFile:
    """Parse the content of a COCO JSON.

    Raises:
        UserError: it is no JSON, or not of this form.
    """
    return _decode(path, data, CocoFile)


def _decode(path: Path, data: Any, form: Any, first: int | None = None) -> Any:
    """Parse the whole file, or its annotations from the first one on."""
    try:
        return msgspec.json.decode(data, type=form)
    except msgspec.ValidationError as error:
        reason = str(error)
        if first is not None:
            reason = re.sub(r"`\$\[(\d+)", lambda m: f"`$.annotations[{int(m[1]) + first}", reason)
        raise UserError(
            f"{path}: not a COCO data set ({reason}); it needs images, annotations and categories"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: damaged JSON ({error}); export it again") from error
