"""What keras-cv computes is what our own code computes."""

import keras
import numpy as np
import pytest

from training.batches.targets import BACKGROUND, assign_targets
from training.model.keras_cv_parts import has_keras_cv, make_smooth_l1, make_threshold_match
from training.model.losses import summed_smooth_l1

pytestmark = pytest.mark.keras

needs_keras_cv = pytest.mark.skipif(not has_keras_cv(), reason="keras-cv needs Keras on TensorFlow")


def crowded_scenes(seed):
    """Boxes of all sizes, copies of one another among them, padding and crowds."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 0.8, (3, 20, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0.02, 0.2, (3, 20, 2))], -1)
    boxes[:, 7] = boxes[:, 3]  # two objects that want the same anchors
    labels = rng.integers(0, 5, (3, 20))
    labels[:, 15:], boxes[:, 15:] = -1, 0
    labels[2] = -1  # an image without objects
    return boxes.astype(np.float32), labels.astype(np.int32), rng.random((3, 20)) < 0.2


@needs_keras_cv
@pytest.mark.parametrize("seed", range(5))
def test_matching_by_keras_cv_is_ours(seed):
    boxes, labels, ignored = crowded_scenes(seed)
    rng = np.random.default_rng(100 + seed)
    centres = rng.uniform(0.1, 0.9, (300, 2))
    sizes = rng.uniform(0.03, 0.15, (300, 2))
    anchors = np.concatenate([centres - sizes, centres + sizes], -1).astype(np.float32)
    variances = (0.1, 0.1, 0.2, 0.2)
    ours = assign_targets(boxes, labels, ignored, anchors, variances, 0.5)
    theirs = assign_targets(
        boxes,
        labels,
        ignored,
        keras.ops.convert_to_tensor(anchors),
        variances,
        0.5,
        keras.ops,
        make_threshold_match(0.5),
    )
    assert (ours.class_targets > 0).any()
    np.testing.assert_array_equal(theirs.class_targets, ours.class_targets)
    np.testing.assert_allclose(theirs.box_targets, ours.box_targets, rtol=1e-4, atol=1e-4)


@needs_keras_cv
def test_the_threshold_itself_is_a_match():
    match = make_threshold_match(0.5)
    iou = np.array([[[0.5, 0.4999, 0.0], [0.2, 0.1, 0.9]]], np.float32)  # (B, N, A)
    np.testing.assert_array_equal(match(iou), [[0, BACKGROUND, 1]])


@needs_keras_cv
def test_smooth_l1_by_keras_cv_is_ours():
    wanted, found = np.random.default_rng(0).normal(0, 2, (2, 3, 50, 4)).astype(np.float32)
    theirs = make_smooth_l1()(wanted, found)
    np.testing.assert_allclose(theirs, summed_smooth_l1(wanted, found), rtol=1e-5)
