"""True and false positives of a whole set, class by class; ignored detections count as neither."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from detector.boxes import xyxy_to_xywh
from eval.scoring.coco_form import image_ids
from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.matching import match, overlaps

COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""The IoU thresholds that AP is the mean over."""


@dataclass(frozen=True)
class Slice:
    """The objects of which a measure lies between two bounds, both inclusive.

    The others are ignored, and so are detections that match nothing and lie outside.

    Attributes:
        name: in a few characters.
        measure: "area" in square px (of an object COCO's own, of a detection its box's), or
            "ratio", the width over the height of the box.
        low: bound.
        high: bound.
    """

    name: str
    measure: Literal["area", "ratio"]
    low: float
    high: float

    def leaves_out(self, values: np.ndarray) -> np.ndarray:
        """Say which measures `(N,)` lie outside: bool `(N,)`."""
        return (values < self.low) | (values > self.high)


EVERYTHING = Slice("all", "area", 0, 1e10)
"""COCO's own first range."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Of one class, best score first; S slices, T IoU thresholds, P images.

    Attributes:
        images: int64 `(D,)`, indices of images.
        scores: float32 `(D,)`, descending.
        is_true: bool `(S, T, D)`, matched with an object that counts.
        is_ignored: bool `(S, T, D)`, counts neither way.
        objects: int64 `(S, P)`, those that count.
    """

    images: np.ndarray
    scores: np.ndarray
    is_true: np.ndarray
    is_ignored: np.ndarray
    objects: np.ndarray


def find_outcomes(eval_set: EvalSet, slices: Sequence[Slice] = (EVERYTHING,)) -> list[Outcomes]:
    """Match a whole set at COCO's ten IoU thresholds, once for all slices.

    Args:
        eval_set: the set.
        slices: S of them.

    Returns:
        one per class.
    """
    from tqdm import tqdm

    order = np.argsort(image_ids(eval_set), kind="stable")  # by which pycocotools decides ties
    progress = tqdm(order.tolist(), desc="matching", unit="image", delay=2)
    parts = [_of_image(eval_set.images[i], i, slices) for i in progress]
    joined = {name: np.concatenate([part[name] for part in parts], axis=-1) for name in parts[0]}
    ranked = np.lexsort((-joined["scores"], joined["labels"]))
    ends = np.searchsorted(joined["labels"][ranked], np.arange(len(eval_set.classes) + 1))
    objects = _count_objects(eval_set, slices)
    return [
        Outcomes(
            **{
                name: values[..., ranked[a:b]]
                for name, values in joined.items()
                if name != "labels"
            },
            objects=objects[label],
        )
        for label, (a, b) in enumerate(itertools.pairwise(ends))
    ]


def ratios(boxes: np.ndarray) -> np.ndarray:
    """Width over height of boxes `(N, 4)`: float64 `(N,)`; of a box without height infinity."""
    width, height = xyxy_to_xywh(boxes).astype(np.float64)[:, 2:].T
    return np.divide(width, height, out=np.full(len(boxes), np.inf), where=height != 0)


def left_out(image: EvalImage, slices: Sequence[Slice]) -> np.ndarray:
    """The objects of an image that do not count, of each slice: bool `(S, G)`."""
    measures = {"area": image.sample.areas, "ratio": ratios(image.sample.boxes)}
    return np.array(
        [~image.is_counted | part.leaves_out(measures[part.measure]) for part in slices]
    )


def _of_image(image: EvalImage, index: int, slices: Sequence[Slice]) -> dict[str, np.ndarray]:
    """One image's share of the outcomes of all classes."""
    compared = overlaps(image)
    ignored = left_out(image, slices)
    matched = match(compared, COCO_THRESHOLDS, ignored)  # (S, T, D)
    boxes = xyxy_to_xywh(image.detections.boxes[compared.rows]).astype(np.float64)
    shapes = ratios(image.detections.boxes[compared.rows])
    measures = {"area": boxes[:, 2] * boxes[:, 3], "ratio": shapes}
    outside = np.array([part.leaves_out(measures[part.measure]) for part in slices])
    is_matched = matched >= 0
    on_ignored = is_matched & _taken(ignored, matched)
    return {
        "labels": image.detections.labels[compared.rows],
        "images": np.full(len(compared.rows), index),
        "scores": image.detections.scores[compared.rows],
        "is_true": is_matched & ~on_ignored,
        "is_ignored": on_ignored | (~is_matched & outside[:, None, :]),
    }


def _taken(ignored: np.ndarray, matched: np.ndarray) -> np.ndarray:
    """`ignored (S, G)` at the objects of `matched (S, T, D)`; anything where that is -1."""
    if not ignored.shape[1]:
        return np.zeros(matched.shape, bool)
    return ignored[np.arange(len(ignored))[:, None, None], matched]


def _count_objects(eval_set: EvalSet, slices: Sequence[Slice]) -> np.ndarray:
    """Objects that count: int64 `(C, S, P)`."""
    counts = []
    for image in eval_set.images:
        kept = ~left_out(image, slices)
        labels = image.sample.labels
        counts.append([np.bincount(labels[row], minlength=len(eval_set.classes)) for row in kept])
    return np.array(counts).transpose(2, 1, 0)
