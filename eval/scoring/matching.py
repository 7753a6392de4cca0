"""COCO's matcher, greedy by score in each image, and its outcomes class by class.

The rules are those of pycocotools, number for number. Per class, the best-scored detection chooses
first: among the objects that are still free it takes the one of the greatest IoU, if that reaches
the threshold. Failing that it may fall on an ignored object, and then counts neither way; of a
crowd (and of a difficult object) it is the share of the detection that counts, and any number of
detections may fall on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from eval.scoring.coco_form import image_ids
from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.most_detections import MAX_DETECTIONS, most_scored

COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""The IoU thresholds that AP is the mean over."""

_NEARLY_ONE = 1 - 1e-10  # pycocotools: an IoU threshold of 1 can be reached


@dataclass(frozen=True, eq=False)
class Overlaps:
    """One image's detections against its objects.

    Attributes:
        rows: int64 `(D,)`, of the detections that count: the first of each class, as many
            as are scored.
        iou: float64 `(D, G)`; of an ignored object it is the share of the detection that it covers.
        same_class: bool `(D, G)`.
        ignored: bool `(G,)`, crowds and difficult objects.
    """

    rows: np.ndarray
    iou: np.ndarray
    same_class: np.ndarray
    ignored: np.ndarray


def overlaps(image: EvalImage, most: int = MAX_DETECTIONS) -> Overlaps:
    """Compare the best `most` detections of each class in an image with every object."""
    sample, found = image.sample, image.detections
    rows = np.flatnonzero(_rank_in_class(found.labels) < most)
    ignored = ~image.is_counted
    iou = np.zeros((len(rows), len(sample)))
    if iou.size:
        iou = iou_xywh(found.boxes_xywh[rows], image.truth_xywh, ignored)
    same_class = found.labels[rows][:, None] == sample.labels[None, :]
    return Overlaps(rows, iou, same_class, ignored)


def iou_xywh(found: np.ndarray, truth: np.ndarray, is_crowd: np.ndarray) -> np.ndarray:
    """IoU of the numbers that files hold, to the last bit as pycocotools has it.

    Args:
        found: float64 `(D, 4)`: x, y, width, height in pixels. D and G are not 0.
        truth: float64 `(G, 4)`, likewise.
        is_crowd: bool `(G,)`, objects of which the share of the detection counts.

    Returns:
        float64 `(D, G)`.
    """
    from pycocotools import mask

    compare: Any = mask.iou  # its stubs do not know that it takes arrays
    return compare(found, truth, is_crowd.astype(np.uint8).tolist())


def match(
    one: Overlaps, iou_thresholds: np.ndarray, ignored: np.ndarray | None = None
) -> np.ndarray:
    """Match the detections of one image at several IoU thresholds and for several slices.

    Args:
        one: the image's.
        iou_thresholds: `(T,)`.
        ignored: bool `(S, G)`, objects that do not count; by default `one.ignored` alone, S = 1.

    Returns:
        int64 `(S, T, D)`, the object that each detection is matched with, -1 for none.
    """
    ignored = one.ignored[None] if ignored is None else ignored
    thresholds = np.minimum(iou_thresholds, _NEARLY_ONE)
    count, objects = one.iou.shape
    matched = np.full((len(ignored), len(thresholds), count), -1)
    if not one.iou.size:
        return matched
    free = np.ones((len(ignored), len(thresholds), objects), bool)
    counts = ~ignored[:, None, :]  # (S, 1, G)
    lowest = thresholds.min()
    for row in np.flatnonzero((one.same_class & (one.iou >= lowest)).any(axis=1)):
        iou = np.where(one.same_class[row], one.iou[row], -1.0)
        reaches = free & (iou >= thresholds[:, None])  # (S, T, G)
        wanted = reaches & counts
        reaches = np.where(wanted.any(axis=-1, keepdims=True), wanted, reaches)
        # Of equal IoUs the last counts.
        best = objects - 1 - np.argmax(np.where(reaches, iou, -1.0)[..., ::-1], axis=-1)
        best = np.where(reaches.any(axis=-1), best, -1)
        matched[:, :, row] = best
        part, level = np.nonzero((best >= 0) & ~one.ignored[best])
        free[part, level, best[part, level]] = False
    return matched


