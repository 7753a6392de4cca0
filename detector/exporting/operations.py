"""How many operations a graph has: what an engine has to run, constants aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_NO_WORK = frozenset(
    {
        *("Const", "Placeholder", "NoOp", "Identity"),  # of TensorFlow
        *("Constant", "Parameter", "Result"),  # of ONNX and OpenVINO
    }
)


def count_operations(file: Path) -> int:
    """Operations of a model file, or of a SavedModel's folder."""
    kinds = {".tflite": _tflite, ".onnx": _onnx, ".xml": _openvino}
    return kinds.get(file.suffix, _saved_model)(file)


def _tflite(file: Path) -> int:
    from ai_edge_litert.tools import flatbuffer_utils

    model: Any = flatbuffer_utils.read_model(str(file))
    return sum(len(graph.operators) for graph in model.subgraphs)


def _onnx(file: Path) -> int:
    import onnx

    nodes = onnx.load(str(file), load_external_data=False).graph.node
    return sum(node.op_type not in _NO_WORK for node in nodes)


def _openvino(file: Path) -> int:
    import openvino

    operations = openvino.Core().read_model(file).get_ordered_ops()
    return sum(one.get_type_name() not in _NO_WORK for one in operations)


def _saved_model(folder: Path) -> int:
    from tensorflow.python.saved_model.loader_impl import parse_saved_model

    graph = parse_saved_model(str(folder)).meta_graphs[0].graph_def
    nodes = [node for function in graph.library.function for node in function.node_def]
    return sum(node.op not in _NO_WORK and "Call" not in node.op for node in nodes)
