"""Post-processing inside a `.tflite`: the custom op `TFLite_Detection_PostProcess`.

Sources: TF OD API `export_tflite_graph_lib_tf2.py`, whose composite function the converter turns
into the op; TensorFlow Lite `kernels/detection_postprocess.cc`, which says what the op computes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from detector.anchors import model_anchors
from detector.boxes import xyxy_to_cxcywh
from detector.postprocess import across_classes

if TYPE_CHECKING:
    from detector.artefact import DetectorSpec

POSTPROCESS_OP = "TFLite_Detection_PostProcess"
"""The name of the custom op, which LiteRT brings."""
OUTPUTS = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
"""The outputs, in the order of the op."""
_YXHW = [1, 0, 3, 2]  # x, y, w, h in the order of the op
_SMALLEST_IOU = 1e-6  # the op refuses a threshold of 0


def with_nms(raw: Any, spec: DetectorSpec) -> Any:
    """The raw graph with post-processing behind it, for the TFLite converter alone.

    TensorFlow has no such op: run in TensorFlow, the function gives zeros. The converter needs
    `allow_custom_ops`, and what it makes needs `complete`. Otherwise than `detector.postprocess`
    the op does not clip boxes, neither before suppression nor after it, keeps those that lie
    outside the image, and knows no voting.

    Args:
        raw: a `tf.function` with an `input_signature`, the image `(1, S, S, 3)`, to a dict of
            `box_deltas` `(1, A, 4)` and `class_logits` `(1, A, C + 1)`.
        spec: describes the detector; its thresholds go into the file.

    Returns:
        a `tf.function` of the same signature to a dict of `OUTPUTS`, where N is `max_detections`:
        boxes float32 `(1, N, 4)` as ymin, xmin, ymax, xmax in fractions of the image; classes
        float32 `(1, N)`, 0 ... C - 1; scores float32 `(1, N)`, best first; their number float32
        `(1,)`. What follows the last detection is 0.
    """
    import tensorflow as tf

    anchors = xyxy_to_cxcywh(model_anchors(spec.model))[:, _YXHW]
    activation = {"sigmoid": tf.sigmoid, "softmax": tf.nn.softmax}[spec.model.score_activation]
    postprocess = _composite(spec)

    @tf.function(input_signature=raw.input_signature, autograph=False)
    def detect(image: Any) -> dict[str, Any]:
        outputs = raw(image)
        deltas = tf.gather(outputs["box_deltas"], _YXHW, axis=-1)
        scores = activation(outputs["class_logits"])
        return dict(zip(OUTPUTS, postprocess(deltas, scores, tf.constant(anchors)), strict=True))

    return detect


def complete(model: bytes, spec: DetectorSpec) -> bytes:
    """Fix what the converter makes of `with_nms`.

    It puts the outputs in an order of its own, and drops `detections_per_class`, without which
    the op returns at most 100 of a class.

    Args:
        model: the `.tflite`.
        spec: as given to `with_nms`.

    Returns:
        the same with the outputs in the order of `OUTPUTS`.
    """
    from ai_edge_litert.tools import flatbuffer_utils
    from flatbuffers import flexbuffers

    content: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    (graph,) = content.subgraphs
    op = postprocess_op(content)
    graph.outputs = op.outputs
    options: Any = flexbuffers.Loads(bytes(op.customOptions))
    options["detections_per_class"] = spec.postprocess.max_detections
    op.customOptions = np.frombuffer(flexbuffers.Dumps(options), np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))


def postprocess_op(content: Any) -> Any:
    """The operator that post-processes.

    Args:
        content: a model as `flatbuffer_utils` reads it.

    Returns:
        an `OperatorT`, or None where the model ends at the raw outputs.
    """
    codes = [code.customCode == POSTPROCESS_OP.encode() for code in content.operatorCodes]
    operators = content.subgraphs[0].operators
    return next((one for one in operators if codes[one.opcodeIndex]), None)


def _composite(spec: DetectorSpec) -> Any:
    """A function that says what it stands for; the converter puts the op in its place."""
    import tensorflow as tf

    count = spec.postprocess.max_detections
    shapes = ((1, count, 4), (1, count), (1, count), (1,))

    @tf.function(experimental_implements=_implements(spec), autograph=False)
    def postprocess(deltas: Any, scores: Any, anchors: Any) -> tuple[Any, ...]:  # noqa: ARG001
        return tuple(tf.zeros(shape) for shape in shapes)

    return postprocess


def _implements(spec: DetectorSpec) -> str:
    """The op and its attributes as a `NameAttrList` in text."""
    config = spec.postprocess
    x, y, w, h = (1 / variance for variance in spec.model.anchors.variances)
    attributes = {
        "max_detections": config.max_detections,
        "max_classes_per_detection": 1,
        "use_regular_nms": not across_classes(config),  # class by class
        "nms_score_threshold": float(config.score_threshold),
        "nms_iou_threshold": max(config.iou_threshold, _SMALLEST_IOU),
        "y_scale": y,
        "x_scale": x,
        "h_scale": h,
        "w_scale": w,
        "num_classes": len(spec.class_names),
    }
    parts = [
        f"attr {{ key: '{key}' value {{ {_value(one)} }} }}" for key, one in attributes.items()
    ]
    return " ".join([f"name: '{POSTPROCESS_OP}'", *parts])


def _value(value: bool | int | float) -> str:
    if isinstance(value, bool):
        return f"b: {str(value).lower()}"
    return f"i: {value}" if isinstance(value, int) else f"f: {np.float32(value)!s}"
