"""The content of annotation tools' JSON files, of which any value may be of the wrong type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from configs.errors import UserError
from detector.files import explained


def load_json(path: Path) -> Any:
    """The content of a JSON file in UTF-8, or UTF-16 and UTF-32 with their marks.

    Raises:
        UserError: it cannot be read, or is no JSON.
    """
    with explained(path, "read"):
        data = path.read_bytes()
    return load_text(path, data)


def load_text(path: Path, data: bytes | str) -> Any:
    """The value that some JSON of a file holds.

    Raises:
        UserError: it is no JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # not UTF-8, or nested too deeply
        why = " ".join(str(error).split())[:100]
        raise UserError(f"{path}: damaged JSON ({why}); export it again") from error


def as_list(value: Any) -> list[Any]:
    """A list as it is, and nothing of whatever else stands in its place."""
    return value if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    """A mapping as it is, and nothing of whatever else stands in its place."""
    return value if isinstance(value, dict) else {}
