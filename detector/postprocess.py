"""From raw outputs to detections: scores, threshold, decoding, NMS. In NumPy, exact.

Only what passes the threshold is decoded, and suppression stops at the last detection that can
be returned: a box is suppressed only by better ones, so nothing later changes the result.
"""

import math
from typing import NamedTuple

import numpy as np

from configs.schema import ModelConfig, PostprocessConfig
from detector.anchors import model_anchors
from detector.box_coder import decode
from detector.boxes import area, clip, pairwise_iou

_LEAST_WEIGHT = np.float32(1e-6)  # of a vote: a box of score 0 is at least its own mean
_CHUNK = 64  # boxes whose overlaps are computed at once; measured fastest of 32 ... 256


class FractionDetections(NamedTuple):
    """Detections in fractions of the image.

    Attributes:
        boxes_fraction: float32 `(N, 4)`, xyxy in [0, 1].
        scores: float32 `(N,)`.
        labels: int64 `(N,)`, without background.
    """

    boxes_fraction: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


class Postprocessor:
    """Turns the raw outputs for one image into detections.

    Args:
        model: gives the anchors, the variances of the box coder, and how logits become scores.
        thresholds: a score equal to its threshold passes.
    """

    def __init__(self, model: ModelConfig, thresholds: PostprocessConfig) -> None:
        self._anchors = model_anchors(model)
        self._variances = model.anchors.variances
        select = {"sigmoid": _select_sigmoid, "softmax": _select_softmax}
        self._select = select[model.score_activation]
        self._thresholds = thresholds

    def __call__(self, box_deltas: np.ndarray, class_logits: np.ndarray) -> FractionDetections:
        """Detections of one image: `decode`, then `suppress`.

        Args:
            box_deltas: `(A, 4)`.
            class_logits: `(A, C + 1)`, channel 0 the background.

        Returns:
            at most `max_detections`, best first.

        Raises:
            ValueError: an output is not finite.
        """
        return self.suppress(self.decode(box_deltas, class_logits))

    def decode(self, box_deltas: np.ndarray, class_logits: np.ndarray) -> FractionDetections:
        """The boxes that pass the score threshold, by anchor, then by label.

        Boxes without any area inside the image are left out.

        Args:
            box_deltas: `(A, 4)`.
            class_logits: `(A, C + 1)`, channel 0 the background.

        Raises:
            ValueError: an output is not finite.
        """
        if not (np.isfinite(box_deltas).all() and np.isfinite(class_logits).all()):
            raise ValueError("the network's outputs are not finite: its weights are damaged")
        anchor, label, scores = self._select(class_logits, self._thresholds.score_threshold)
        boxes = decode(box_deltas[anchor], self._anchors[anchor], self._variances)
        boxes = clip(boxes, 1.0, 1.0)
        visible = np.flatnonzero(area(boxes) > 0)
        return FractionDetections(
            boxes[visible], scores[visible], label[visible].astype(np.int64, copy=False)
        )

    def suppress(self, candidates: FractionDetections) -> FractionDetections:
        """What NMS leaves of `candidates`, best first, at most `max_detections`.

        It suppresses within each class or, where `class_agnostic`, across all. Of equal scores
        the one that stands first comes first. With `voting_iou`, boxes are then moved to where
        those that they suppressed place them too.
        """
        limits = self._thresholds
        grouped = candidates
        if limits.class_agnostic:
            grouped = candidates._replace(labels=np.zeros_like(candidates.labels))
        keep = nms(*grouped, limits.iou_threshold, limits.max_detections)
        kept = FractionDetections(*(values[keep] for values in candidates))
        if limits.voting_iou is None:
            return kept
        kept_grouped = kept._replace(labels=grouped.labels[keep])
        return kept._replace(boxes_fraction=voted(kept_grouped, grouped, limits.voting_iou))


