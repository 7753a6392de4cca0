"""The content of annotation tools' JSON files, of which any value may be of the wrong type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from configs.errors import UserError, cut
from detector.data.json_file import parse_json, read_json


def load_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        UserError: it cannot be read, or is no JSON.
    """
    return load_text(path, read_json(path))


def load_text(path: Path, data: bytes | str) -> Any:
    """The value that some JSON of a file holds.

    Raises:
        UserError: it is no JSON.
    """
    try:
        return parse_json(data.encode() if isinstance(data, str) else data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        why = cut(str(error))
        raise UserError(f"{path}: damaged JSON ({why}); export it again") from error


def as_list(value: Any) -> list[Any]:
    """A list as it is, and nothing of whatever else stands in its place."""
    return value if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    """A mapping as it is, and nothing of whatever else stands in its place."""
    return value if isinstance(value, dict) else {}
