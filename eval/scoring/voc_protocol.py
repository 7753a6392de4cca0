"""PASCAL VOC average precision, as the development kit defines it.

Source: Everingham et al., "The PASCAL VOC2012 Development Kit", section 3.4.1 (all points), and
"The PASCAL Visual Object Classes (VOC) Challenge" 2010, section 4.2 (11 points).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.matching import iou_xywh

IOU_THRESHOLD = 0.5


class VocFigures(NamedTuple):
    """Of one class.

    Attributes:
        ap_11_points: mean of the precision at recall 0, 0.1, ... 1; 0 ... 1.
        ap_all_points: area under the precision-recall curve; 0 ... 1.
        objects: not difficult.
        detections: of the class.
    """

    ap_11_points: float
    ap_all_points: float
    objects: int
    detections: int

    @classmethod
    def mean(cls, figures: Sequence[VocFigures]) -> VocFigures:
        """The mean AP of classes, and their sums."""
        eleven, area, objects, detections = zip(*figures, strict=True)
        return cls(float(np.mean(eleven)), float(np.mean(area)), sum(objects), sum(detections))


def voc_figures(eval_set: EvalSet) -> dict[str, VocFigures]:
    """The figures of each class, by name; AP is 0 where a class has no object that counts."""
    return {name: _of_class(eval_set, label) for label, name in enumerate(eval_set.classes.names)}


def _of_class(eval_set: EvalSet, label: int) -> VocFigures:
    parts = [_judge(image, label) for image in eval_set.images]
    scores = np.concatenate([part[0] for part in parts])
    verdicts = np.concatenate([part[1] for part in parts])
    objects = sum(part[2] for part in parts)
    ranked = verdicts[np.argsort(-scores, kind="stable")]
    counting = ranked[ranked != _IGNORED]
    hits = np.cumsum(counting == _HIT)
    recall = hits / max(objects, 1)
    precision = hits / np.arange(1, len(hits) + 1)
    return VocFigures(
        float(np.mean([precision[recall >= tenth / 10].max(initial=0) for tenth in range(11)])),
        _area_under(recall, precision),
        objects,
        len(scores),
    )


_IGNORED, _MISS, _HIT = -1, 0, 1


def _judge(image: EvalImage, label: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Scores and verdicts of one image's detections of a class, and the objects to be found."""
    sample, detections = image.sample, image.detections
    truth = np.flatnonzero(sample.labels == label)
    found = np.flatnonzero(detections.labels == label)
    ignored = ~image.is_counted[truth]
    verdicts = np.full(len(found), _MISS)
    if len(truth) and len(found):
        overlaps = iou_xywh(
            detections.boxes_xywh[found], image.truth_xywh[truth], np.zeros(len(truth), bool)
        )
        taken = np.zeros(len(truth), bool)
        for row, best in enumerate(overlaps.argmax(axis=1).tolist()):  # best score first
            if overlaps[row, best] < IOU_THRESHOLD:
                continue
            if ignored[best]:
                verdicts[row] = _IGNORED
            elif not taken[best]:  # a second detection of one object is a miss
                taken[best] = True
                verdicts[row] = _HIT
    return detections.scores[found], verdicts, int((~ignored).sum())


def _area_under(recall: np.ndarray, precision: np.ndarray) -> float:
    """With precision made to fall: at each recall the best that is had at it or beyond."""
    edges = np.concatenate([[0], recall, [1]])
    heights = np.concatenate([[0], precision, [0]])
    falling = np.maximum.accumulate(heights[::-1])[::-1]
    return float(np.sum(np.diff(edges) * falling[1:]))
