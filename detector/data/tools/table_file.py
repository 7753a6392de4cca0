"""CSV files as annotation tools write them: rows by the names of their columns."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from configs.errors import UserError
from detector.data.values import as_utf8
from detector.files import explained

csv.field_size_limit(1 << 26)  # a cell may hold all the objects of an image


def read_head(path: Path) -> list[str]:
    """The cells of the first line, stripped; none where it is no text.

    Raises:
        UserError: it cannot be read.
    """
    with explained(path, "read"), path.open("rb") as file:
        line = file.readline(1 << 16)
    try:
        return [cell.strip() for cell in next(csv.reader([_decoded(line)]), [])]
    except (UnicodeDecodeError, csv.Error):
        return []


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with a heading; a cell that a row lacks is missing there.

    Raises:
        UserError: it cannot be read, or is no CSV.
    """
    head, *rows = read_rows(path) or [[]]
    names = [name.strip() for name in head]
    return [dict(zip(names, row, strict=False)) for row in rows]


def read_rows(path: Path) -> list[list[str]]:
    """The rows of a CSV, the heading among them; empty lines are left out.

    Raises:
        UserError: it cannot be read, or is no CSV.
    """
    with explained(path, "read"):
        data = path.read_bytes()
    try:
        return list(filter(None, csv.reader(io.StringIO(_decoded(data), newline=""))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: damaged CSV ({error}); export it again") from error


def _decoded(data: bytes) -> str:
    return as_utf8(data).decode()
