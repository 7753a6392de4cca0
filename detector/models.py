"""What stands behind `--model`: a preset's name, a folder, or a file; and what runs it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from configs.errors import UserError
from detector import artefact
from detector.artefact import DetectorSpec, LoadedModel
from detector.backend import start_keras
from detector.runtimes import SUFFIXES, Runtime, open_runtime
from detector.weights.download import cache_folder
from detector.weights.presets import PRESETS, load_preset, official_spec


class OpenModel(NamedTuple):
    """A detector that is ready to run.

    Attributes:
        runtime: runs the network.
        spec: describes it.
        file: what was read: the network's file, or a preset's folder in the cache.
    """

    runtime: Runtime
    spec: DetectorSpec
    file: Path


def open_model(model: str, runtime: str | None = None, threads: int | None = None) -> OpenModel:
    """Open a detector with the engine that fits: the one place where that is chosen.

    Args:
        model: as `load_model`, or a `.tflite` or `.onnx` file with its `detector.json` beside it.
        runtime: "keras", "tflite" or "onnx": which of a folder's networks to take. By default
            Keras; a file says itself what runs it.
        threads: of the engine; None for all cores that this process may use.

    Raises:
        UserError: there is no such model or runtime, or it is damaged.
    """
    if runtime not in (None, *artefact.FILES):
        raise UserError(f"unknown runtime {runtime!r}; use one of {', '.join(artefact.FILES)}")
    path, kind = Path(model), "preset" if model in PRESETS else _kind(model)
    if kind == "file" and path.suffix.lower() in SUFFIXES:
        return _open_file(path, runtime, threads)
    if runtime in (None, "keras") or kind is None:  # the latter to be refused there
        return _open_keras(model, threads)
    if kind != "folder":
        raise UserError(f"{model} runs in Keras alone; name a model folder that holds {runtime}")
    spec, file = artefact.read_spec(path), path / artefact.FILES[runtime]
    if not file.is_file():
        raise UserError(f"{path} holds no {file.name}; export the model, or name another runtime")
    return OpenModel(open_runtime(file, spec, threads), spec, file)


def _open_file(path: Path, runtime: str | None, threads: int | None) -> OpenModel:
    own = SUFFIXES[path.suffix.lower()]
    if runtime not in (None, own):
        raise UserError(f"{path} runs in {own}, not in {runtime}")
    if not artefact.is_artefact(path.parent):
        raise UserError(f"{path} has no {artefact.DESCRIPTION} beside it, which describes it")
    spec = artefact.read_spec(path.parent)
    return OpenModel(open_runtime(path, spec, threads), spec, path)


def _open_keras(model: str, threads: int | None) -> OpenModel:
    network, spec = load_model(model, threads)
    from detector.runtimes.keras_model import KerasRuntime

    file = cache_folder() / model if model in PRESETS else Path(model)
    if model not in PRESETS and file.is_dir():
        file = file / artefact.NETWORK
    return OpenModel(KerasRuntime(network), spec, file)


def load_model(model: str, threads: int | None = None) -> LoadedModel:
    """Load a detector as a Keras network.

    Args:
        model: a preset (`coco`), an artefact folder, or a `.npz` of the official model.
        threads: of Keras' backend; None leaves the choice to it.

    Raises:
        UserError: it is none of these, cannot be fetched, or is damaged.
    """
    if model in PRESETS:
        return load_preset(PRESETS[model], threads)
    path, kind = Path(model), _kind(model)
    if kind == "folder":
        artefact.read_spec(path)  # refuses another folder before Keras takes its seconds
        start_keras(threads)
        return artefact.load(path)
    if kind == "file" and path.suffix == ".npz":
        start_keras(threads)
        return _load_npz(path)
    if kind == "file" and path.suffix.lower() in SUFFIXES:
        raise UserError(f"{model} holds no Keras network; name the model it was exported from")
    what = "is not a model file this program reads" if kind == "file" else "is no model"
    known = ", ".join(PRESETS)
    raise UserError(
        f"{model!r} {what}; use a preset ({known}), a model folder, "
        "or a .tflite, .onnx or .npz file"
    )


def _kind(model: str) -> str | None:
    path = Path(model)
    try:  # Path("") would be the current folder
        return "folder" if model and path.is_dir() else "file" if path.is_file() else None
    except OSError:  # a name too long for the file system
        return None


def _load_npz(path: Path) -> LoadedModel:
    from detector.weights.npz import load_npz

    network, classes = load_npz(path)
    return LoadedModel(network, official_spec(path.stem, classes, source=path.name))
