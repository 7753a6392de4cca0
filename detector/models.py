"""Loads detectors by name or path (`--model`): presets, model folders and files, any runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from configs.errors import UserError
from configs.typed_form import command_name
from detector import artefact
from detector.artefact import DetectorSpec, LoadedModel
from detector.backend import start_keras
from detector.files import check_folder
from detector.runtimes import SUFFIXES, Runtime, open_runtime
from detector.runtimes.graph import EngineOptions, require_finite_outputs
from detector.weights.download import cache_folder
from detector.weights.presets import (
    PRESETS,
    exported_folder,
    fetch_preset,
    load_preset,
    missing_files,
    official_spec,
)

AUTO = "auto"
"""As a runtime: the fastest on this machine."""

BUILT_IN = {"shapes": Path(__file__).parent / "built_in" / "shapes"}
"""Model folders that come with the program, by name."""

T = TypeVar("T")


class FoundModel(NamedTuple):
    """A detector that is there; nothing of it is loaded but its description.

    Attributes:
        name: as asked for.
        kind: what it is.
        path: of the folder or the file; of a preset, of its folder in the cache.
        formats: of its network; several where the fastest is still to be found.
        spec: describes it; None where only its weights tell: of a preset and of a `.npz`.
    """

    name: str
    kind: Literal["preset", "folder", "file"]
    path: Path
    formats: tuple[str, ...] = ("keras",)
    spec: DetectorSpec | None = None

    def in_words(self) -> str:
        """Its name, and what would run or be fetched."""
        if self.kind == "preset":
            is_here = not missing_files(PRESETS[self.name])
            return f"{self.name} ({'in the cache' if is_here else 'to be downloaded'})"
        choice = "the fastest of " if len(self.formats) > 1 else ""
        return f"{self.name} ({choice}{', '.join(self.formats)})"


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
    opened = options or EngineOptions()
    return _at_one_moment(model, lambda: _open(model, runtime, opened))


def _open(model: str, runtime: str | None, options: EngineOptions) -> OpenModel:
    found = _find(model, runtime)
    if found.kind == "preset" and runtime == AUTO and (exported := _exported_preset(model)):
        found = _find(str(exported), AUTO)
    format_name, why = found.formats[0], ""
    if runtime == AUTO and found.kind == "folder" and found.spec:
        from detector.runtimes.fastest import choose

        format_name, why = choose(found.path, found.spec, options)
    if format_name == "keras":
        return _open_keras(found, options)._replace(why=_keras_alone() if runtime == AUTO else "")
    return _open_graph(found, format_name, options)._replace(why=why)


def find_model(model: str, runtime: str | None = None) -> FoundModel:
    """Find what `open_model` would open; no network is loaded, and nothing is fetched.

    Args:
        model: as `open_model`.
        runtime: as `open_model`.

    Raises:
        UserError: there is no such model or runtime, or its description is damaged.
    """
    return _at_one_moment(model, lambda: _find(model, runtime))


def _find(model: str, runtime: str | None) -> FoundModel:
    if runtime not in (None, AUTO, *artefact.FILES):
        raise UserError(f"unknown runtime {runtime!r}; use {AUTO} or {', '.join(artefact.FILES)}")
    path, kind = _locate(model)
    if kind == "file" and path.suffix.lower() in SUFFIXES:
        return _find_file(model, path, runtime)
    if kind == "folder":
        return _find_folder(model, path, runtime)
    if runtime not in (None, AUTO, "keras") and kind is not None:
        raise UserError(f"{model} runs in Keras alone; name a model folder that holds {runtime}")
    return _find_keras(model)


def find_keras_model(model: str) -> FoundModel:
    """Find what `load_model` would load; as `find_model`.

    Raises:
        UserError: there is no such model, it is none of Keras, or its description is damaged.
    """
    return _at_one_moment(model, lambda: _find_keras(model))


def _find_keras(model: str) -> FoundModel:
    path, kind = _locate(model)
    if kind == "preset":
        return FoundModel(model, kind, path)
    if kind == "folder":
        spec = artefact.read_spec(path)
        if "keras" not in artefact.formats(path):
            raise UserError(f"{path} holds no {artefact.NETWORK}")
        return FoundModel(model, kind, path, spec=spec)
    if kind == "file" and path.suffix == ".npz":
        return FoundModel(model, kind, path)
    if kind == "file" and path.suffix.lower() in SUFFIXES:
        raise UserError(f"{model} holds no Keras network; name the model it was exported from")
    what = "is not a model file this program reads" if kind == "file" else "is no model"
    known = ", ".join((*PRESETS, *BUILT_IN))
    raise UserError(
        f"{model!r} {what}; use a preset ({known}), a model folder, "
        "or a .tflite, .onnx, .xml or .npz file"
    )


def _exported_preset(preset: str) -> Path | None:
    """Its folder in a faster format, made if need be; None where the cache cannot be written to."""
    folder = exported_folder(preset)
    if not (artefact.is_artefact(folder) and artefact.formats(folder)):
        try:
            check_folder(folder)
        except UserError:
            return None
        fetch_preset(PRESETS[preset])  # before TensorFlow takes its seconds
        start_keras()
        from detector.exporting.export_preset import export_preset

        export_preset(preset, folder)
    return folder


def _find_file(model: str, path: Path, runtime: str | None) -> FoundModel:
    own = SUFFIXES[path.suffix.lower()]
    if runtime not in (None, AUTO) and not _engine(runtime) == own:
        raise UserError(f"{path} runs in {own}, not in {runtime}")
    if path.name in artefact.NMS_FILES.values():
        raise UserError(
            f"{path} has NMS inside, whose thresholds are fixed, and is for other programs; name "
            f"{path.name.replace('_nms', '')}, the file without"
        )
    if not artefact.is_artefact(path.parent):
        raise UserError(f"{path} has no {artefact.DESCRIPTION} beside it, which describes it")
    return FoundModel(model, "file", path, (own,), artefact.read_spec(path.parent))


def _find_folder(model: str, folder: Path, runtime: str | None) -> FoundModel:
    spec, present = artefact.read_spec(folder), artefact.formats(folder)
    if not present:
        raise UserError(f"{folder} holds no network, only its {artefact.DESCRIPTION}")
    if runtime not in (None, AUTO, *present):
        raise UserError(
            f"{folder} holds no {artefact.FILES[runtime]}; export the model, or name another "
            f"runtime: {', '.join(present)}"
        )
    able = [name for name in present if name != "keras"] or present
    formats = able if runtime == AUTO else [runtime or present[0]]
    return FoundModel(model, "folder", folder, tuple(formats), spec)


def _keras_alone() -> str:
    """Why Keras, where the fastest was asked for."""
    return f"there is no other format; {command_name('detector.export')} makes faster ones"


def _engine(format_name: str) -> str:
    """What runs a format."""
    return SUFFIXES.get(Path(artefact.FILES[format_name]).suffix, "keras")


def _open_graph(found: FoundModel, format_name: str, options: EngineOptions) -> OpenModel:
    assert found.spec, "graphs are described beside them"
    file = found.path / artefact.FILES[format_name] if found.kind == "folder" else found.path
    return OpenModel(open_runtime(file, found.spec, options), found.spec, file)


def _open_keras(found: FoundModel, options: EngineOptions) -> OpenModel:
    options.require_no("Keras", "device", "delegate")
    network, spec = _load(found, options.threads)
    from detector.runtimes.keras_model import KerasRuntime

    runtime = KerasRuntime(network)
    file = found.path / artefact.NETWORK if found.kind == "folder" else found.path
    for values in runtime.run(np.zeros((1, *network.input_shape[1:]), np.uint8)):
        require_finite_outputs(file, values)
    return OpenModel(runtime, spec, file)


def load_model(model: str, threads: int | None = None) -> LoadedModel:
    """Load a detector as a Keras network.

    Args:
        model: a preset (`coco`), an artefact folder, or a `.npz` of the official model.
        threads: of Keras' backend; None leaves the choice to it.

    Raises:
        UserError: it is none of these, cannot be fetched, or is damaged.
    """
    return _at_one_moment(model, lambda: _load(_find_keras(model), threads))


def _load(found: FoundModel, threads: int | None) -> LoadedModel:
    if found.kind == "preset":
        return load_preset(PRESETS[found.name], threads)
    start_keras(threads)
    return artefact.load(found.path) if found.kind == "folder" else _load_npz(found.path)


def _at_one_moment(model: str, read: Callable[[], T]) -> T:
    """As `artefact.at_one_moment`, of the folder that a model is, or lies in."""
    path, kind = _locate(model)
    return artefact.at_one_moment(path.parent if kind == "file" else path, read)


def _locate(model: str) -> tuple[Path, Literal["preset", "folder", "file"] | None]:
    """Where a model is, and what is there."""
    if model in PRESETS:
        return cache_folder() / model, "preset"
    path = BUILT_IN.get(model, Path(model))
    try:  # Path("") would be the current folder
        return path, "folder" if model and path.is_dir() else "file" if path.is_file() else None
    except OSError:  # a name too long for the file system
        return path, None


def _load_npz(path: Path) -> LoadedModel:
    from detector.weights.tf_od_files import load_npz

    network, classes = load_npz(path)
    return LoadedModel(network, official_spec(path.stem, classes, source=path.name))
