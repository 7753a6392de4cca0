"""Losses against plain NumPy in float64, and against keras-cv's own."""

import numpy as np
import pytest
from keras import ops

from configs.schema import LossConfig, ModelConfig
from detector.anchors import model_anchors
from detector.box_coder import decode
from training.batches.targets import IGNORED, Targets, assign_targets
from training.model.losses import (
    DetectionLoss,
    complete_iou,
    focal_loss,
    hard_negatives,
    quality_focal_loss,
    varifocal_loss,
)

pytestmark = pytest.mark.keras

MODEL = ModelConfig(input_size=96)
ANCHORS = model_anchors(MODEL)
VARIANCES = MODEL.anchors.variances
CLASSES = 5


def batch(seed=0, images=3, objects=4):
    """Raw outputs and targets; the last image has no object, one object is a crowd."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 0.7, (images, objects, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0.05, 0.3, corners.shape)], -1)
    labels = rng.integers(0, CLASSES, (images, objects))
    labels[-1] = -1
    is_ignored = np.zeros(labels.shape, bool)
    is_ignored[0, 0] = True
    boxes[-1] = 0
    targets = assign_targets(boxes.astype(np.float32), labels, is_ignored, ANCHORS, VARIANCES)
    deltas = rng.normal(0, 1, (images, len(ANCHORS), 4)).astype(np.float32)
    logits = rng.normal(0, 3, (images, len(ANCHORS), CLASSES + 1)).astype(np.float32)
    return deltas, logits, targets


def plain_entropy(logits, class_targets, activation):
    x = logits.astype(np.float64)
    truth = np.eye(x.shape[-1])[np.maximum(class_targets, 0)]
    if activation == "softmax":
        return -np.sum(truth * (x - np.log(np.exp(x).sum(-1, keepdims=True))), -1)
    p = 1 / (1 + np.exp(-x))
    return -np.sum(truth * np.log(p) + (1 - truth) * np.log(1 - p), -1)


def plain_loss(deltas, logits, targets, activation):
    """SSD's loss as loops over images."""
    entropy = plain_entropy(logits, targets.class_targets, activation)
    classification = box = 0.0
    for per_anchor, classes, found, wanted in zip(
        entropy, targets.class_targets, deltas, targets.box_targets, strict=True
    ):
        positive = np.flatnonzero(classes > 0)
        negative = np.flatnonzero(classes == 0)
        hardest = negative[np.argsort(-per_anchor[negative], kind="stable")]
        chosen = hardest[: max(3 * len(positive), 3)]
        classification += per_anchor[positive].sum() + per_anchor[chosen].sum()
        difference = np.abs(found[positive].astype(np.float64) - wanted[positive])
        box += np.where(difference < 1, difference**2 / 2, difference - 0.5).sum()
    matched = max((targets.class_targets > 0).sum(), 1)
    return classification / matched, box / matched


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_that_of_a_plain_loop(activation, seed):
    deltas, logits, targets = batch(seed)
    loss = DetectionLoss(LossConfig().of_head("ssdlite"), ANCHORS, VARIANCES, activation)(
        deltas, logits, targets
    )
    classification, box = plain_loss(deltas, logits, targets, activation)
    assert float(loss.classification) == pytest.approx(classification, rel=1e-5)
    assert float(loss.box) == pytest.approx(box, rel=1e-5)
    assert float(loss.total) == pytest.approx(classification + box, rel=1e-5)


def test_the_box_loss_is_weighted():
    deltas, logits, targets = batch()
    loss = DetectionLoss(
        LossConfig(box_weight=2.5).of_head("ssdlite"), ANCHORS, VARIANCES, "sigmoid"
    )(deltas, logits, targets)
    assert float(loss.total) == pytest.approx(float(loss.classification + 2.5 * loss.box), rel=1e-6)


def test_a_batch_without_objects_trains_as_background():
    deltas, logits, targets = (
        one[-1:] if isinstance(one, np.ndarray) else Targets(*(part[-1:] for part in one[:2]))
        for one in batch()
    )
    loss = DetectionLoss(LossConfig().of_head("ssdlite"), ANCHORS, VARIANCES, "sigmoid")(
        deltas, logits, targets
    )
    hardest = np.sort(plain_entropy(logits[0], np.zeros(len(ANCHORS), int), "sigmoid"))[-3:]
    assert float(loss.classification) == pytest.approx(hardest.sum(), rel=1e-5)
    assert float(loss.box) == 0


