import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from configs.schema import ModelConfig
from detector.anchors import model_anchors
from detector.boxes import pairwise_iou
from training.batches.targets import match

# Three anchors side by side, 10 by 10, and one far away.
ANCHORS = np.array([[0, 0, 10, 10], [10, 0, 20, 10], [20, 0, 30, 10], [80, 80, 90, 90]], np.float32)


def matched(boxes, valid=None, anchors=ANCHORS, iou_threshold=0.5, xp=np):
    """Of one image."""
    boxes = np.array(boxes, np.float32).reshape(1, -1, 4)
    valid = np.ones(boxes.shape[:2], bool) if valid is None else np.array([valid])
    return np.asarray(match(boxes, valid, anchors, iou_threshold, xp))[0].tolist()


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        pytest.param([[0, 0, 10, 10]], [0, -1, -1, -1], id="its best anchor"),
        pytest.param([[14, 0, 15, 1]], [-1, 0, -1, -1], id="its best anchor at an IoU of 0.01"),
        pytest.param([[1, 0, 20, 10]], [-1, 0, -1, -1], id="not its second at 0.45"),
        pytest.param([[0, 0, 20, 10]], [0, 0, -1, -1], id="two at 0.5, which is enough"),
        pytest.param([[4, 0, 14, 10]], [0, -1, -1, -1], id="one alone at 0.43"),
        pytest.param([[5, 0, 15, 10]], [0, -1, -1, -1], id="a tie forces the first anchor alone"),
        pytest.param([[50, 50, 60, 60]], [-1, -1, -1, -1], id="no anchor touches it"),
        pytest.param([[0, 0, 10, 10]] * 2, [0, -1, -1, -1], id="twins: the first has it"),
        pytest.param(
            [[0, 0, 10, 5], [0, 0, 10, 9]], [1, -1, -1, -1], id="forced by both: higher IoU"
        ),
        pytest.param(
            [[10, 0, 20, 4], [2, 0, 20, 10]],
            [-1, 1, -1, -1],
            id="forced by both, the loser is left with none",
        ),
        pytest.param(
            [[11, 0, 12, 10], [0, 0, 20, 10]],
            [1, 0, -1, -1],
            id="a forced anchor is kept at 0.1 against 0.5",
        ),
        pytest.param(
            [[0, 0, 20, 10], [0, 0, 10, 10]],
            [1, 0, -1, -1],
            id="forced by both, the loser has another by the threshold",
        ),
    ],
)
def test_matching_by_hand(boxes, expected, xp):
    assert matched(boxes, xp=xp) == expected


def test_what_is_not_valid_matches_nothing(xp):
    boxes = [[0, 0, 10, 10], [10, 0, 20, 10], [0, 0, 0, 0]]
    assert matched(boxes, [False, True, False], xp=xp) == [-1, 1, -1, -1]
    assert matched(boxes, [False, False, False], xp=xp) == [-1, -1, -1, -1]


def test_an_invalid_box_takes_no_anchor_from_a_valid_one(xp):
    boxes = [[0, 0, 10, 10], [0, 0, 10, 6]]
    assert matched(boxes, [False, True], xp=xp) == [1, -1, -1, -1]


def test_each_image_of_a_batch_is_matched_as_it_is_alone(xp):
    generator = np.random.default_rng(0)
    boxes = np.sort(generator.random((5, 8, 2, 2)), axis=2).reshape(5, 8, 4).astype(np.float32)
    valid = generator.random((5, 8)) < 0.7
    anchors = model_anchors(ModelConfig())
    together = np.asarray(match(boxes, valid, anchors, xp=xp))
    for i in range(5):
        alone = match(boxes[i : i + 1], valid[i : i + 1], anchors, xp=xp)
        np.testing.assert_array_equal(together[i], np.asarray(alone)[0])


def plain_match(iou, valid, threshold):
    """The rules, in loops over one image: iou (N, A)."""
    found = [-1] * iou.shape[1]
    for anchor in range(iou.shape[1]):
        rows = [row for row in range(len(iou)) if valid[row] and iou[row, anchor] >= threshold]
        if rows:
            found[anchor] = max(rows, key=lambda row: (iou[row, anchor], -row))
    forcing: dict[int, list[int]] = {}
    for row in range(len(iou)):
        anchor = max(range(iou.shape[1]), key=lambda anchor: (iou[row, anchor], -anchor))
        if valid[row] and iou[row, anchor] > 0:
            forcing.setdefault(anchor, []).append(row)
    for anchor, rows in forcing.items():
        found[anchor] = max(rows, key=lambda row: (iou[row, anchor], -row))
    return found


def boxes_on_a_grid(count):
    """Few coordinates, so that ties are many; boxes without area too."""
    corners = hnp.arrays(np.float32, (count, 2, 2), elements=st.integers(0, 6).map(float))
    return corners.map(lambda array: np.sort(array, axis=1).reshape(-1, 4))


@given(st.data(), st.integers(1, 6), st.integers(1, 9), st.sampled_from([0.1, 0.5, 0.7]))
def test_equals_the_rules_in_plain_loops(data, num_boxes, num_anchors, threshold):
    boxes, anchors = (data.draw(boxes_on_a_grid(count)) for count in (num_boxes, num_anchors))
    valid = data.draw(hnp.arrays(bool, num_boxes))
    expected = plain_match(pairwise_iou(boxes, anchors), valid, threshold)
    assert matched(boxes, valid, anchors, threshold) == expected


@pytest.mark.keras
def test_keras_and_numpy_agree_on_many_images():
    ops = pytest.importorskip("keras").ops
    generator = np.random.default_rng(1)
    corners = np.sort(generator.integers(0, 12, (64, 10, 2, 2)), axis=2) / 12
    boxes = corners.reshape(64, 10, 4).astype(np.float32)
    valid = generator.random((64, 10)) < 0.8
    anchors = model_anchors(ModelConfig(input_size=96))
    expected = match(boxes, valid, anchors)
    np.testing.assert_array_equal(np.asarray(match(boxes, valid, anchors, xp=ops)), expected)


@pytest.mark.keras
def test_the_rules_hold_inside_a_graph_with_any_batch_size():
    tf = pytest.importorskip("tensorflow")
    ops = pytest.importorskip("keras").ops
    signature = [tf.TensorSpec((None, 3, 4)), tf.TensorSpec((None, 3), tf.bool)]
    graph = tf.function(lambda b, v: match(b, v, ANCHORS, xp=ops), input_signature=signature)
    boxes = np.array([[[0, 0, 10, 10], [11, 0, 12, 10], [0, 0, 0, 0]]] * 2, np.float32)
    valid = np.array([[True, True, False], [False, True, False]])
    np.testing.assert_array_equal(graph(boxes, valid), match(boxes, valid, ANCHORS))
