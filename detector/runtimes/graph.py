"""Model files as functions of one array (`Graph`), and the detector's runtime over such a graph.

Engines differ in how a file is opened and called; which output is which, what the pixels become
and whether file and description belong together is the same for all, and stands here.
"""

from __future__ import annotations

import abc
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from configs.errors import UserError
from detector.backend import stderr_held_back
from detector.files import reason
from detector.hardware import usable_cores


@dataclass(frozen=True)
class EngineOptions:
    """How an engine is to run; each takes what it knows, and refuses the rest.

    Attributes:
        threads: None for all cores that this process may use.
        device: None for the CPU. Of OpenVINO: GPU, NPU, AUTO ...; of ONNX Runtime: an execution
            provider without its ending, such as CUDA, CoreML or Dml.
        delegate: of LiteRT, a shared library that takes over what it can.
    """

    threads: int | None = None
    device: str | None = None
    delegate: Path | None = None

    @property
    def cores(self) -> int:
        """Threads, as a number."""
        return self.threads or usable_cores()

    def require_no(self, engine: str, *names: str) -> None:
        """Refuse options that an engine has no use for.

        Raises:
            UserError: one of these is set.
        """
        for name in names:
            if getattr(self, name) is not None:
                raise UserError(f"{engine} takes no {name}; leave it out")


def import_engine(module: str, package: str) -> Any:
    """Import an engine's package, quietly.

    Raises:
        UserError: it is not installed.
    """
    try:
        with stderr_held_back():  # some look for GPUs, and say so where there is none
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UserError(f"{package} is not installed: pip install {package}") from error


class Output(NamedTuple):
    """One result of a graph.

    Attributes:
        names: all that the file calls it.
        values: the array, the caller's own; float32 where the file holds scaled integers.
    """

    names: tuple[str, ...]
    values: np.ndarray


class Graph(abc.ABC):
    """An open model file.

    Args:
        path: the file.
        options: of the engine.

    Attributes:
        name: of the engine.
        path: the file.
        input_shape: of its one input, with a free batch as 1.
        input_dtype: likewise.
        takes_batches: whether it runs several images at once.

    Raises:
        UserError: it is missing, damaged, asks for operations that the engine lacks, or has not
            one input of one image; or the engine is not installed, or lacks the device.
    """

    name: str
    path: Path
    input_shape: tuple[int, ...]
    input_dtype: np.dtype
    takes_batches: bool = False

    @abc.abstractmethod
    def __call__(self, array: np.ndarray) -> list[Output]:
        """Run it on an array of the shape and dtype of the input, or of several images so."""


def require_readable(path: Path) -> None:
    """Say what the file system says of a file, before an engine calls it damaged.

    Raises:
        UserError: it is missing or cannot be opened.
    """
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason(error)}") from error


def require_finite_outputs(path: Path, values: np.ndarray) -> None:
    """Show that a network computes numbers.

    Args:
        path: of its file, for the message.
        values: one of its outputs.

    Raises:
        UserError: some are NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise UserError(f"{path}: its outputs are not finite: its weights are damaged")


def require_fixed(path: Path, shapes: list[tuple[int | None, ...]]) -> tuple[int, ...]:
    """The shape of a graph's one input; None stands for a free side.

    Raises:
        UserError: there is another number of inputs, it takes several images at once, or a
            side other than the batch is free.
    """
    if len(shapes) != 1:
        raise UserError(f"{path} has {len(shapes)} inputs; need one, the image")
    batch, *rest = shapes[0] or (None,)
    sides = [side for side in rest if side is not None]
    if batch not in (1, None):
        raise UserError(f"{path} takes {batch} images at once; export it with a batch of 1")
    if len(sides) < len(rest):
        raise UserError(f"{path} has an input of no fixed size; export it with one")
    return (1, *sides)


class GraphRuntime:
    """A detector in a model file, run image by image unless that takes batches (`Runtime`).

    Args:
        graph: the open file.
        input_size: S, px.
        shapes: of each output, without the batch, as the description has them.

    Raises:
        UserError: the file's input or outputs are others.
    """

    def __init__(
        self, graph: Graph, input_size: int, shapes: Mapping[str, tuple[int, ...]]
    ) -> None:
        self.name = graph.name
        self._graph, path = graph, graph.path
        image = (1, input_size, input_size, 3)
        if graph.input_shape != image or graph.input_dtype not in (np.uint8, np.float32):
            raise UserError(
                f"{path}: needs uint8 or float32 {image} as input, "
                f"has {graph.input_dtype} {graph.input_shape}"
            )
        outputs = graph(np.zeros(image, graph.input_dtype))  # slow the first time: have it now
        self._places = _places(path, outputs, shapes)
        for values in (outputs[place].values for place in self._places):
            if values.dtype.kind != "f":
                raise UserError(f"{path}: its outputs are integers without a scale; export it anew")
            require_finite_outputs(path, values)

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `detector.runtimes.Runtime`."""
        batches = [images] if self._graph.takes_batches else np.split(images, len(images))
        deltas, logits = zip(*map(self._run_once, batches), strict=True)
        return np.concatenate(deltas), np.concatenate(logits)

    def _run_once(self, images: np.ndarray) -> list[np.ndarray]:
        outputs = self._graph(images.astype(self._graph.input_dtype, copy=False))
        return [outputs[place].values.astype(np.float32, copy=False) for place in self._places]


def _places(path: Path, outputs: list[Output], shapes: Mapping[str, tuple[int, ...]]) -> list[int]:
    """Where each output stands in the file's list: by name, or where names say nothing by shape.

    The name may be a part of a longer one (`StatefulCall/box_deltas:0`).
    """
    found = [output.values.shape for output in outputs]
    by_name = {
        name: [i for i, one in enumerate(outputs) if any(name in given for given in one.names)]
        for name in shapes
    }
    by_shape = {
        name: [place for place, shape in enumerate(found) if shape == (1, *wanted)]
        for name, wanted in shapes.items()
    }
    chosen = by_name if all(by_name.values()) else by_shape
    if any(len(places) > 1 for places in chosen.values()):
        raise UserError(f"{path}: cannot tell its outputs apart; name them {' and '.join(shapes)}")
    places = [place for name in shapes for place in chosen[name] if place in by_shape[name]]
    if len(set(places)) < len(shapes):
        wanted = {name: (1, *shape) for name, shape in shapes.items()}
        raise UserError(
            f"{path} and its description do not belong together: "
            f"outputs are {found}, described are {wanted}"
        )
    return places
