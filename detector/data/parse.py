"""Numbers and flags as annotation files really write them."""

from __future__ import annotations

import math
from typing import Any

_TRUE = frozenset({"1", "true", "yes"})


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


def side(value: Any) -> int:
    """A picture's height or width in px; 0 if the text says none."""
    parsed = number(value)
    return round(parsed) if parsed is not None and 0 < parsed < 1e9 else 0
