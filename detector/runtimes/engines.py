"""One adapter per engine: LiteRT, ONNX Runtime and OpenVINO, without TensorFlow."""

import ctypes
import threading
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.backend import stderr_held_back
from detector.runtimes.graph import (
    EngineOptions,
    Graph,
    Output,
    import_engine,
    require_fixed,
    require_readable,
)

# ---- LiteRT


class TfliteGraph(Graph):
    """An open `.tflite` file."""

    name = "tflite"

    def __init__(self, path: Path, options: EngineOptions) -> None:
        self.path = path
        self._interpreter = _tflite_interpreter(path, options)
        inputs: list[dict[str, Any]] = self._interpreter.get_input_details()
        shapes = [tensor["shape_signature"].tolist() for tensor in inputs]
        self.input_shape = require_fixed(
            path, [tuple(side if side >= 0 else None for side in shape) for shape in shapes]
        )
        self.input_dtype = np.dtype(inputs[0]["dtype"])
        self._input = inputs[0]["index"]
        self._outputs = _tflite_outputs(self._interpreter)
        # The interpreter keeps its arrays between setting, running and getting.
        self._lock = threading.Lock()

    def __call__(self, array: np.ndarray) -> list[Output]:
        """See `Graph`."""
        with self._lock:
            self._interpreter.set_tensor(self._input, array)
            self._interpreter.invoke()
            return [
                Output(names, _real(self._interpreter.get_tensor(tensor["index"]), tensor))
                for names, tensor in self._outputs
            ]


def _tflite_interpreter(path: Path, options: EngineOptions) -> Any:
    options.require_no("LiteRT", "device")
    require_readable(path)
    litert = import_engine("ai_edge_litert.interpreter", "ai-edge-litert")
    delegates = [_delegate(litert, options.delegate)] if options.delegate else None
    try:
        with stderr_held_back():  # it greets every start with a line on its CPU delegate
            interpreter = litert.Interpreter(
                model_path=str(path), num_threads=options.cores, experimental_delegates=delegates
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise UserError(f"cannot read {path}: damaged, or not for LiteRT") from error
    return interpreter


def _delegate(litert: Any, library: Path) -> Any:
    try:
        ctypes.CDLL(str(library))  # LiteRT stumbles over its own clean-up where this fails
        return litert.load_delegate(str(library))
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"cannot load the LiteRT delegate {library}: {said}") from error


def _tflite_outputs(interpreter: Any) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """Each output with its own name and, where the file has a signature, the one there."""
    aliases: dict[int, str] = {}
    if len(interpreter.get_signature_list()) == 1:
        signature = interpreter.get_signature_runner().get_output_details()
        aliases = {tensor["index"]: name for name, tensor in signature.items()}
    details = interpreter.get_output_details()
    return [((tensor["name"], aliases.get(tensor["index"], "")), tensor) for tensor in details]


def _real(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    scale, zero_point = tensor["quantization"]
    if not scale or values.dtype.kind == "f":
        return values
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


# ---- ONNX Runtime

_ONLY_ERRORS = 3  # of its severities: warnings are about the machine, not about the model
_DTYPES = {"tensor(uint8)": np.uint8, "tensor(int8)": np.int8, "tensor(float)": np.float32}


class OnnxGraph(Graph):
    """An open `.onnx` file."""

    name = "onnx"

    def __init__(self, path: Path, options: EngineOptions) -> None:
        self.path = path
        self._session = _onnx_session(path, options)
        inputs = self._session.get_inputs()
        self.input_shape = require_fixed(
            path,
            [tuple(s if isinstance(s, int) else None for s in tensor.shape) for tensor in inputs],
        )
        self.takes_batches = not isinstance(inputs[0].shape[0], int)
        if inputs[0].type not in _DTYPES:
            raise UserError(f"{path} takes {inputs[0].type} as input; need uint8, int8 or float32")
        self.input_dtype = np.dtype(_DTYPES[inputs[0].type])
        self._input = inputs[0].name
        self._names = [tensor.name for tensor in self._session.get_outputs()]

    def __call__(self, array: np.ndarray) -> list[Output]:
        """See `Graph`."""
        values = self._session.run(self._names, {self._input: array})
        return [Output((name,), one) for name, one in zip(self._names, values, strict=True)]


def _onnx_session(path: Path, engine: EngineOptions) -> Any:
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


# ---- OpenVINO


class OpenvinoGraph(Graph):
    """An open `.xml` file of OpenVINO, its weights in a `.bin` beside it."""

    name = "openvino"

    def __init__(self, path: Path, options: EngineOptions) -> None:
        self.path = path
        model = _openvino_model(path, options)
        self.input_shape = require_fixed(
            path,
            [
                tuple(None if s.is_dynamic else s.get_length() for s in one.partial_shape)
                for one in model.inputs
            ],
        )
        self.takes_batches = model.inputs[0].partial_shape[0].is_dynamic
        self.input_dtype = np.dtype(model.inputs[0].element_type.to_dtype())
        self._names = [tuple(sorted(one.names)) for one in model.outputs]
        self._request = model.create_infer_request()

    def __call__(self, array: np.ndarray) -> list[Output]:
        """See `Graph`."""
        found = self._request.infer([array], share_inputs=True).values()
        return [Output(names, one) for names, one in zip(self._names, found, strict=True)]


def _openvino_model(path: Path, options: EngineOptions) -> Any:
    options.require_no("OpenVINO", "delegate")
    require_readable(path)
    require_readable(path.with_suffix(".bin"))
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
    _require_numbers(path, model)
    try:
        with stderr_held_back():
            return core.compile_model(model, device, settings)
    except RuntimeError as error:
        raise UserError(f"OpenVINO cannot run {path} on {device}; name another device") from error


def _require_numbers(path: Path, model: Any) -> None:
    """Show that no constant is NaN; outputs would not tell, as OpenVINO's ReLU makes 0 of it."""
    constants = [node for node in model.get_ops() if node.get_type_name() == "Constant"]
    if any(np.isnan(node.data).any() for node in constants if node.get_element_type().is_real()):
        raise UserError(f"{path}: its weights hold NaN: they are damaged")