def test_ignored_anchors_cost_nothing():
    deltas, logits, targets = batch()
    assert (targets.class_targets == IGNORED).any()
    other = np.where((targets.class_targets == IGNORED)[..., None], 100.0, logits)
    loss = DetectionLoss(LossConfig().of_head("ssdlite"), ANCHORS, VARIANCES, "sigmoid")
    focal = DetectionLoss(
        LossConfig(classification="focal").of_head("ssdlite"), ANCHORS, VARIANCES, "sigmoid"
    )
    for one in (loss, focal):
        assert float(one(deltas, logits, targets).total) == float(one(deltas, other, targets).total)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_half_precision_outputs_are_safe(dtype, activation):
    """Logits of 60,000 are the largest that float16 holds; exp of them overflows everything."""
    deltas, _, targets = batch()
    logits = np.full((*targets.class_targets.shape, CLASSES + 1), 6e4, np.float32)
    logits[..., 0] = -6e4
    for config in (LossConfig(), LossConfig(classification="focal", box="ciou")):
        loss = DetectionLoss(config.of_head("ssdlite"), ANCHORS, VARIANCES, activation)(
            ops.cast(deltas, dtype), ops.cast(logits, dtype), targets
        )
        assert np.isfinite([float(part) for part in loss]).all()


def test_hard_negatives_are_three_for_each_positive_and_the_costliest():
    losses = np.array([[9, 1, 5, 7, 3, 8, 2, 6, 4, 0]], np.float32)
    classes = np.array([[2, 0, 0, 0, IGNORED, 0, 0, 0, 0, 0]])
    assert np.flatnonzero(hard_negatives(losses, classes)).tolist() == [3, 5, 7]


def test_an_image_without_objects_has_three_hard_negatives():
    losses = np.array([[0.1, 0.3, 0.2, 0.3, 0.0]], np.float32)
    chosen = hard_negatives(losses, np.zeros((1, 5), int))
    assert np.flatnonzero(chosen).tolist() == [1, 2, 3]


def test_there_may_be_fewer_negatives_than_wanted():
    chosen = hard_negatives(np.ones((1, 3), np.float32), np.array([[1, 0, 2]]))
    assert np.flatnonzero(chosen).tolist() == [1]


