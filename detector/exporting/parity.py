"""Parity of an export with the original: differences of the heads, matched detections, mAP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detector.artefact import DetectorSpec
from detector.boxes import pairwise_iou
from detector.postprocess import FractionDetections, Postprocessor
from detector.runtimes import Runtime

_MATCH_IOU, _MATCH_SCORE = 0.9, 0.02


class Difference(NamedTuple):
    """Of one head, over all images: the largest and the mean absolute difference."""

    largest: float
    mean: float


@dataclass(frozen=True)
class Parity:
    """What comparing two networks gave.

    Attributes:
        images: compared.
        box_deltas: difference of that head.
        class_logits: likewise.
        detections: of the original, at the model's own thresholds.
        matched: share of the detections of both that have a partner in the other: IoU of 0.9 or
            more, same label, scores within 0.02. None where neither found anything.
        ap: mAP of the original and of the export; None where it was not measured.
    """

    images: int
    box_deltas: Difference
    class_logits: Difference
    detections: int
    matched: float | None
    ap: tuple[float, float] | None = None


class Limits(NamedTuple):
    """How far an export may be from the original.

    Attributes:
        head_mean: mean difference of each head.
        matched: least share of detections.
        ap_loss: of mAP.
        ap_decides: whether mAP, where it was measured and tells something, counts instead of the
            other two: rounding moves every score without making a model any worse.
    """

    head_mean: float
    matched: float
    ap_loss: float
    ap_decides: bool


FLOAT_LIMITS = Limits(head_mean=1e-3, matched=0.99, ap_loss=0.001, ap_decides=False)
LIMITS = {
    "tflite": FLOAT_LIMITS,
    "onnx": FLOAT_LIMITS,
    "openvino": FLOAT_LIMITS,
    "saved_model": FLOAT_LIMITS,
    "tflite-f16": Limits(head_mean=0.02, matched=0.95, ap_loss=0.002, ap_decides=True),
    "tflite-int8": Limits(head_mean=0.5, matched=0.25, ap_loss=0.003, ap_decides=True),
}
"""By format. Float arithmetic in another order moves the heads by less than 1e-4; half precision
was measured at 0.01 and eight bits at 0.2 in the mean; of an eight-bit model as good as its
original half of the detections match."""

_TELLING_AP = 0.05  # of the original; a model that finds nothing loses nothing


def compare(
    original: Runtime, exported: Runtime, spec: DetectorSpec, images: Sequence[np.ndarray]
) -> Parity:
    """Run both on the same images.

    Args:
        original: what the export was made of.
        exported: the export.
        spec: of both.
        images: uint8 `(S, S, 3)`, RGB; at least one.
    """
    postprocess = Postprocessor(spec.model, spec.postprocess)
    gaps: list[list[np.ndarray]] = [[], []]
    partners = found = originals = 0
    for image in images:
        before, after = original.run(image[None]), exported.run(image[None])
        for head in (0, 1):
            gaps[head].append(np.abs(before[head] - after[head]))
        a, b = (postprocess(heads[0][0], heads[1][0]) for heads in (before, after))
        originals += len(a.scores)
        found += len(a.scores) + len(b.scores)
        partners += 2 * count_partners(a, b)
    box, label = (Difference(float(np.max(g)), float(np.mean(g))) for g in gaps)
    return Parity(len(images), box, label, originals, partners / found if found else None)


def count_partners(a: FractionDetections, b: FractionDetections) -> int:
    """Pairs of a detection of each, alike as in `Parity.matched`; each is in one pair at most."""
    overlaps = pairwise_iou(a.boxes_fraction, b.boxes_fraction) >= _MATCH_IOU
    alike = np.abs(a.scores[:, None] - b.scores) <= _MATCH_SCORE
    fits = overlaps & alike & (a.labels[:, None] == b.labels)
    free, pairs = np.ones(len(b.scores), bool), 0
    for row in fits:  # NMS leaves hardly ever a choice
        partner = np.flatnonzero(row & free)
        if len(partner):
            free[partner[0]] = False
            pairs += 1
    return pairs


def objections(parity: Parity, limits: Limits) -> list[str]:
    """What is over the limits, in words; nothing if the export may be relied on."""
    over = []
    if parity.ap is not None:
        lost = parity.ap[0] - parity.ap[1]
        if not lost <= limits.ap_loss:
            over.append(f"mAP falls by {lost:.4f} (limit {limits.ap_loss})")
        if limits.ap_decides and parity.ap[0] >= _TELLING_AP:
            return over
    if parity.matched is not None and parity.matched < limits.matched:
        over.append(f"{parity.matched:.1%} of the detections match (limit {limits.matched:.0%})")
    heads = {"box_deltas": parity.box_deltas, "class_logits": parity.class_logits}
    over += [
        f"{name} differ by {gap.mean:.2g} in the mean (limit {limits.head_mean:g})"
        for name, gap in heads.items()
        if not gap.mean <= limits.head_mean
    ]
    return over
