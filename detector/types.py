"""`Sample`, an annotated image, and `Detections`, what was found in one: arrays in pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import area, xyxy_to_xywh

_OF_OBJECTS = {
    "labels": np.int64,
    "is_crowd": np.bool_,
    "is_difficult": np.bool_,
    "is_ignore": np.bool_,
    "areas": np.float64,
}  # the columns of a `Sample` beside its boxes


@dataclass(frozen=True, eq=False)
class Sample:
    """One annotated image on disk; its pixels are not read.

    Boxes are as annotated: they may reach outside, or be no boxes at all. `detector.data.usable`
    says which of them training can use.

    Attributes:
        image_id: the data set's own id of the image.
        path: the image file.
        height: of the image, pixels, after EXIF rotation; of its annotation where the data set was
            opened as annotated.
        width: likewise.
        boxes: float32 `(N, 4)`, xyxy in pixels of that frame.
        labels: int64 `(N,)`, 0 ... C-1.
        is_crowd: bool `(N,)`, COCO's iscrowd.
        is_difficult: bool `(N,)`, VOC's difficult; what COCO's ignore marks is difficult too.
        areas: float64 `(N,)`, square pixels of each object: COCO's own; by default of the box.
        is_ignore: bool `(N,)`, those that are difficult by COCO's ignore alone, which COCO's
            protocol takes no notice of; by default none.
        own_xywh: float64 `(N, 4)`, x, y, width, height as the source writes `boxes`, whose digits
            decide in evaluation; None where it writes them otherwise.
        source: the annotation file; None if the image came without one.
        elements: where each object stands in `source` ("object 3"); N of them, or none.
        details: what else `source` says of each object; N of them, or none.
        about: what else `source` says of the image.
        window: the part of the image that this is, xyxy in pixels of the upright image, of which
            `height` and `width` are the size; None for all of it.

    Raises:
        ValueError: an array has the wrong shape or dtype, lengths differ, or `own_xywh` are other
            boxes than `boxes`.
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
    is_ignore: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    own_xywh: np.ndarray | None = None
    source: Path | None = None
    elements: tuple[str, ...] = ()
    details: tuple[Mapping[str, Any], ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    window: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        _require_boxes("Sample", self.boxes, np.float32)
        if not len(self.areas):
            object.__setattr__(self, "areas", area(self.boxes.astype(np.float64)))
        if not len(self.is_ignore):
            object.__setattr__(self, "is_ignore", np.zeros(len(self.boxes), bool))
        _require_same("Sample", self.boxes, self.own_xywh)
        for name, dtype in _OF_OBJECTS.items():
            _require_column("Sample", name, getattr(self, name), len(self.boxes), dtype)
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
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in ("boxes", *_OF_OBJECTS)},
            own_xywh=None if self.own_xywh is None else self.own_xywh[rows],
            elements=tuple(self.elements[row] for row in rows if self.elements),
            details=tuple(self.details[row] for row in rows if self.details),
        )

    def relabelled(self, new_labels: np.ndarray) -> Sample:
        """The same image in other labels.

        Args:
            new_labels: int64 `(C,)`, the new label of each; -1 drops its objects.
        """
        labels = new_labels[self.labels]
        if (labels >= 0).all():
            return replace(self, labels=labels)
        return replace(self.objects(labels >= 0), labels=labels[labels >= 0])


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in one image, best first.

    Boxes and scores are float32 as a model gives them; those of a results file are float64, both,
    as the file's own digits decide ties.

    Attributes:
        boxes: float32 or float64 `(N, 4)`, xyxy in pixels of the source image.
        scores: `(N,)`, of the dtype of `boxes`, in [0, 1], descending.
        labels: int64 `(N,)`, 0 ... C-1.
        own_xywh: float64 `(N, 4)`, x, y, width, height as a results file writes `boxes`; None
            where they are a model's.

    Raises:
        ValueError: an array has the wrong shape or dtype, lengths differ, a number is not finite,
            or `own_xywh` are other boxes than `boxes`.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    own_xywh: np.ndarray | None = None

    def __post_init__(self) -> None:
        _require_boxes("Detections", self.boxes, np.float32, np.float64)
        _require_column("Detections", "scores", self.scores, len(self), self.boxes.dtype.type)
        _require_column("Detections", "labels", self.labels, len(self), np.int64)
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            raise ValueError("boxes and scores must be finite numbers")
        _require_same("Detections", self.boxes, self.own_xywh)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, keep: np.ndarray | slice) -> Detections:
        """The detections that a boolean mask, an index array or a slice picks."""
        own = None if self.own_xywh is None else self.own_xywh[keep]
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep], own)

    @property
    def boxes_xywh(self) -> np.ndarray:
        """float64 `(N, 4)`: x, y, width, height, a results file's own to the last digit."""
        own = self.own_xywh
        return xyxy_to_xywh(self.boxes).astype(np.float64) if own is None else own

    def of_labels(self, labels: Sequence[int] | None) -> Detections:
        """Those with one of the labels; all of them if `labels` is None."""
        return self if labels is None else self[np.isin(self.labels, labels)]


def _require_boxes(owner: str, boxes: np.ndarray, *dtypes: type[np.generic]) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must have shape (N, 4), got {boxes.shape}")
    _require_dtype(owner, "boxes", boxes, *dtypes)


def _require_same(owner: str, boxes: np.ndarray, own_xywh: np.ndarray | None) -> None:
    if own_xywh is None:
        return
    _require_dtype(owner, "own_xywh", own_xywh, np.float64)
    corners = own_xywh.copy()  # as `xywh_to_xyxy`, in half the time: it is done for every sample
    corners[:, 2:] += corners[:, :2]
    corners = corners.astype(boxes.dtype)
    if corners.tobytes() != boxes.tobytes() and not np.array_equal(corners, boxes):
        raise ValueError(
            f"{owner}.own_xywh must be the same boxes as {owner}.boxes; None if unknown"
        )


def _require_column(
    owner: str, name: str, values: np.ndarray, length: int, dtype: type[np.generic]
) -> None:
    if values.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), one per box, got {values.shape}")
    _require_dtype(owner, name, values, dtype)


def _require_dtype(owner: str, name: str, values: np.ndarray, *dtypes: type[np.generic]) -> None:
    if values.dtype.type not in dtypes:
        wanted = " or ".join(np.dtype(dtype).name for dtype in dtypes)
        raise ValueError(f"{owner}.{name} must be {wanted}, got {values.dtype.name}")
