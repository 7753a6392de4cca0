"""Which annotated boxes can be trained on: one rule for the loader and `training.check`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from detector.boxes import clip
from detector.types import Sample

MIN_SIDE = 1.0
"""px; a box with a side no longer than this cannot be learnt (VOC's xmin = xmax makes 1 px)."""

_ROUNDING = 1.0  # px; a box may reach this far outside without a word


@dataclass(frozen=True, eq=False)
class BoxFaults:
    """What is wrong with each box of an image, bool `(N,)` each.

    The first three exclude each other, and make a box unusable.
    """

    inverted: np.ndarray  # x2 < x1 or y2 < y1
    zero_area: np.ndarray  # a side of at most `MIN_SIDE`
    outside: np.ndarray  # at most `MIN_SIDE` of a side lies in the image
    clipped: np.ndarray  # usable, but reaches out by more than rounding

    @property
    def unusable(self) -> np.ndarray:
        """Bool `(N,)`: no object can be learnt from the box."""
        return self.inverted | self.zero_area | self.outside


def box_faults(boxes: np.ndarray, height: int, width: int) -> BoxFaults:
    """Judge boxes.

    Args:
        boxes: `(N, 4)`, xyxy in pixels, as annotated.
        height: of the image, px.
        width: likewise.
    """
    inside = clip(boxes, height, width)
    inverted = np.any(boxes[:, 2:] < boxes[:, :2], axis=1)
    zero_area = ~inverted & _is_flat(boxes)
    outside = ~inverted & ~zero_area & _is_flat(inside)
    reach = np.abs(boxes - inside).max(axis=1, initial=0)
    clipped = ~(inverted | zero_area | outside) & (reach > _ROUNDING)
    return BoxFaults(inverted, zero_area, outside, clipped)


def usable(sample: Sample) -> Sample:
    """A sample with the objects that can be trained on, clipped to the image."""
    faults = box_faults(sample.boxes, sample.height, sample.width)
    kept = sample.objects(~faults.unusable)
    return replace(kept, boxes=clip(kept.boxes, sample.height, sample.width), own_xywh=None)


def _is_flat(boxes: np.ndarray) -> np.ndarray:
    return np.any(boxes[:, 2:] - boxes[:, :2] <= MIN_SIDE, axis=1)