def plain_ciou(a, b):
    """Zheng et al. 2020, box by box in float64."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    shared = max(min(ax2, bx2) - max(ax1, bx1), 0) * max(min(ay2, by2) - max(ay1, by1), 0)
    areas = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1)
    iou = shared / (areas - shared)
    diagonal = (max(ax2, bx2) - min(ax1, bx1)) ** 2 + (max(ay2, by2) - min(ay1, by1)) ** 2
    apart = ((ax1 + ax2 - bx1 - bx2) ** 2 + (ay1 + ay2 - by1 - by2) ** 2) / 4
    angles = [np.arctan((x2 - x1) / (y2 - y1)) for x1, y1, x2, y2 in (a, b)]
    v = 4 / np.pi**2 * (angles[0] - angles[1]) ** 2
    return iou - apart / diagonal - (v * v / (1 - iou + v) if v else 0)


def boxes_pair(seed=0, count=200):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 1, (2, count, 2))
    sizes = rng.uniform(0.05, 0.5, (2, count, 2))
    return np.concatenate([corners, corners + sizes], -1).astype(np.float32)


def test_complete_iou_is_that_of_the_paper():
    a, b = boxes_pair()
    wanted = [plain_ciou(x, y) for x, y in zip(a.astype(float), b.astype(float), strict=True)]
    np.testing.assert_allclose(complete_iou(a, b), wanted, rtol=0, atol=2e-6)
    np.testing.assert_allclose(complete_iou(a, a), 1, atol=1e-6)


def test_the_ciou_loss_vanishes_where_boxes_are_right():
    _, logits, targets = batch()
    loss = DetectionLoss(LossConfig(box="ciou").of_head("ssdlite"), ANCHORS, VARIANCES, "sigmoid")
    exact = loss(targets.box_targets, logits, targets)
    assert float(exact.box) == pytest.approx(0, abs=1e-5)
    off = loss(targets.box_targets + 1, logits, targets)
    positive = targets.class_targets > 0
    found, wanted = (
        decode(one, ANCHORS, VARIANCES)[positive]
        for one in (targets.box_targets + 1, targets.box_targets)
    )
    plain = [1 - plain_ciou(a, b) for a, b in zip(found.astype(float), wanted, strict=True)]
    assert float(off.box) == pytest.approx(np.mean(plain), rel=1e-4)


def test_keras_cv_has_the_same_focal_loss_where_it_is_accurate():
    """Its cross entropy is of clipped probabilities, so it is compared at moderate logits."""
    keras_cv = pytest.importorskip("keras_cv")
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (2, 50, CLASSES + 1)).astype(np.float32)
    classes = rng.integers(0, CLASSES + 1, (2, 50))
    truth = np.eye(CLASSES + 1)[classes][..., 1:].astype(np.float32)
    theirs = keras_cv.losses.FocalLoss(from_logits=True, reduction="none")
    # It averages the cross entropy over the classes before it weights each: not the paper's.
    one_class = [
        np.asarray(theirs(truth[..., c : c + 1], logits[..., c + 1 : c + 2]))
        for c in range(CLASSES)
    ]
    np.testing.assert_allclose(focal_loss(logits, classes), np.sum(one_class, axis=0), rtol=1e-4)


def with_qualities(seed=0):
    """The batch, with a quality for each anchor that has an object."""
    deltas, logits, targets = batch(seed)
    random = np.random.default_rng(seed + 1).uniform(0.05, 1, targets.class_targets.shape)
    quality = np.where(targets.class_targets > 0, random, 0).astype(np.float32)
    return deltas, logits, targets._replace(quality=quality)


def plain_quality_loss(kind, logit, truth):
    """Of one class of one anchor."""
    p = 1 / (1 + np.exp(-np.float64(logit)))
    entropy = -(truth * np.log(p) + (1 - truth) * np.log(1 - p))
    if kind == "quality_focal":
        return (truth - p) ** 2 * entropy
    return (truth if truth > 0 else 0.75 * p**2) * entropy


@pytest.mark.parametrize("kind", ["quality_focal", "varifocal"])
def test_scores_learn_the_quality_as_in_a_plain_loop(kind):
    deltas, logits, targets = with_qualities()
    classification = box = 0.0
    for image, anchor in np.ndindex(targets.class_targets.shape):
        label, quality = targets.class_targets[image, anchor], targets.quality[image, anchor]
        if label == IGNORED:
            continue
        for one in range(1, CLASSES + 1):
            truth = float(quality) if one == label else 0.0
            classification += plain_quality_loss(kind, logits[image, anchor, one], truth)
        if label > 0:
            found, wanted = (
                decode(side[image, anchor], ANCHORS[anchor], VARIANCES).astype(float)
                for side in (deltas, targets.box_targets)
            )
            box += quality * (1 - plain_ciou(found, wanted))
    config = LossConfig(matcher="atss", classification=kind).of_head("ssdlite_plus")
    loss = DetectionLoss(config, ANCHORS, VARIANCES, "sigmoid")(deltas, logits, targets)
    total = max(targets.quality.sum(), 1)
    assert float(loss.classification) == pytest.approx(classification / total, rel=1e-4)
    assert float(loss.box) == pytest.approx(box / total, rel=1e-4)


@pytest.mark.parametrize("loss", [quality_focal_loss, varifocal_loss])
def test_a_score_that_is_the_quality_has_no_gradient_left(loss):
    """Beside it the loss falls towards it, from both sides."""
    quality = np.full((1, 3), 0.3, np.float32)
    logit = np.log(0.3 / 0.7)
    logits = np.zeros((1, 3, 2), np.float32)
    logits[0, :, 1] = logit - 0.5, logit, logit + 0.5
    below, at, above = np.asarray(loss(logits, np.ones((1, 3), int), quality))[0]
    assert at < min(below, above)
