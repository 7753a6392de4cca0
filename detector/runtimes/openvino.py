"""OpenVINO as a runtime for its `.xml` files, without TensorFlow."""

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


class OpenvinoGraph:
    """An open `.xml` file, its weights in a `.bin` beside it (`detector.runtimes.graph.Graph`).

    Args:
        path: the file.
        options: of the engine.

    Raises:
        UserError: it is missing, damaged, or has not one input of one image; or the engine is
            not installed, or lacks the device.
    """

    name = "openvino"

    def __init__(self, path: Path, options: EngineOptions) -> None:
        options.require_no("OpenVINO", "delegate")
        require_readable(path)
        require_readable(path.with_suffix(".bin"))
        self.path = path
        model = _compile(path, options)
        shapes = [_sides(one.partial_shape) for one in model.inputs]
        self.input_shape = require_fixed(path, shapes)
        self.input_dtype = np.dtype(model.inputs[0].element_type.to_dtype())
        self._names = [tuple(sorted(one.names)) for one in model.outputs]
        self._request = model.create_infer_request()

    def __call__(self, array: np.ndarray) -> list[Output]:
        """See `detector.runtimes.graph.Graph`."""
        found = self._request.infer([array], share_inputs=True).values()
        return [Output(names, one) for names, one in zip(self._names, found, strict=True)]


def _compile(path: Path, options: EngineOptions) -> Any:
    core = import_engine("openvino", "openvino").Core()
    device = options.device or "CPU"
    if device.partition(":")[0] not in (*core.available_devices, "AUTO", "HETERO", "MULTI"):
        raise UserError(
            f"OpenVINO has no device {device!r} here; it has {', '.join(core.available_devices)}"
        )
    settings = {"PERFORMANCE_HINT": "LATENCY"}
    if device != "NPU":  # which knows no float32; elsewhere bfloat16 would move the boxes
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    if device == "CPU":
        settings["INFERENCE_NUM_THREADS"] = str(options.cores)
    try:
        with stderr_held_back():
            model = core.read_model(path)
    except RuntimeError as error:
        raise UserError(f"cannot read {path}: damaged, or not for OpenVINO") from error
    try:
        with stderr_held_back():
            return core.compile_model(model, device, settings)
    except RuntimeError as error:
        raise UserError(f"OpenVINO cannot run {path} on {device}; name another device") from error


def _sides(shape: Any) -> tuple[int | None, ...]:
    return tuple(None if side.is_dynamic else side.get_length() for side in shape)
