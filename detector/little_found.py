"""A hint for large images in which little is found: objects there may be too small to be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.data.findings import counted
from detector.slicing.tiling import AUTO

if TYPE_CHECKING:
    from detector.predictor import Predictor

_LARGE = 4  # times the input size: an object of 30 px has less than 8 there
_LITTLE = 3  # objects


class LittleFound:
    """Counts large images in which fewer than three objects were found.

    Args:
        predictor: that looks at them; where it does so in tiles, there is nothing to hint at.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._input_size = predictor.spec.model.input_size
        self._is_sliced = predictor.tiling is not None
        self._large = self._little = 0

    def add(self, height: int, width: int, found: int) -> None:
        """Count an image of that size, px, in which so many objects were found."""
        if not self._is_sliced and max(height, width) > _LARGE * self._input_size:
            self._large += 1
            self._little += found < _LITTLE

    def in_words(self, unit: str = "image") -> str:
        """One line; "" where most large images show something, or none is large."""
        if 2 * self._little <= self._large:
            return ""
        return (
            f"little was found in {self._little:,} of {counted(self._large, unit)} over {_LARGE}x "
            f"the input size ({self._input_size} px), to which they shrink; --slice {AUTO} looks "
            "at them in tiles"
        )
