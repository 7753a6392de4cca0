"""The two objects that travel between rooms: an annotated image, and what was detected in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import area


@dataclass(frozen=True, eq=False)
class Sample:
    """One annotated image on disk; its pixels are not read.

    Boxes are as annotated: they may reach outside, or be no boxes at all. `detector.data.usable`
    says which of them training can use.

    Attributes:
        image_id: the data set's own id of the image.
        path: the image file.
        height: of the image, pixels, after EXIF rotation.
        width: of the image, pixels, after EXIF rotation.
        boxes: float32 `(N, 4)`, xyxy in pixels of the image.
        labels: int64 `(N,)`, 0 ... C-1.
        is_crowd: bool `(N,)`, COCO's iscrowd.
        is_difficult: bool `(N,)`, VOC's difficult.
        areas: float64 `(N,)`, square pixels of each object: COCO's own; by default of the box.
        source: the annotation file; None if the image came without one.
        elements: where each object stands in `source` ("object 3"); N of them, or none.
        details: what else `source` says of each object; N of them, or none.
        about: what else `source` says of the image.

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
    areas: np.ndarray = field(default_factory=lambda: np.zeros(0))
    source: Path | None = None
    elements: tuple[str, ...] = ()
    details: tuple[Mapping[str, Any], ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_boxes(self.boxes)
        if not len(self.areas):
            object.__setattr__(self, "areas", area(self.boxes.astype(np.float64)))
        for name in ("labels", "is_crowd", "is_difficult", "areas"):
            _require_length(name, getattr(self, name), len(self.boxes))
        for name in ("elements", "details"):
            if len(getattr(self, name)) not in (0, len(self.boxes)):
                raise ValueError(f"{name} must have one entry per box, or none")

    def __len__(self) -> int:
        return len(self.boxes)

    def __bool__(self) -> bool:
        return True  # also without objects

    def objects(self, keep: np.ndarray) -> Sample:
        """The same image with the objects that a boolean mask or an index array picks."""
        rows = np.arange(len(self))[keep].tolist()
        arrays = ("boxes", "labels", "is_crowd", "is_difficult", "areas")
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in arrays},
            elements=tuple(self.elements[row] for row in rows if self.elements),
            details=tuple(self.details[row] for row in rows if self.details),
        )


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
