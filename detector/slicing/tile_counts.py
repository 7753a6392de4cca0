"""How many tiles the images of a command come to, by their headers alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from configs.errors import UserError
from detector.images import Header, read_header
from detector.slicing.tiles import make_tiles
from detector.slicing.tiling import Tiling
from detector.threads import in_threads


def count_tiles(paths: Sequence[Path], tiling: Tiling) -> int:
    """Tiles of the images that can be read.

    Raises:
        UserError: a tile whose size was asked for is larger than one of them.
    """
    tiles = 0
    for path, header in zip(paths, in_threads(_header, paths), strict=True):
        if header:
            tiling.require_fits(path, header.height, header.width)
            tiles += len(make_tiles(header.height, header.width, tiling.size, tiling.overlap))
    return tiles


def _header(path: Path) -> Header | None:
    try:
        return read_header(path)
    except UserError:  # whoever reads it says why
        return None
