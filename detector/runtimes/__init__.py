"""Inference runtimes: one adapter per engine (LiteRT, ONNX Runtime, OpenVINO) and one protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from configs.errors import UserError
from detector.artefact import DESCRIPTION
from detector.digests import require_undamaged
from detector.runtimes.engines import OnnxGraph, OpenvinoGraph, TfliteGraph
from detector.runtimes.graph import EngineOptions, Graph, GraphRuntime

if TYPE_CHECKING:
    from detector.artefact import DetectorSpec

SUFFIXES = {".tflite": "tflite", ".onnx": "onnx", ".xml": "openvino"}
"""The engine of each kind of model file that runs without Keras."""
_GRAPHS = {graph.name: graph for graph in (TfliteGraph, OnnxGraph, OpenvinoGraph)}


class Runtime(Protocol):
    """Runs a network on raw pixels.

    Attributes:
        name: of the engine: "keras", "tflite", "onnx" or "openvino".
    """

    name: str

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raw outputs.

        Args:
            images: uint8 `(B, S, S, 3)`, RGB, already resized.

        Returns:
            `box_deltas` float32 `(B, A, 4)` and `class_logits` float32 `(B, A, C + 1)`; the
            caller's own to keep.
        """
        ...


def open_runtime(
    path: Path, spec: DetectorSpec, options: EngineOptions | None = None
) -> GraphRuntime:
    """Open a detector's network in a file.

    Args:
        path: a `.tflite`, `.onnx` or OpenVINO `.xml` file.
        spec: describes the detector.
        options: of the engine.

    Raises:
        UserError: the file is damaged, the engine is not installed, or `spec` describes another
            network.
    """
    require_undamaged(path, spec.digests, DESCRIPTION)
    return GraphRuntime(open_graph(path, options), spec.model.input_size, spec.output_shapes)


def open_graph(path: Path, options: EngineOptions | None = None) -> Graph:
    """Open any model file with one input of one image.

    Args:
        path: a `.tflite`, `.onnx` or OpenVINO `.xml` file.
        options: of the engine.

    Raises:
        UserError: it is missing, damaged or of another kind, or its engine is not installed.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"{path} is no model file of this kind; need {' or '.join(SUFFIXES)}")
    return _GRAPHS[kind](path, options or EngineOptions())
