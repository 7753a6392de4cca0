from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from configs.schema import ModelConfig, PostprocessConfig
from detector import artefact
from detector.anchors import model_anchors
from detector.artefact import DetectorSpec
from detector.exporting.nms_onnx import add_nms
from detector.postprocess import Postprocessor

pytestmark = pytest.mark.slow  # ONNX Runtime

CLASSES = ("a", "b", "c")
MODEL = ModelConfig(input_size=96)
ANCHORS = model_anchors(MODEL)


def make_spec(activation="sigmoid", **postprocess):
    return DetectorSpec(
        name="tiny",
        model=MODEL.model_copy(update={"score_activation": activation}),
        postprocess=PostprocessConfig(**postprocess),
        class_names=CLASSES,
        category_ids=(1, 2, 3),
    )


def raw_model(opset=13):
    """A graph whose raw outputs are its inputs."""
    shapes = {"box_deltas": [1, len(ANCHORS), 4], "class_logits": [1, len(ANCHORS), 4]}

    def described(prefix=""):
        return [
            helper.make_tensor_value_info(prefix + name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]

    nodes = [helper.make_node("Identity", [f"given_{name}"], [name]) for name in shapes]
    graph = helper.make_graph(nodes, "raw", described("given_"), described())
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def run(model, inputs, outputs=("boxes", "scores", "labels")) -> Any:
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(list(outputs), inputs)


def detect(spec, deltas, logits, opset=13):
    inputs = {"given_box_deltas": deltas[None], "given_class_logits": logits[None]}
    return run(add_nms(raw_model(opset), spec), inputs)


def reference(spec, deltas, logits):
    return Postprocessor(spec.model, spec.postprocess)(deltas, logits)


def assert_same(found, wanted):
    boxes, scores, labels = found
    assert (boxes.dtype, scores.dtype, labels.dtype) == (np.float32, np.float32, np.int64)
    np.testing.assert_array_equal(labels, wanted.labels)
    np.testing.assert_allclose(scores, wanted.scores, atol=1e-6)
    np.testing.assert_allclose(boxes, wanted.boxes_fraction, atol=1e-6)


def random_outputs(seed, delta_scale=1.0):
    random = np.random.default_rng(seed)
    deltas = delta_scale * random.normal(size=(len(ANCHORS), 4))
    logits = 2 * random.normal(size=(len(ANCHORS), 1 + len(CLASSES)))
    return deltas.astype(np.float32), logits.astype(np.float32)


def quiet_outputs():
    """Outputs without any detection."""
    return np.zeros((len(ANCHORS), 4), np.float32), np.full((len(ANCHORS), 4), -9, np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize(
    "thresholds",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"iou_threshold": 0.0}, id="none may touch"),
        pytest.param({"iou_threshold": 1.0, "max_detections": 1000}, id="none suppressed"),
        pytest.param({"score_threshold": 0.0, "max_detections": 7}, id="all scores, few boxes"),
        pytest.param({"class_agnostic": True, "score_threshold": 0.1}, id="class-agnostic"),
        pytest.param(
            {"class_agnostic": True, "iou_threshold": 0.0}, id="class-agnostic, none may touch"
        ),
        pytest.param(
            {"class_agnostic": True, "iou_threshold": 1.0, "max_detections": 1000},
            id="class-agnostic, none suppressed",
        ),
    ],
)
def test_detections_are_those_of_the_postprocessor(activation, thresholds, seed):
    spec = make_spec(activation, **thresholds)
    outputs = random_outputs(seed)
    wanted = reference(spec, *outputs)
    assert len(wanted.scores) > 5
    assert_same(detect(spec, *outputs), wanted)


def test_a_network_ends_in_its_detections(exported):
    spec = artefact.read_spec(exported)
    raw = onnx.load(exported / "model.onnx")
    image = np.random.default_rng(1).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8)
    inputs = {raw.graph.input[0].name: image}
    deltas, logits = run(raw, inputs, ("box_deltas", "class_logits"))
    wanted = reference(spec, deltas[0], logits[0])
    assert len(wanted.scores) > 5
    assert_same(run(add_nms(raw, spec), inputs), wanted)


@pytest.mark.parametrize("agnostic", [False, True], ids=["by class", "class-agnostic"])
@pytest.mark.parametrize("opset", [13, 18, 21])
def test_the_model_is_valid_in_every_opset(opset, agnostic):
    spec = make_spec(class_agnostic=agnostic)
    onnx.checker.check_model(add_nms(raw_model(opset), spec), full_check=True)
    outputs = random_outputs(0)
    assert_same(detect(spec, *outputs, opset=opset), reference(spec, *outputs))


def test_the_given_model_is_left_alone():
    model = raw_model()
    before = model.SerializeToString()
    add_nms(model, make_spec())
    assert model.SerializeToString() == before


def test_nothing_found_gives_empty_outputs():
    boxes, scores, labels = detect(make_spec(), *quiet_outputs())
    assert (boxes.shape, scores.shape, labels.shape) == ((0, 4), (0,), (0,))


def test_a_score_equal_to_the_threshold_passes():
    deltas, logits = quiet_outputs()
    logits[100, 2] = 0
    _, scores, labels = detect(make_spec(score_threshold=0.5), deltas, logits)
    assert (scores.tolist(), labels.tolist()) == ([0.5], [1])


def test_an_anchor_that_is_two_classes_is_the_better_one_where_nms_is_class_agnostic():
    deltas, logits = quiet_outputs()
    logits[100, 1:] = [1, 3, 2]
    logits[0, 1:] = [2, 2, 1]  # of equal ones the first
    labels = detect(make_spec(class_agnostic=True), deltas, logits)[2]
    assert labels.tolist() == [1, 0]  # of equal ones the first
    assert len(detect(make_spec(), deltas, logits)[1]) == 6


def test_a_box_outside_the_image_is_left_out():
    deltas, logits = quiet_outputs()
    logits[[0, 100], 1] = 3
    deltas[0, 0] = -500  # 50 anchor widths to the left
    boxes, scores, _ = detect(make_spec(), deltas, logits)
    assert len(scores) == 1
    np.testing.assert_allclose(boxes, [np.clip(ANCHORS[100], 0, 1)], atol=1e-6)


def test_a_box_of_endless_size_is_the_whole_image():
    deltas, logits = quiet_outputs()
    logits[100, 1] = 3
    deltas[100, 2:] = 1e6
    boxes, _, _ = detect(make_spec(), deltas, logits)
    np.testing.assert_array_equal(boxes, [[0, 0, 1, 1]])
