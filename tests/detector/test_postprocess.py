import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from configs.schema import ModelConfig, PostprocessConfig
from detector.anchors import model_anchors
from detector.box_coder import decode
from detector.boxes import area, pairwise_iou
from detector.postprocess import FractionDetections, Postprocessor, nms, sigmoid, softmax, voted

MODEL = ModelConfig(input_size=96)
ANCHORS = model_anchors(MODEL)
VARIANCES = MODEL.anchors.variances


def plain_nms(boxes, scores, labels, iou_threshold, max_detections):
    """The definition, one box at a time."""
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept = []
    while left and len(kept) < max_detections:
        best = left.pop(0)
        kept.append(best)
        left = [
            i
            for i in left
            if labels[i] != labels[best]
            or pairwise_iou(boxes[[best]], boxes[[i]])[0, 0] <= iou_threshold
        ]
    return kept


@st.composite
def candidates(draw):
    """Boxes on a coarse grid and few score levels: ties, identical and touching boxes abound."""
    count = draw(st.integers(0, 40))
    corners = draw(hnp.arrays(np.int64, (count, 2, 2), elements=st.integers(0, 6)))
    boxes = np.sort(corners, axis=1).reshape(-1, 4).astype(np.float32) / 6
    scores = draw(hnp.arrays(np.int64, count, elements=st.integers(0, 4))).astype(np.float32) / 4
    labels = draw(hnp.arrays(np.int64, count, elements=st.integers(0, 2)))
    return boxes, scores, labels


@given(candidates(), st.sampled_from([0.0, 0.25, 0.5, 0.6, 1.0]), st.integers(1, 50))
def test_nms_equals_the_plain_loop_on_adversarial_boxes(boxes_scores_labels, threshold, limit):
    expected = plain_nms(*boxes_scores_labels, threshold, limit)
    assert nms(*boxes_scores_labels, threshold, limit).tolist() == expected


def test_a_box_moves_to_the_mean_of_those_around_it_weighted_by_score():
    boxes = np.array(
        [[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.6], [0.1, 0.1, 0.5, 0.6], [0.5, 0.5, 0.9, 0.9]],
        np.float32,
    )
    scores = np.array([0.75, 0.25, 0.5, 0.5], np.float32)
    labels = np.array([0, 0, 1, 0])  # the third is of another class, the fourth elsewhere
    candidates = FractionDetections(boxes, scores, labels)
    kept = FractionDetections(boxes[[0, 3]], scores[[0, 3]], labels[[0, 3]])
    expected = [[0.1, 0.1, 0.5, 0.525], [0.5, 0.5, 0.9, 0.9]]
    np.testing.assert_allclose(voted(kept, candidates, 0.7), expected, rtol=1e-6)
    np.testing.assert_array_equal(voted(kept, candidates, 0.9), kept.boxes_fraction)


@given(candidates(), st.sampled_from([0.0, 0.5, 0.6, 1.0]), st.integers(1, 50))
def test_class_agnostic_nms_is_the_plain_loop_with_one_class(boxes_scores_labels, threshold, limit):
    config = PostprocessConfig(iou_threshold=threshold, max_detections=limit, class_agnostic=True)
    boxes, scores, labels = boxes_scores_labels
    expected = plain_nms(boxes, scores, np.zeros_like(labels), threshold, limit)
    found = Postprocessor(MODEL, config).suppress(FractionDetections(*boxes_scores_labels))
    np.testing.assert_array_equal(found.boxes_fraction, boxes[expected])
    np.testing.assert_array_equal(found.labels, labels[expected])  # its own, not that of the group


def test_where_nms_is_class_agnostic_boxes_of_all_classes_vote():
    boxes = np.array([[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.6]], np.float32)
    candidates = FractionDetections(boxes, np.array([0.75, 0.25], np.float32), np.array([0, 1]))
    config = PostprocessConfig(iou_threshold=0.6, voting_iou=0.7, class_agnostic=True)
    found = Postprocessor(MODEL, config).suppress(candidates)
    np.testing.assert_allclose(found.boxes_fraction, [[0.1, 0.1, 0.5, 0.525]], rtol=1e-6)
    assert found.labels.tolist() == [0]


@given(candidates())
def test_votes_leave_scores_and_labels_alone_and_boxes_inside(boxes_scores_labels):
    has_area = area(boxes_scores_labels[0]) > 0  # as `decode` gives them
    candidates = FractionDetections(*(values[has_area] for values in boxes_scores_labels))
    plain, votes = (
        Postprocessor(MODEL, PostprocessConfig(iou_threshold=0.5, voting_iou=iou)).suppress(
            candidates
        )
        for iou in (None, 0.5)
    )
    np.testing.assert_array_equal(votes.scores, plain.scores)
    np.testing.assert_array_equal(votes.labels, plain.labels)
    assert np.isfinite(votes.boxes_fraction).all()
    assert votes.boxes_fraction.min(initial=0) >= 0
    assert votes.boxes_fraction.max(initial=1) <= 1 + 1e-6


