"""Reads JSON as tools write it: with a byte order mark, in UTF-16, with NaN and Infinity."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from configs.errors import UserError
from detector.data.values import as_utf8
from detector.files import explained

# An escape of a string, to the pair that is one letter; the second group: half of one alone.
_ESCAPE = re.compile(rb"\\(u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
_NO_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b', re.DOTALL)


def read_json(path: Path) -> bytes:
    r"""The text of a JSON file in UTF-8, without a byte order mark.

    Half a letter, which Python writes for a byte of a file name that is no UTF-8, becomes the text
    `\udcff` (`as_text`).

    Raises:
        UserError: it cannot be read.
    """
    with explained(path, "read"):
        data = path.read_bytes()
    try:
        text = as_utf8(data)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: damaged JSON ({error}); export it again") from error
    return _ESCAPE.sub(_whole, text) if b"\\ud" in text or b"\\uD" in text else text


def _whole(escape: re.Match[bytes]) -> bytes:
    return b"\\" + escape[0] if escape[2] else escape[0]


def parse_json(data: Any, form: Any = Any) -> Any:
    """A JSON text as an object of a form; NaN and Infinity, which Python writes, become None.

    Args:
        data: bytes in UTF-8, or a `msgspec.Raw`.
        form: a type as `msgspec.json.decode` takes it.

    Raises:
        msgspec.ValidationError: it is not of this form.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no JSON.
    """
    try:
        return msgspec.json.decode(data, type=form)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        text = bytes(data)
        if b"NaN" not in text and b"Infinity" not in text:
            raise
        return msgspec.json.decode(_NO_NUMBER.sub(_null, text), type=form)


def _null(token: re.Match[bytes]) -> bytes:
    return token[0] if token[0].startswith(b'"') else b"null"
