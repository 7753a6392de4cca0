"""The tiles of an image: squares that overlap, evenly spread, and the same for the same size."""

from __future__ import annotations

import math

import numpy as np


def make_tiles(height: int, width: int, size: int, overlap: float) -> np.ndarray:
    """Cut an image into tiles of one size.

    Tiles are as few as cover the image with the overlap, and evenly spread: no sliver is left at
    the end. An image that is narrower than a tile has tiles as narrow as itself.

    Args:
        height: of the image, px.
        width: likewise.
        size: of a tile, px.
        overlap: of neighbouring tiles, the least, as a share of their side, 0 <= overlap < 1.

    Returns:
        int64 `(N, 4)`, xyxy in pixels of the image, row by row.
    """
    tops, lefts = (_starts(side, size, overlap) for side in (height, width))
    rows = [
        (left, top, min(left + size, width), min(top + size, height))
        for top in tops
        for left in lefts
    ]
    return np.array(rows, np.int64)


def _starts(side: int, size: int, overlap: float) -> list[int]:
    """Where tiles begin along a side."""
    if size >= side:
        return [0]
    step = max(1, math.floor(size * (1 - overlap)))
    count = 1 + math.ceil((side - size) / step)
    return np.linspace(0, side - size, count).round().astype(int).tolist()
