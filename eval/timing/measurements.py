"""Measurements as figures: percentiles, ratios to the first contender, file size, precision."""

from __future__ import annotations

import math
import zipfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detector.backend import stderr_held_back
from eval.timing.rounds import Measured
from eval.timing.worker import COLUMNS

Timing = dict[str, Any]
"""The figures of one contender; `python -m eval.latency --help` lists them."""


def to_timings(
    measured: Sequence[Measured], accuracy: Sequence[Mapping[str, float]] | None = None
) -> list[Timing]:
    """The figures of each contender; ratios are against the first one.

    `accuracy` has "AP" and "AP50" of each, or nothing; None where it was not measured.
    """
    found = accuracy or [{}] * len(measured)
    results = [_timing(one, measured[0], ap) for one, ap in zip(measured, found, strict=True)]
    models: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for result in results:
        models[kind(result)].add(result["model"])
    # Where the name alone would not tell two models apart, what the user called them does.
    return [
        result if len(models[kind(result)]) == 1 else {**result, "name": result["model"]}
        for result in results
    ]


def kind(result: Timing) -> tuple[str, str, str]:
    """What tells contenders apart that do not differ in threads alone."""
    return result["name"], result["runtime"], result["precision"]


def _timing(one: Measured, first: Measured, accuracy: Mapping[str, float]) -> Timing:
    rows = np.concatenate(one.rounds)
    return {
        "model": one.contender.model,
        "name": one.about.name,
        "runtime": one.about.runtime,
        "precision": precision(one.about.file),
        "threads": one.contender.threads,
        "is_peer": one.contender.is_peer,
        "input_hw": list(one.about.input_hw),
        "outputs": one.about.outputs,
        "stages_ms": {name: _spread(ms) for name, ms in zip(COLUMNS, rows.T, strict=True)},
        "round_medians_ms": _round_medians(one, "end_to_end").round(3).tolist(),
        "ratio": {name: _ratio(one, first, name) for name in ("run", "end_to_end")},
        "images_per_s": round(1000 / rows[:, COLUMNS.index("end_to_end")].mean(), 2),
        "throughput_images_per_s": round(float(np.mean(one.images_per_s)), 2),
        "size_mb": round(size_mb(one.about.file), 3),
        "peak_memory_mb": round(one.peak_memory_mb, 1),
        "start_s": round(float(np.median(one.starts_s)), 3),
        "AP": accuracy.get("AP"),
        "AP50": accuracy.get("AP50"),
    }


def _spread(milliseconds: np.ndarray) -> dict[str, float] | None:
    """Median, 10th and 90th percentile; None for a stage that a contender does not have."""
    if np.isnan(milliseconds).any():
        return None
    values = np.percentile(milliseconds, [50, 10, 90]).round(3).tolist()
    return dict(zip(("median", "p10", "p90"), values, strict=True))


def _round_medians(one: Measured, column: str) -> np.ndarray:
    return np.median(np.array(one.rounds)[:, :, COLUMNS.index(column)], axis=1)


def _ratio(one: Measured, first: Measured, column: str) -> float:
    """Of times, round by round: what slows a whole round slows both sides of its ratio."""
    ratios = _round_medians(one, column) / _round_medians(first, column)
    return round(float(np.median(ratios)), 4)


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