@pytest.mark.parametrize("count", [63, 64, 65, 129, 700])
@pytest.mark.parametrize("limit", [1, 100, 1000])
def test_nms_equals_the_plain_loop_across_chunks(count, limit):
    rng = np.random.default_rng(count)
    corners = rng.uniform(0, 1, (count, 2, 2))
    boxes = np.sort(corners, axis=1).reshape(-1, 4).astype(np.float32)
    scores = rng.choice(np.linspace(0, 1, 50), count).astype(np.float32)
    labels = rng.integers(0, 3, count)
    expected = plain_nms(boxes, scores, labels, 0.3, limit)
    assert nms(boxes, scores, labels, 0.3, limit).tolist() == expected


def test_identical_boxes_of_one_class_leave_the_first():
    boxes = np.tile(np.array([[0, 0, 1, 1]], np.float32), (5, 1))
    assert nms(boxes, np.ones(5), np.zeros(5, int), 0.6, 100).tolist() == [0]


def test_identical_boxes_of_different_classes_all_stay():
    boxes = np.tile(np.array([[0, 0, 1, 1]], np.float32), (3, 1))
    assert nms(boxes, np.array([0.1, 0.3, 0.2]), np.arange(3), 0.6, 100).tolist() == [1, 2, 0]


def test_an_iou_equal_to_the_threshold_does_not_suppress():
    boxes = np.array([[0, 0, 4, 1], [0, 0, 2, 1]], np.float32)  # IoU 0.5
    assert len(nms(boxes, np.array([0.9, 0.8]), np.zeros(2, int), 0.5, 100)) == 2


def random_outputs(seed: int, classes: int = 4):
    rng = np.random.default_rng(seed)
    deltas = rng.normal(0, 2, (len(ANCHORS), 4)).astype(np.float32)
    logits = rng.normal(-2, 2, (len(ANCHORS), classes + 1)).astype(np.float32)
    return deltas, logits


def plain_postprocess(deltas, logits, activation, config):
    """The definition, one anchor and one class at a time."""
    boxes = np.clip(decode(deltas, ANCHORS, VARIANCES), 0, 1)
    scores = {"sigmoid": sigmoid, "softmax": softmax}[activation](logits)
    rows = [
        (boxes[anchor], scores[anchor, channel], channel - 1)
        for anchor in range(len(boxes))
        for channel in range(1, logits.shape[1])
        if scores[anchor, channel] >= np.float32(config.score_threshold)
        and (boxes[anchor][2:] > boxes[anchor][:2]).all()
    ]
    kept_boxes = np.array([row[0] for row in rows]).reshape(-1, 4)
    kept_scores = np.array([row[1] for row in rows])
    labels = np.array([row[2] for row in rows])
    keep = plain_nms(kept_boxes, kept_scores, labels, config.iou_threshold, config.max_detections)
    return kept_boxes[keep], kept_scores[keep], labels[keep]


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize("score_threshold", [0.0, 0.3, 0.9, 0.99999, 1 - 1e-8, 1.0])
def test_postprocessing_equals_the_plain_loop(activation, score_threshold):
    config = PostprocessConfig(score_threshold=score_threshold, max_detections=30)
    model = ModelConfig(input_size=96, score_activation=activation)
    deltas, logits = random_outputs(seed=1)
    logits[::3] *= 4  # scores close to 0 and to 1 too
    found = Postprocessor(model, config)(deltas, logits)
    boxes, scores, labels = plain_postprocess(deltas, logits, activation, config)
    np.testing.assert_array_equal(found.boxes_fraction, boxes)
    np.testing.assert_allclose(found.scores, scores, atol=1e-6)
    np.testing.assert_array_equal(found.labels, labels)


def test_nothing_above_the_threshold_gives_empty_arrays():
    deltas, logits = random_outputs(seed=2)
    process = Postprocessor(MODEL, PostprocessConfig(score_threshold=1))
    found = process(deltas, logits)
    assert found.boxes_fraction.shape == (0, 4)
    assert found.scores.shape == found.labels.shape == (0,)


def test_the_background_channel_is_never_a_detection():
    deltas, logits = random_outputs(seed=3)
    logits[:, 1:], logits[:, 0] = -9, 9
    process = Postprocessor(MODEL, PostprocessConfig(score_threshold=0.5))
    assert len(process(deltas, logits).scores) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_outputs_that_are_not_finite_are_refused(bad, which):
    outputs = random_outputs(seed=4)
    outputs[which][5, 2] = bad
    with pytest.raises(ValueError, match="not finite"):
        Postprocessor(MODEL, PostprocessConfig())(*outputs)


def test_extreme_logits_do_not_overflow():
    extreme = np.array([[-1e30, 0.0, 1e30]], np.float32)
    np.testing.assert_array_equal(sigmoid(extreme), [[0, 0.5, 1]])
    np.testing.assert_array_equal(softmax(extreme), [[0, 0, 1]])
