import numpy as np
import pytest

from detector import artefact
from detector.exporting.parity import (
    FLOAT_LIMITS,
    LIMITS,
    Difference,
    Parity,
    compare,
    count_partners,
    objections,
)
from detector.postprocess import FractionDetections
from detector.runtimes import open_runtime


def detections(*rows):
    """Rows of a box in tenths, a score and a label."""
    boxes = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4) / 10
    scores = np.array([row[4] for row in rows], np.float32)
    return FractionDetections(boxes, scores, np.array([row[5] for row in rows], np.int64))


A = detections((1, 1, 5, 5, 0.9, 0), (5, 5, 9, 9, 0.6, 1))


@pytest.mark.parametrize(
    ("other", "pairs"),
    [
        pytest.param(A, 2, id="itself"),
        pytest.param(detections(), 0, id="nothing"),
        pytest.param(detections((1, 1, 5, 5.1, 0.89, 0)), 1, id="nearly"),
        pytest.param(detections((1, 1, 5, 5, 0.87, 0)), 0, id="score"),
        pytest.param(detections((1, 1, 5, 5, 0.9, 1)), 0, id="label"),
        pytest.param(detections((1, 1, 5, 5.6, 0.9, 0)), 0, id="place"),
        pytest.param(detections(*[(1, 1, 5, 5, 0.9, 0)] * 2), 1, id="twice"),
    ],
)
def test_partners_agree_in_place_label_and_score(other, pairs):
    assert count_partners(A, other) == count_partners(other, A) == pairs


def test_two_runtimes_are_compared(exported):
    spec = artefact.read_spec(exported)
    spec = spec.model_copy(
        update={"postprocess": spec.postprocess.model_copy(update={"score_threshold": 0.7})}
    )
    a, b = (open_runtime(exported / name, spec) for name in ("model.tflite", "model.onnx"))
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), np.uint8)
    parity = compare(a, b, spec, images)
    assert parity.images == 2
    assert parity.detections > 0
    assert parity.matched == 1.0
    assert 0 < parity.box_deltas.mean <= parity.box_deltas.largest < 1e-3
    assert objections(parity, FLOAT_LIMITS) == []


def parity(box=1e-6, label=1e-6, matched: float | None = 1.0, ap=None) -> Parity:
    return Parity(9, Difference(9 * box, box), Difference(9 * label, label), 20, matched, ap)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (parity(), []),
        (parity(matched=None), []),
        (parity(matched=0.9), ["90.0% of the detections match (limit 99%)"]),
        (parity(box=0.1), ["box_deltas differ by 0.1 in the mean (limit 0.001)"]),
        (parity(label=1, matched=None), ["class_logits differ by 1 in the mean (limit 0.001)"]),
        (parity(matched=0.9, ap=(0.5, 0.5)), ["90.0% of the detections match (limit 99%)"]),
        (parity(box=float("nan")), ["box_deltas differ by nan in the mean (limit 0.001)"]),
        (parity(ap=(0.5, 0.4)), ["mAP falls by 0.1000 (limit 0.001)"]),
        (parity(ap=(0.4, 0.5)), []),
    ],
)
def test_what_is_over_a_limit_is_said(found, says):
    assert objections(found, FLOAT_LIMITS) == says


@pytest.mark.parametrize(
    ("found", "count"),
    [
        pytest.param(parity(matched=0.1, ap=(0.5, 0.498)), 0, id="mAP decides"),
        pytest.param(parity(matched=0.9, ap=(0.5, 0.49)), 1, id="mAP decides against it"),
        pytest.param(parity(matched=0.1, ap=(0.0002, 0.0)), 1, id="an mAP that tells nothing"),
        pytest.param(parity(box=9, label=9, matched=0.1), 3, id="no mAP"),
    ],
)
def test_of_eight_bits_map_decides_where_it_tells_something(found, count):
    assert len(objections(found, LIMITS["tflite-int8"])) == count


def test_every_export_has_a_limit():
    assert set(LIMITS) == set(artefact.EXPORTS)
