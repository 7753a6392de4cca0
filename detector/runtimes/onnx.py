"""ONNX Runtime as a runtime for `.onnx` files, without TensorFlow."""

from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.backend import stderr_held_back
from detector.runtimes.graph import (
    EngineOptions,
    Output,
    import_engine,
    require_fixed,
    require_readable,
)

_ONLY_ERRORS = 3  # of its severities: warnings are about the machine, not about the model
_DTYPES = {"tensor(uint8)": np.uint8, "tensor(int8)": np.int8, "tensor(float)": np.float32}


class OnnxGraph:
    """An open `.onnx` file (`detector.runtimes.graph.Graph`).

    Args:
        path: the file.
        options: of the engine.

    Raises:
        UserError: it is missing, damaged, asks for operations that ONNX Runtime lacks, or has not
            one input of one image; or the engine is not installed, or lacks the device.
    """

    name = "onnx"

    def __init__(self, path: Path, options: EngineOptions) -> None:
        self.path = path
        self._session = _open(path, options)
        inputs = self._session.get_inputs()
        self.input_shape = require_fixed(path, [_sides(tensor.shape) for tensor in inputs])
        if inputs[0].type not in _DTYPES:
            raise UserError(f"{path} takes {inputs[0].type} as input; need uint8, int8 or float32")
        self.input_dtype = np.dtype(_DTYPES[inputs[0].type])
        self._input = inputs[0].name
        self._names = [tensor.name for tensor in self._session.get_outputs()]

    def __call__(self, array: np.ndarray) -> list[Output]:
        """See `detector.runtimes.graph.Graph`."""
        values = self._session.run(self._names, {self._input: array})
        return [Output((name,), one) for name, one in zip(self._names, values, strict=True)]


def _open(path: Path, engine: EngineOptions) -> Any:
    engine.require_no("ONNX Runtime", "delegate")
    require_readable(path)
    onnxruntime = import_engine("onnxruntime", "onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = engine.cores
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_ERRORS
    providers = _providers(engine.device, onnxruntime.get_available_providers())
    try:
        with stderr_held_back():
            session = onnxruntime.InferenceSession(path, options, providers)
    except Exception as error:  # of a family whose base is no public name
        raise UserError(f"cannot read {path}: damaged, or not for ONNX Runtime") from error
    if session.get_providers()[0] != providers[0]:  # it falls back to the CPU without a word
        raise UserError(f"ONNX Runtime cannot start {engine.device}: its own libraries are missing")
    return session


def _providers(device: str | None, available: list[str]) -> list[str]:
    """The execution provider that a device stands for, and the CPU for what it cannot do."""
    by_name = {name.removesuffix("ExecutionProvider").lower(): name for name in available}
    if device is not None and device.lower() not in by_name:
        raise UserError(
            f"ONNX Runtime has no device {device!r} here; it has {', '.join(by_name)}, and others "
            "in its other packages (onnxruntime-gpu, onnxruntime-directml, ...)"
        )
    chosen = by_name[(device or "cpu").lower()]
    return list(dict.fromkeys([chosen, by_name["cpu"]]))


def _sides(shape: list[Any]) -> tuple[int | None, ...]:
    return tuple(side if isinstance(side, int) else None for side in shape)
