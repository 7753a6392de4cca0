"""Numbers and flags as annotation files really write them."""

from __future__ import annotations

import math
from typing import Any

_TRUE = frozenset({"1", "true", "yes"})

Id = int | str


def number(value: Any) -> float | None:
    """A finite number from a number or its text; None if it is none."""
    try:
        parsed = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def flag(value: Any) -> bool:
    """Whether a flag is set: 1, true or yes, as a number or as text; anything else is not."""
    return str(value).strip().lower() in _TRUE


def as_id(value: Any) -> Id | None:
    """An id: a whole number, also one written as 1.0 (by pandas), or a text; None if it is none."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int or type(value) is str else None


def side(value: Any) -> int:
    """An image's height or width in px; 0 if the text says none."""
    parsed = number(value)
    return round(parsed) if parsed is not None and 0 < parsed < 1e9 else 0
