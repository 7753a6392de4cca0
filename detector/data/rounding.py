"""Box coordinates as text: as few digits as read back equal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_DECIMALS = (0, 1, 2, 3, 4, 6, 8, 10)

Convert = Callable[[np.ndarray], np.ndarray]


def shortest(boxes: np.ndarray, to_file: Convert, from_file: Convert) -> np.ndarray:
    """Boxes in a file's own form, each rounded to the fewest decimals that lose nothing.

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
