"""LiteRT as a runtime for `.tflite` files, without TensorFlow."""

import ctypes
import threading
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


class TfliteGraph:
    """An open `.tflite` file (`detector.runtimes.graph.Graph`).

    Args:
        path: the file.
        options: of the engine.

    Raises:
        UserError: it is missing, damaged, asks for operations that LiteRT lacks, or has not one
            input of one image; or the engine is not installed, or the delegate does not load.
    """

    name = "tflite"

    def __init__(self, path: Path, options: EngineOptions) -> None:
        self.path = path
        self._interpreter = _open(path, options)
        inputs: list[dict[str, Any]] = self._interpreter.get_input_details()
        self.input_shape = require_fixed(path, [_signature(tensor) for tensor in inputs])
        self.input_dtype = np.dtype(inputs[0]["dtype"])
        self._input = inputs[0]["index"]
        self._outputs = _named_outputs(self._interpreter)
        # The interpreter keeps its arrays between setting, running and getting.
        self._lock = threading.Lock()

    def __call__(self, array: np.ndarray) -> list[Output]:
        """See `detector.runtimes.graph.Graph`."""
        with self._lock:
            self._interpreter.set_tensor(self._input, array)
            self._interpreter.invoke()
            return [
                Output(names, _real(self._interpreter.get_tensor(tensor["index"]), tensor))
                for names, tensor in self._outputs
            ]


def _open(path: Path, options: EngineOptions) -> Any:
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


def _signature(tensor: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(side if side >= 0 else None for side in tensor["shape_signature"].tolist())


def _named_outputs(interpreter: Any) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
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
