"""Converters from a TensorFlow function to LiteRT, ONNX and OpenVINO; the size of their graphs."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detector.backend import stderr_held_back
from detector.exporting.frozen_graph import write_saved_model
from detector.runtimes.graph import import_engine

_OPSET = 13  # old enough for OpenCV's DNN module and for onnxruntime-web
_NO_WORK = frozenset(
    {
        *("Const", "Placeholder", "NoOp", "Identity"),  # of TensorFlow
        *("Constant", "Parameter", "Result"),  # of ONNX and OpenVINO
    }
)


def to_tflite(function: Any, calibration: Sequence[np.ndarray] = (), half: bool = False) -> bytes:
    """A `.tflite` model.

    Args:
        function: of `detector.exporting.frozen_graph.raw_function`, or one that ends in NMS.
        calibration: images, uint8 `(S, S, 3)`: with them, everything is computed in integers,
            and `function` must take float32.
        half: store the weights in float16.
    """
    with tempfile.TemporaryDirectory() as scratch, quiet():
        write_saved_model(function, Path(scratch))
        converter = make_converter(scratch, calibration, half)
        return bytes(converter.convert())


def make_converter(saved_model: str, calibration: Sequence[np.ndarray], half: bool = False) -> Any:
    """TensorFlow's converter, told what to do; see `to_tflite`."""
    import tensorflow as tf

    converter: Any = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.allow_custom_ops = True  # of post-processing; a raw graph has none
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    if len(calibration):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            {"image": image[None].astype(np.float32)} for image in calibration
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
    return converter


def to_onnx(function: Any) -> Any:
    """An `onnx.ModelProto`.

    Raises:
        UserError: tf2onnx is not installed.
    """
    tf2onnx = import_engine("tf2onnx", "tf2onnx")
    with quiet():
        model, _ = tf2onnx.convert.from_function(
            function, input_signature=function.input_signature, opset=_OPSET
        )
    return model


def write_openvino(function: Any, path: Path) -> None:
    """Write an OpenVINO model: the `.xml` and the `.bin` beside it, in float32.

    Raises:
        UserError: openvino is not installed.
    """
    openvino = import_engine("openvino", "openvino")
    with tempfile.TemporaryDirectory() as scratch, quiet():
        write_saved_model(function, Path(scratch))
        model = openvino.convert_model(scratch)
    openvino.save_model(model, str(path), compress_to_fp16=False)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what converters say of themselves; all of it shows if they fail."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), stderr_held_back():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def count_operations(file: Path) -> int:
    """What an engine has to run, constants aside, of a model file or of a SavedModel's folder."""
    kinds = {".tflite": _tflite_operations, ".onnx": _onnx_operations, ".xml": _openvino_operations}
    return kinds.get(file.suffix, _saved_model_operations)(file)


def _tflite_operations(file: Path) -> int:
    from ai_edge_litert.tools import flatbuffer_utils

    model: Any = flatbuffer_utils.read_model(str(file))
    return sum(len(graph.operators) for graph in model.subgraphs)


def _onnx_operations(file: Path) -> int:
    import onnx

    nodes = onnx.load(str(file), load_external_data=False).graph.node
    return sum(node.op_type not in _NO_WORK for node in nodes)


def _openvino_operations(file: Path) -> int:
    import openvino

    operations = openvino.Core().read_model(file).get_ordered_ops()
    return sum(one.get_type_name() not in _NO_WORK for one in operations)


def _saved_model_operations(folder: Path) -> int:
    from tensorflow.python.saved_model.loader_impl import parse_saved_model

    graph = parse_saved_model(str(folder)).meta_graphs[0].graph_def
    nodes = [node for function in graph.library.function for node in function.node_def]
    return sum(node.op not in _NO_WORK and "Call" not in node.op for node in nodes)