def across_classes(config: PostprocessConfig) -> bool:
    """Whether NMS is that of each anchor's best class alone, as graphs with NMS inside have it.

    A box suppresses itself in its lesser classes, so that is what `class_agnostic` comes to; but
    with a threshold of 1 nothing suppresses anything, and every class stays.
    """
    return config.class_agnostic and config.iou_threshold < 1


def nms(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    iou_threshold: float,
    max_detections: int,
) -> np.ndarray:
    """Greedy non-maximum suppression within each class.

    From the best score down, a box is kept unless its IoU with a kept box of the same label
    exceeds the threshold. Equal scores are taken in the order given.

    Args:
        boxes: `(N, 4)`, xyxy.
        scores: `(N,)`.
        labels: `(N,)`.
        iou_threshold: in [0, 1]; an IoU equal to it does not suppress.
        max_detections: at most so many are kept, of all classes together.

    Returns:
        int64 indices of the kept boxes, best first.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK]
        by_kept = _suppresses(boxes, labels, np.array(kept, int), chunk, iou_threshold)
        within = _suppresses(boxes, labels, chunk, chunk, iou_threshold)
        alive: np.ndarray = ~np.any(by_kept, axis=0)
        for i, index in enumerate(chunk):
            if alive[i]:
                kept.append(int(index))
                if len(kept) == max_detections:
                    return np.array(kept, np.int64)
                alive &= ~within[i]
    return np.array(kept, np.int64)


def voted(
    kept: FractionDetections, candidates: FractionDetections, iou_threshold: float
) -> np.ndarray:
    """Each kept box as the mean of the candidates around it, weighted by score.

    Args:
        kept: some of the candidates.
        candidates: from which NMS chose; of positive area.
        iou_threshold: the least IoU of a candidate of the same label that has a say.

    Returns:
        float32 `(len(kept), 4)`.

    Source:
        Gidaris and Komodakis 2015 (Object detection via a multi-region and semantic
        segmentation-aware CNN model), section 5, "bounding box voting".
    """
    boxes = np.empty_like(kept.boxes_fraction)
    for label in np.unique(kept.labels):  # one by one: the pairs are a class's alone
        mine, theirs = kept.labels == label, candidates.labels == label
        voters, scores = candidates.boxes_fraction[theirs], candidates.scores[theirs]
        has_say = pairwise_iou(kept.boxes_fraction[mine], voters) >= iou_threshold
        weights = np.where(has_say, np.maximum(scores, _LEAST_WEIGHT), np.float32(0))
        boxes[mine] = weights @ voters / weights.sum(axis=1, keepdims=True)
    return boxes


def _suppresses(
    boxes: np.ndarray, labels: np.ndarray, better: np.ndarray, worse: np.ndarray, threshold: float
) -> np.ndarray:
    """Whether each better box would suppress each worse one, `(len(better), len(worse))`."""
    overlaps = pairwise_iou(boxes[better], boxes[worse]) > threshold
    return overlaps & (labels[better][:, None] == labels[worse][None, :])


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits))


def softmax(logits: np.ndarray) -> np.ndarray:
    """exp(x) / sum(exp(x)) over the last axis, without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _select_sigmoid(
    logits: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Anchor, label and score of all that pass; compares logits first, to spare the tanh."""
    classes = logits[:, 1:]
    # Well below the threshold's own logit, so that rounding decides nothing; above 8, where
    # float32 scores crowd together, all are looked at.
    floor = min(math.log(threshold / (1 - threshold)) - 0.01, 8.0) if 0 < threshold < 1 else None
    anchor, label = np.nonzero(classes >= (-math.inf if floor is None else floor))
    scores = sigmoid(classes[anchor, label])
    passed = scores >= np.float32(threshold)
    return anchor[passed], label[passed], scores[passed]


def _select_softmax(
    logits: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scores = softmax(logits)[:, 1:]
    anchor, label = np.nonzero(scores >= np.float32(threshold))
    return anchor, label, scores[anchor, label]
