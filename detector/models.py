"""What stands behind `--model`: a preset's name, a folder, or a file; and what runs it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from configs.errors import UserError
from detector import artefact
from detector.artefact import DetectorSpec, LoadedModel
from detector.backend import start_keras
from detector.files import check_folder
from detector.runtimes import SUFFIXES, Runtime, open_runtime
from detector.runtimes.graph import EngineOptions
from detector.weights.download import cache_folder
from detector.weights.presets import PRESETS, exported_folder, load_preset, official_spec

AUTO = "auto"
"""As a runtime: the fastest on this machine."""


KERAS_ALONE = "there is no other format; python -m detector.export makes faster ones"
"""Why Keras, where the fastest was asked for."""


class OpenModel(NamedTuple):
    """A detector that is ready to run.

    Attributes:
        runtime: runs the network.
        spec: describes it.
        file: what was read: the network's file, or a preset's folder in the cache.
        why: that network, in words, where it was chosen for its speed; "" otherwise.
    """

    runtime: Runtime
    spec: DetectorSpec
    file: Path
    why: str = ""


def open_model(
    model: str, runtime: str | None = None, options: EngineOptions | None = None
) -> OpenModel:
    """Open a detector with the engine that fits: the one place where that is chosen.

    Args:
        model: as `load_model`, or a `.tflite`, `.onnx` or OpenVINO `.xml` file with its
            `detector.json` beside it.
        runtime: which of a folder's networks to take, by its format (`artefact.FILES`), or
            `AUTO`, the fastest on this machine (`detector.runtimes.fastest`). None for Keras, or
            for the first format that the folder has. A file says itself what runs it.
        options: of the engine.

    Raises:
        UserError: there is no such model or runtime, or it is damaged.
    """
    if runtime not in (None, AUTO, *artefact.FILES):
        raise UserError(f"unknown runtime {runtime!r}; use {AUTO} or {', '.join(artefact.FILES)}")
    options, path = options or EngineOptions(), Path(model)
    kind = "preset" if model in PRESETS else _kind(model)
    if kind == "file" and path.suffix.lower() in SUFFIXES:
        return _open_file(path, runtime, options)
    if kind == "folder":
        return _open_folder(path, runtime, options)
    if kind == "preset" and runtime == AUTO and (exported := _exported_preset(model)):
        return _open_folder(exported, AUTO, options)
    if runtime not in (None, AUTO, "keras") and kind is not None:
        raise UserError(f"{model} runs in Keras alone; name a model folder that holds {runtime}")
    opened = _open_keras(model, options)
    return opened._replace(why=KERAS_ALONE) if runtime == AUTO else opened


def _exported_preset(preset: str) -> Path | None:
    """Its folder in a faster format, made if need be; None where the cache cannot be written to."""
    folder = exported_folder(preset)
    if not artefact.is_artefact(folder):
        try:
            check_folder(folder)
        except UserError:
            return None
        from detector.exporting.presets import export_preset  # loads TensorFlow

        export_preset(preset, folder)
    return folder


def _open_file(path: Path, runtime: str | None, options: EngineOptions) -> OpenModel:
    own = SUFFIXES[path.suffix.lower()]
    if runtime not in (None, AUTO) and not _engine(runtime) == own:
        raise UserError(f"{path} runs in {own}, not in {runtime}")
    if not artefact.is_artefact(path.parent):
        raise UserError(f"{path} has no {artefact.DESCRIPTION} beside it, which describes it")
    spec = artefact.read_spec(path.parent)
    return OpenModel(open_runtime(path, spec, options), spec, path)


def _open_folder(folder: Path, runtime: str | None, options: EngineOptions) -> OpenModel:
    spec = artefact.read_spec(folder)
    if runtime == AUTO:
        from detector.runtimes.fastest import choose

        choice = choose(folder, spec, options)
        opened = _open_folder(folder, choice.format, options)
        return opened._replace(why=KERAS_ALONE if choice.format == "keras" else choice.why)
    present = artefact.formats(folder)
    if not present:
        raise UserError(f"{folder} holds no network, only its {artefact.DESCRIPTION}")
    runtime = runtime or present[0]
    if runtime not in present:
        raise UserError(
            f"{folder} holds no {artefact.FILES[runtime]}; export the model, or name another "
            f"runtime: {', '.join(present)}"
        )
    if runtime == "keras":
        return _open_keras(str(folder), options)
    file = folder / artefact.FILES[runtime]
    return OpenModel(open_runtime(file, spec, options), spec, file)


def _engine(format_name: str) -> str:
    """What runs a format."""
    return SUFFIXES.get(Path(artefact.FILES[format_name]).suffix, "keras")


def _open_keras(model: str, options: EngineOptions) -> OpenModel:
    options.require_no("Keras", "device", "delegate")
    network, spec = load_model(model, options.threads)
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
        "or a .tflite, .onnx, .xml or .npz file"
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
