"""Post-processing inside an `.onnx`: `detector.postprocess` in ONNX's own operators.

Source: ONNX operator specification, `NonMaxSuppression` (opset 11): boxes by any two opposite
corners, so xyxy will do; suppression within each class, by an IoU above the threshold. `TopK`: of
equal values the one of the lower index comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from detector.anchors import model_anchors
from detector.boxes import xyxy_to_cxcywh
from detector.postprocess import across_classes

if TYPE_CHECKING:
    import onnx

    from configs.schema import PostprocessConfig
    from detector.artefact import DetectorSpec


def add_nms(model: onnx.ModelProto, spec: DetectorSpec) -> onnx.ModelProto:
    """The model with post-processing behind it.

    Args:
        model: of opset 13 or newer, with the outputs `box_deltas` float32 `(1, A, 4)` and
            `class_logits` float32 `(1, A, C + 1)`. It is left as it is.
        spec: describes the detector; its thresholds go into the model.

    Returns:
        a model with the outputs `boxes` float32 `(N, 4)`, xyxy in fractions of the image, within
        [0, 1]; `scores` float32 `(N,)`; `labels` int64 `(N,)`, without background: what
        `detector.postprocess` gives, but equal scores stand in the order of their labels, and
        boxes are not moved by voting.
    """
    import onnx
    from onnx import TensorProto, helper

    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    append = _Append(extended.graph)
    boxes = _boxes(append, model_anchors(spec.model), spec.model.anchors.variances)
    scores = _visible(append, _scores(append, spec), boxes)
    _suppress(append, boxes, scores, spec.postprocess)
    outputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["N", 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N"]),
        helper.make_tensor_value_info("labels", TensorProto.INT64, ["N"]),
    ]
    del extended.graph.output[:]
    extended.graph.output.extend(outputs)
    return extended


class _Append:
    """Appends operators to a graph, one a call; values are known by their names."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._count = 0

    def __call__(self, operator: str, *inputs: str, name: str | None = None, **options: Any) -> str:
        """The result; `name` makes it an output."""
        result = name or self._new_name()
        self._add(operator, inputs, [result], options)
        return result

    def pair(self, operator: str, *inputs: str, name: str | None = None, **options: Any) -> Any:
        """The two results; `name` makes the first an output."""
        results = [name or self._new_name(), self._new_name()]
        self._add(operator, inputs, results, options)
        return results

    def constant(self, values: Any, dtype: type[np.generic] = np.float32) -> str:
        from onnx import numpy_helper

        tensor = numpy_helper.from_array(np.asarray(values, dtype), self._new_name())
        self._graph.initializer.append(tensor)
        return tensor.name

    def _add(self, operator: str, inputs: Any, results: list[str], options: dict[str, Any]) -> None:
        from onnx import helper

        name = f"{results[0]}/{operator}"
        self._graph.node.append(helper.make_node(operator, inputs, results, name, **options))

    def _new_name(self) -> str:
        self._count += 1
        return f"postprocess/{self._count}"


def _boxes(append: _Append, anchors: np.ndarray, variances: tuple[float, ...]) -> str:
    """Decoded and clipped, `(1, A, 4)` as xyxy."""
    anchors_cxcywh = xyxy_to_cxcywh(anchors)
    centre, size = append.constant(anchors_cxcywh[:, :2]), append.constant(anchors_cxcywh[:, 2:])
    scaled = append("Mul", "box_deltas", append.constant(variances))
    offset, log_ratio = append.pair("Split", scaled, append.constant([2, 2], np.int64), axis=-1)
    middle = append("Add", append("Mul", offset, size), centre)
    # An overflow becomes a border of the image when clipped, as the coder's largest ratio does.
    half_size = append.constant(anchors_cxcywh[:, 2:] / 2)
    half = append("Mul", append("Exp", log_ratio), half_size)
    corners = append("Concat", append("Sub", middle, half), append("Add", middle, half), axis=-1)
    return append("Clip", corners, append.constant(0), append.constant(1))


def _scores(append: _Append, spec: DetectorSpec) -> str:
    """Of all classes without the background, `(1, C, A)`."""
    if spec.model.score_activation == "softmax":
        activated = append("Softmax", "class_logits", axis=-1)
    else:
        activated = append("Sigmoid", "class_logits")
    channels = append.constant([1, len(spec.class_names)], np.int64)
    _background, classes = append.pair("Split", activated, channels, axis=-1)
    return append("Transpose", classes, perm=[0, 2, 1])


def _visible(append: _Append, scores: str, boxes: str) -> str:
    """The scores, below every threshold where a box has no area inside the image."""
    halves = append.constant([2, 2], np.int64)
    top_left, bottom_right = append.pair("Split", boxes, halves, axis=-1)
    sides = append("Transpose", append("Sub", bottom_right, top_left), perm=[0, 2, 1])
    width, height = append.pair("Split", sides, append.constant([1, 1], np.int64), axis=1)
    visible = append("Greater", append("Mul", width, height), append.constant(0))  # (1, 1, A)
    return append("Where", visible, scores, append.constant(-1))


def _suppress(append: _Append, boxes: str, scores: str, config: PostprocessConfig) -> None:
    """The outputs `boxes`, `scores` and `labels`."""
    best_labels = None
    if across_classes(config):  # each box in its best class alone
        one = append.constant([1], np.int64)
        scores, best_labels = append.pair("TopK", scores, one, axis=1)  # (1, 1, A) both
    most = append.constant([config.max_detections], np.int64)
    iou = append.constant([config.iou_threshold])
    # The operator leaves out a score equal to its threshold; here it passes.
    below = append.constant([np.nextafter(np.float32(config.score_threshold), np.float32(-1))])
    found = append("NonMaxSuppression", boxes, scores, most, iou, below)  # image, label, anchor
    found_scores = append("GatherND", scores, found)
    count = append("Min", append("Shape", found_scores), most)
    _scores_out, order = append.pair("TopK", found_scores, count, name="scores")
    best = append("Gather", found, order)
    anchor = append("Gather", best, append.constant(2, np.int64), axis=1)
    if best_labels is None:
        append("Gather", best, append.constant(1, np.int64), axis=1, name="labels")
    else:
        of_anchor = append("Reshape", best_labels, append.constant([-1], np.int64))
        append("Gather", of_anchor, anchor, name="labels")
    all_boxes = append("Reshape", boxes, append.constant([-1, 4], np.int64))
    append("Gather", all_boxes, anchor, name="boxes")