def _rank_in_class(labels: np.ndarray) -> np.ndarray:
    """How many of the same label stand before each: int64 `(N,)`."""
    order = np.argsort(labels, kind="stable")
    ranked = labels[order]
    first = np.searchsorted(ranked, ranked)
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - first
    return ranks


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


EVERYTHING = Slice("all", "area", 0, 1e10)
"""COCO's own first range."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Of one class, best score first; S slices, T IoU thresholds, P images.

    Attributes:
        images: int64 `(D,)`, indices of images.
        scores: `(D,)`, as detected, descending.
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
    """Match a whole set at COCO's ten IoU thresholds, once for all slices; one per class."""
    from tqdm import tqdm

    most = most_scored(eval_set.settings)
    order = np.argsort(image_ids(eval_set), kind="stable")  # by which pycocotools decides ties
    progress = tqdm(order.tolist(), desc="matching", unit="image", delay=2)
    parts = [of_image(eval_set.images[i], i, slices, most) for i in progress]
    return join_outcomes(parts, count_objects(eval_set, slices))


def join_outcomes(parts: Sequence[Mapping[str, np.ndarray]], objects: np.ndarray) -> list[Outcomes]:
    """The outcomes of each class.

    Args:
        parts: what `of_image` makes of each image; of equal scores the earlier image comes first.
        objects: int64 `(C, S, P)`, those that count.
    """
    joined = {name: np.concatenate([part[name] for part in parts], axis=-1) for name in parts[0]}
    labels = joined.pop("labels")
    ranked = np.lexsort((-joined["scores"], labels))
    ends = np.searchsorted(labels[ranked], np.arange(len(objects) + 1))
    return [
        Outcomes(**{key: values[..., ranked[a:b]] for key, values in joined.items()}, objects=there)
        for (a, b), there in zip(itertools.pairwise(ends), objects, strict=True)
    ]


def ratios(boxes_xywh: np.ndarray) -> np.ndarray:
    """Width over height of boxes `(N, 4)`: float64 `(N,)`; of a box without height infinity."""
    width, height = boxes_xywh[:, 2:].T
    return np.divide(width, height, out=np.full(len(boxes_xywh), np.inf), where=height != 0)


def left_out(image: EvalImage, slices: Sequence[Slice]) -> np.ndarray:
    """The objects of an image that do not count, of each slice: bool `(S, G)`."""
    return ~image.is_counted | _outside(slices, image.truth_areas, image.truth_xywh)


def _outside(slices: Sequence[Slice], areas: np.ndarray, boxes_xywh: np.ndarray) -> np.ndarray:
    """Which areas `(N,)` or boxes `(N, 4)` lie out of the bounds of each slice: bool `(S, N)`."""
    measures = {"area": areas, "ratio": ratios(boxes_xywh)}
    rows = [(measures[part.measure], part.low, part.high) for part in slices]
    return np.array([(values < low) | (values > high) for values, low, high in rows])


def of_image(
    image: EvalImage, index: int, slices: Sequence[Slice], most: int
) -> dict[str, np.ndarray]:
    """One image's share of the outcomes of all classes; `most` as in `overlaps`."""
    compared = overlaps(image, most)
    ignored = left_out(image, slices)
    matched = match(compared, COCO_THRESHOLDS, ignored)  # (S, T, D)
    found = image.detections[compared.rows]
    boxes_xywh = found.boxes_xywh
    outside = _outside(slices, boxes_xywh[:, 2:].prod(axis=1), boxes_xywh)
    is_matched = matched >= 0
    padded = np.pad(ignored, [(0, 0), (0, 1)])  # -1 takes the last, False
    on_ignored = padded[np.arange(len(slices))[:, None, None], matched]
    return {
        "labels": found.labels,
        "images": np.full(len(found), index),
        "scores": found.scores,
        "is_true": is_matched & ~on_ignored,
        "is_ignored": on_ignored | (~is_matched & outside[:, None, :]),
    }


def count_objects(eval_set: EvalSet, slices: Sequence[Slice]) -> np.ndarray:
    """Objects that count: int64 `(C, S, P)`."""
    counts = []
    for image in eval_set.images:
        kept = ~left_out(image, slices)
        labels = image.sample.labels
        counts.append([np.bincount(labels[row], minlength=len(eval_set.classes)) for row in kept])
    return np.array(counts).transpose(2, 1, 0)
