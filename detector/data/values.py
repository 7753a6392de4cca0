"""Numbers, flags and ids as annotation files hold them, read leniently and written shortest."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError

_DECIMALS = (0, 1, 2, 3, 4, 6, 8, 10)
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,99}")  # as text, in the one way to write it
_TRUE = frozenset({"1", "1.0", "true", "yes"})

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # begins with UTF-16's
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

Id = int | str
Convert = Callable[[np.ndarray], np.ndarray]


def number(value: Any) -> float | None:
    """A finite number from a number or its text; None if it is none."""
    try:
        parsed = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def numbers(values: Any, count: int = 0) -> list[float] | None:
    """Finite numbers from a list of numbers or their texts; None if it is none, or one is not.

    Args:
        values: maybe such a list.
        count: how many it must hold; 0 for any.
    """
    if type(values) is not list or (count and len(values) != count):
        return None
    parsed = [one for one in map(number, values) if one is not None]
    return parsed if len(parsed) == len(values) else None


def flag(value: Any) -> bool:
    """Whether a flag is set: 1, true or yes, as a number or as text; anything else is not."""
    return str(value).strip().lower() in _TRUE


def as_id(value: Any) -> Id | None:
    """An id: a whole number, also one written as 1.0 (by pandas), or a text; None if it is none."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int or type(value) is str else None


def as_number(value: Id | None) -> int | None:
    """The number that an id is, or that it is the text of; None for any other text."""
    if isinstance(value, str):
        return int(value) if _WHOLE_NUMBER.fullmatch(value) else None
    return value


def side(value: Any) -> int:
    """An image's height or width in px; 0 if the text says none."""
    parsed = number(value)
    return round(parsed) if parsed is not None and 0 < parsed < 1e9 else 0


def as_utf8(data: bytes) -> bytes:
    """A file's text in UTF-8 without a byte order mark; as it is where it has none.

    Raises:
        UnicodeDecodeError: it is not in the encoding that its mark says.
    """
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            data = data[len(mark) :]
            return data if encoding == "utf-8" else data.decode(encoding).encode()
    return data


def as_text(name: str) -> str:
    r"""A name that any file can hold: bytes that are no UTF-8 as `\udcff`, as on the terminal."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def shown(text: str) -> str:
    """The beginning of a text of a file, in quotes, as part of a message."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def read_lines(path: Path, errors: str = "strict") -> list[str]:
    """The lines of a text file, stripped; those without text are empty, not left out.

    It is UTF-8, or what its byte order mark says.

    Args:
        path: of the file.
        errors: "replace" reads what is not UTF-8, too.

    Raises:
        UserError: it cannot be read, or is not UTF-8.
    """
    try:
        text = as_utf8(path.read_bytes()).decode("utf-8", errors)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(f"cannot read {path}: {said}") from error
    return [line.strip() for line in text.splitlines()]


def shortest(boxes: np.ndarray, to_file: Convert, from_file: Convert) -> np.ndarray:
    """Boxes in a file's own format, each rounded to the fewest decimals that lose nothing.

    Args:
        boxes: float32 `(N, 4)`, xyxy in pixels.
        to_file: from float64 boxes like these to the numbers of the file.
        from_file: the way back, as the reader goes it.

    Returns:
        float64 `(N, 4)`, numbers of the file.
    """
    exact = to_file(boxes.astype(np.float64))
    best = exact.copy()
    open_rows = np.arange(len(boxes))
    for decimals in _DECIMALS:
        rounded = np.round(exact[open_rows], decimals)
        equal = np.all(from_file(rounded).astype(np.float32) == boxes[open_rows], axis=1)
        best[open_rows[equal]] = rounded[equal]
        open_rows = open_rows[~equal]
    return best


def plain(value: float) -> int | float:
    """A number without a needless ".0"."""
    return int(value) if value == int(value) else value
