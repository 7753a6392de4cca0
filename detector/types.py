"""The two objects that travel between rooms: an annotated image, and what was detected in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Sample:
    """One annotated image on disk; its pixels are not read.

    Attributes:
        image_id: the data set's own id of the image.
        path: the image file.
        height: of the image, pixels, after EXIF rotation.
        width: of the image, pixels, after EXIF rotation.
        boxes: float32 `(N, 4)`, xyxy in pixels of the image.
        labels: int64 `(N,)`, 0 ... C-1.
        is_crowd: bool `(N,)`, COCO's iscrowd.
        is_difficult: bool `(N,)`, VOC's difficult.

    Raises:
        ValueError: an array has the wrong shape, or lengths differ.
    """

    image_id: int | str
    path: Path
    height: int
    width: int
    boxes: np.ndarray
    labels: np.ndarray
    is_crowd: np.ndarray
    is_difficult: np.ndarray

    def __post_init__(self) -> None:
        _require_boxes(self.boxes)
        for name in ("labels", "is_crowd", "is_difficult"):
            _require_length(name, getattr(self, name), len(self.boxes))


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in one image, best first.

    Attributes:
        boxes: float32 `(N, 4)`, xyxy in pixels of the source image.
        scores: float32 `(N,)` in [0, 1], descending.
        labels: int64 `(N,)`, 0 ... C-1.

    Raises:
        ValueError: an array has the wrong shape, lengths differ, or a number is not finite.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        _require_boxes(self.boxes)
        _require_length("scores", self.scores, len(self.boxes))
        _require_length("labels", self.labels, len(self.boxes))
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            raise ValueError("boxes and scores must be finite numbers")

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, keep: np.ndarray | slice) -> Detections:
        """The detections that a boolean mask, an index array or a slice picks."""
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep])

    def of_labels(self, labels: Sequence[int] | None) -> Detections:
        """Those with one of the labels; all of them if `labels` is None."""
        return self if labels is None else self[np.isin(self.labels, labels)]


def _require_boxes(boxes: np.ndarray) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must have shape (N, 4), got {boxes.shape}")


def _require_length(name: str, values: np.ndarray, length: int) -> None:
    if values.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), one per box, got {values.shape}")
