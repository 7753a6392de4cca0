"""What a target format cannot hold: counted while a data set is converted, for the user's notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from detector.boxes import area
from detector.classes import ClassMap
from detector.types import Sample

_ROUNDING = 1e-3  # share of an area: files round, and boxes are float32


def count_flagged(samples: Sequence[Sample], flag: str) -> int:
    """How many objects have `is_crowd` or `is_difficult` set."""
    return int(sum(getattr(sample, flag).sum() for sample in samples))


def has_own_ids(classes: ClassMap) -> bool:
    """Whether category ids say more than the order of the classes."""
    return classes.category_ids != tuple(range(1, len(classes) + 1))


def has_own_area(sample: Sample) -> np.ndarray:
    """Whether each object's area is another than its box's: bool `(N,)`."""
    of_boxes = area(sample.boxes.astype(np.float64))
    return ~np.isclose(sample.areas, of_boxes, rtol=_ROUNDING, atol=0)


def lost_areas(target: str, samples: Sequence[Sample]) -> tuple[int, str]:
    """How many objects have an area that a format without areas loses, and a line that says so."""
    count = int(sum(has_own_area(sample).sum() for sample in samples))
    lost = f"those of {count:,} objects are left out, the box's count instead"
    return count, f"{target} knows no areas: {lost}"


def has_outline(details: Mapping[str, Any]) -> bool:
    """Whether the source says more of an object's shape than its box."""
    segmentation = details.get("segmentation")
    return any(segmentation) if isinstance(segmentation, list) else bool(segmentation)
