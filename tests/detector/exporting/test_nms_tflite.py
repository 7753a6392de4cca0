import warnings

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from configs.schema import AnchorConfig, PostprocessConfig
from detector import artefact
from detector.exporting.frozen_graph import folded_network, raw_function
from detector.exporting.nms_tflite import complete, with_nms
from detector.postprocess import Postprocessor
from detector.runtimes.keras_model import KerasRuntime

pytestmark = pytest.mark.keras

# Anchors well inside the image, and four different variances, so that none can be mistaken.
INSIDE = AnchorConfig(min_scale=0.1, max_scale=0.3, variances=(0.01, 0.02, 0.03, 0.04))


@pytest.fixture(scope="module")
def model(exported):
    return artefact.load(exported)


@pytest.fixture(scope="module")
def raw(model):
    return raw_function(folded_network(*model))


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def raw_outputs(model, image):
    deltas, logits = KerasRuntime(model.network).run(image)
    return deltas[0], logits[0]


def make_spec(model, anchors=INSIDE, activation="sigmoid", **postprocess):
    update = {"anchors": anchors, "score_activation": activation}
    return model.spec.model_copy(
        update={
            "model": model.spec.model.model_copy(update=update),
            "postprocess": PostprocessConfig(**postprocess),
        }
    )


def convert(raw, spec):
    import tensorflow as tf

    function = with_nms(raw, spec)
    graphs = [function.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(graphs, tf.Module())
    converter.allow_custom_ops = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter, about itself
        return complete(converter.convert(), spec)


def run(content, image):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]


def reference(spec, raw_outputs):
    return Postprocessor(spec.model, spec.postprocess)(*raw_outputs)


@pytest.mark.parametrize(
    ("activation", "thresholds", "least"),
    [
        pytest.param("sigmoid", {}, 20, id="sigmoid"),
        pytest.param("softmax", {"iou_threshold": 0.0, "max_detections": 5}, 5, id="softmax"),
        pytest.param("sigmoid", {"class_agnostic": True}, 20, id="class-agnostic"),
        pytest.param("softmax", {"class_agnostic": True, "iou_threshold": 0.0}, 5, id="both"),
    ],
)
def test_detections_are_those_of_the_postprocessor(
    model, raw, image, raw_outputs, activation, thresholds, least
):
    spec = make_spec(model, activation=activation, **thresholds)
    wanted = reference(spec, raw_outputs)
    count = len(wanted.scores)
    assert count >= least
    boxes_yxyx, classes, scores, number = run(convert(raw, spec), image)
    assert number.tolist() == [count]
    np.testing.assert_array_equal(classes[0, :count], wanted.labels)
    np.testing.assert_allclose(scores[0, :count], wanted.scores, atol=1e-5)
    boxes = boxes_yxyx[0, :count, [1, 0, 3, 2]].T
    np.testing.assert_allclose(boxes, wanted.boxes_fraction, atol=1e-5)


def test_a_class_may_have_more_than_the_hundred_detections_of_the_op(model, raw, image):
    spec = make_spec(model, score_threshold=0.0, iou_threshold=1.0, max_detections=380)
    outputs = run(convert(raw, spec), image)
    assert [one.shape for one in outputs] == [(1, 380, 4), (1, 380), (1, 380), (1,)]
    assert outputs[3].tolist() == [380]  # of two classes


def test_boxes_at_the_border_are_not_clipped(model, raw, image):
    spec = make_spec(model, anchors=AnchorConfig())
    boxes, *_ = run(convert(raw, spec), image)
    assert boxes.min() < 0
    assert boxes.max() > 1
