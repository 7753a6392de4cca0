"""What runs a network: one small adapter per engine behind one protocol."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from configs.errors import UserError

if TYPE_CHECKING:
    from detector.artefact import DetectorSpec
    from detector.runtimes.graph import Graph

SUFFIXES = {".tflite": "tflite", ".onnx": "onnx"}
"""The engine of each kind of model file that runs without Keras."""


class Runtime(Protocol):
    """Runs a network on raw pixels.

    Attributes:
        name: of the engine: "keras", "tflite" or "onnx".
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


def open_runtime(path: Path, spec: DetectorSpec, threads: int | None = None) -> Runtime:
    """Open the `.tflite` or `.onnx` file of a detector.

    Args:
        path: the file.
        spec: describes the detector.
        threads: of the engine; None for all cores that this process may use.

    Raises:
        UserError: the file is damaged, or `spec` describes another network.
    """
    from detector.anchors import model_anchors
    from detector.runtimes.graph import GraphRuntime

    shapes = {
        "box_deltas": (len(model_anchors(spec.model)), 4),
        "class_logits": (len(model_anchors(spec.model)), len(spec.class_names) + 1),
    }
    return GraphRuntime(open_graph(path, threads), spec.model.input_size, shapes)


def open_graph(path: Path, threads: int | None = None) -> Graph:
    """Open any `.tflite` or `.onnx` file with one input of one picture.

    Args:
        path: the file.
        threads: of the engine; None for all cores that this process may use.

    Raises:
        UserError: it is missing, damaged or of another kind.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"{path} is no model file of this kind; need {' or '.join(SUFFIXES)}")
    if kind == "tflite":
        from detector.runtimes.tflite import TfliteGraph

        return TfliteGraph(path, threads or usable_cores())
    from detector.runtimes.onnx import OnnxGraph

    return OnnxGraph(path, threads or usable_cores())


def usable_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
