"""Targets of a batch: what each anchor is to say."""

import numpy as np

from detector.box_coder import decode
from training.batches.targets import IGNORED, assign_targets

# Three anchors side by side, 0.1 by 0.1, and one far away.
ANCHORS = np.array(
    [[0, 0, 0.1, 0.1], [0.1, 0, 0.2, 0.1], [0.2, 0, 0.3, 0.1], [0.8, 0.8, 0.9, 0.9]], np.float32
)
VARIANCES = (0.1, 0.1, 0.2, 0.2)


def assigned(boxes, labels, ignored=(), xp=np):
    """Of one image; `ignored` are rows."""
    boxes = np.array(boxes, np.float32).reshape(1, -1, 4)
    labels = np.array([labels], np.int64)
    is_ignored = np.isin(np.arange(labels.shape[1]), ignored)[None]
    targets = assign_targets(boxes, labels, is_ignored, ANCHORS, VARIANCES, xp=xp)
    return [np.asarray(part)[0] for part in targets[:2]]


def test_a_matched_anchor_says_label_plus_one_and_the_way_to_its_box(xp):
    box = [0.01, 0.02, 0.09, 0.1]
    classes, deltas = assigned([box, [0, 0, 0, 0]], [4, -1], xp=xp)
    assert classes.tolist() == [5, 0, 0, 0]
    np.testing.assert_allclose(decode(deltas[:1], ANCHORS[:1], VARIANCES), [box], atol=1e-6)


def test_an_image_without_objects_is_all_background(xp):
    classes, deltas = assigned([[0, 0, 0, 0]], [-1], xp=xp)
    assert classes.tolist() == [0, 0, 0, 0]
    assert np.isfinite(deltas).all()


def test_anchors_in_a_crowd_say_nothing(xp):
    """Over half of the third anchor lies in it, and none of the fourth."""
    classes, _ = assigned([[0, 0, 0.26, 0.1]], [3], ignored=[0], xp=xp)
    assert classes.tolist() == [IGNORED, IGNORED, IGNORED, 0]


def test_an_object_in_a_crowd_is_learnt(xp):
    classes, _ = assigned([[0, 0, 0.3, 0.1], [0.1, 0, 0.2, 0.1]], [3, 1], ignored=[0], xp=xp)
    assert classes.tolist() == [IGNORED, 2, IGNORED, 0]


def test_each_image_of_a_batch_has_its_own(xp):
    boxes = np.stack([ANCHORS[:1], ANCHORS[3:]])
    labels, no = np.array([[0], [1]]), np.zeros((2, 1), bool)
    classes = assign_targets(boxes, labels, no, ANCHORS, VARIANCES, xp=xp).class_targets
    assert np.asarray(classes).tolist() == [[1, 0, 0, 0], [0, 0, 0, 2]]
