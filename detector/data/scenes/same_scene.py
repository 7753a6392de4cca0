"""Whether two images show the same scene: a second look, at pixels.

Both are brought to 64 x 64 px and high-passed; the middle of one is moved over the other, at
several scales, and the highest normalised correlation is their likeness. A frame of a video is
like its neighbours, a copy like its original however it was encoded, scaled, brightened or
cropped; different objects on one ground, or one object on different grounds, are not alike.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from configs.errors import UserError
from detector.images import read_thumbnail

BLOCK = 32
"""px, the side of what an image is hashed from."""

_SIDE = 64  # px that images are compared at
_MIDDLE = 32  # px, the side of the part that is moved over the other image
_FINE = 2.0  # px; what is coarser is light and shadow
_SCALES = (0.94, 0.88, 0.82, 0.76, 0.7)
_EMPTY = 0.5  # grey levels, RMS; where the fine structure has less there is nothing to see
_SAME_TINT = 5  # of 255, mean Cb and mean Cr; neighbouring frames differ by 2
_KEPT = 20_000  # looks of 5 kB


@dataclass(frozen=True)
class Rule:
    """How alike two images must be to count as one scene.

    Attributes:
        likeness: the least correlation, at most 1.
        scaled: whether one may be a crop of the other, or nearer to what it shows.
        hint: the least correlation at equal scale with which other scales are tried.
        same_tint: whether their mean colours must be the same.
    """

    likeness: float
    scaled: bool
    hint: float = 0.0
    same_tint: bool = False


class Look(NamedTuple):
    """What is kept of an image."""

    grey: np.ndarray  # uint8 `(64, 64)`
    block: np.ndarray  # uint8 `(32, 32)`, grey
    tint: np.ndarray  # int16 `(2,)`, mean Cb and Cr


class Looks:
    """Small versions of images, decoded when asked for; the latest ones are kept."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.get = functools.lru_cache(_KEPT)(self._get)
        self._strength = functools.lru_cache(_KEPT)(self._rms)
        self._structure = functools.lru_cache(512)(self._make_structure)

    def same_scene(self, first: int, second: int, rule: Rule) -> bool:
        """Whether two images, given by their indices, show the same scene."""
        one, other = self.get(first), self.get(second)
        if one is None or other is None:
            return False
        if min(self._strength(first), self._strength(second)) < _EMPTY:
            return False
        if rule.same_tint and np.abs(one.tint - other.tint).max() > _SAME_TINT:
            return False
        best = self._likeness(first, second, 1.0)
        if best >= rule.likeness or not rule.scaled or best < rule.hint:
            return best >= rule.likeness
        return any(self._likeness(first, second, one) >= rule.likeness for one in _SCALES)

    def _likeness(self, first: int, second: int, scale: float) -> float:
        """The best correlation of the middle of either image, at a scale, with the other one."""
        import cv2

        best = 0.0
        for one, other in ((first, second), (second, first)):
            whole, part = self._structure(one, 1.0), self._structure(other, scale)
            edge = (len(part) - _MIDDLE) // 2
            part = part[edge : edge + _MIDDLE, edge : edge + _MIDDLE]
            best = max(best, float(cv2.matchTemplate(whole, part, cv2.TM_CCORR_NORMED).max()))
        return best

    def _get(self, index: int) -> Look | None:
        from PIL.Image import Resampling

        try:
            image = read_thumbnail(self.paths[index], _SIDE)
        except UserError:
            return None
        grey = image.getchannel(0)
        return Look(
            np.asarray(grey.resize((_SIDE, _SIDE), Resampling.BOX)),
            np.asarray(grey.resize((BLOCK, BLOCK), Resampling.LANCZOS)),
            np.asarray(image.resize((1, 1), Resampling.BOX))[0, 0, 1:].astype(np.int16),
        )

    def _make_structure(self, index: int, scale: float) -> np.ndarray:
        """What is fine in a readable image, at a scale: float32, square."""
        import cv2

        look = self.get(index)
        if look is None:
            raise ValueError(f"{self.paths[index]} cannot be read")
        side = round(_SIDE * scale)
        grey = cv2.resize(look.grey, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
        return grey - cv2.GaussianBlur(grey, (0, 0), _FINE)

    def _rms(self, index: int) -> float:
        """How much fine structure there is, in grey levels."""
        return float(np.sqrt(np.square(self._structure(index, 1.0)).mean()))
