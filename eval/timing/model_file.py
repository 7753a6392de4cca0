"""A model file's size, and the precision that its network computes in."""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from detector.backend import stderr_held_back


def size_mb(file: Path) -> float:
    """Size of a model's file, or of all in its folder; weights that are kept apart count too."""
    apart = [file.with_name(f"{file.name}.data")]  # of ONNX, and of OpenVINO:
    apart += [file.with_suffix(".bin")] if file.suffix.lower() == ".xml" else []
    files = file.iterdir() if file.is_dir() else [file, *filter(Path.is_file, apart)]
    return sum(path.stat().st_size for path in files) / 1e6


def precision(file: Path) -> str:
    """What a network computes in: "float32", "float16", "int8", and so on.

    "int8 weights" stands for weights in int8 that are worked with in floating point.
    """
    if file.suffix.lower() == ".tflite":
        return _tflite_precision(file)
    if file.suffix.lower() == ".onnx":
        return _onnx_precision(file)
    if file.suffix == ".keras":
        with zipfile.ZipFile(file) as archive:
            config = archive.read("config.json").decode()
        policies = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
        return next((policy for policy in policies if f'"{policy}"' in config), "float32")
    return "float32"  # what the official weights are built into


def _tflite_precision(file: Path) -> str:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with stderr_held_back():  # and without a delegate, which would convert what is stored
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(str(file), experimental_op_resolver_type=plain)
    weights: Counter[str] = Counter()
    maps: Counter[str] = Counter()
    for tensor in interpreter.get_tensor_details():
        if len(tensor["shape"]) == 4:  # kernels of convolutions, and feature maps
            sizes = weights if _is_constant(interpreter, tensor["index"]) else maps
            sizes[np.dtype(tensor["dtype"]).name] += math.prod(tensor["shape"].tolist())
    return _in_words(weights, "int" in _most(maps))


def _is_constant(interpreter: Any, index: int) -> bool:
    try:
        interpreter.get_tensor(index)
    except ValueError:  # nothing is allocated yet; only what the file holds is there
        return False
    return True


def _onnx_precision(file: Path) -> str:
    import onnx
    from onnx import helper

    graph = onnx.load(file, load_external_data=False).graph
    weights: Counter[str] = Counter()
    for one in graph.initializer:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(one.data_type))
        weights[dtype.name] += math.prod(one.dims)
    operations = {node.op_type for node in graph.node}
    return _in_words(weights, bool(operations & {"QuantizeLinear", "QLinearConv"}))


def _most(sizes: Counter[str]) -> str:
    return sizes.most_common(1)[0][0] if sizes else "float32"


def _in_words(weights: Counter[str], are_maps_integers: bool) -> str:
    if "int" not in _most(weights):
        return _most(weights)
    return "int8" if are_maps_integers else "int8 weights"
