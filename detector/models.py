"""What stands behind `--model`: a preset's name, an artefact folder, or a weights file."""

from pathlib import Path

from configs.errors import UserError
from configs.schema import ModelConfig
from detector import artefact
from detector.artefact import DetectorSpec, LoadedModel
from detector.backend import start_keras
from detector.weights.presets import PRESETS, load_preset


def load_model(model: str) -> LoadedModel:
    """Load a detector.

    Args:
        model: a preset (`coco`), an artefact folder, or a `.npz` of the official model.

    Raises:
        UserError: it is none of these, cannot be fetched, or is damaged.
    """
    if model in PRESETS:
        return load_preset(PRESETS[model])
    path = Path(model)
    kind = _kind(path)
    if kind == "folder":
        artefact.read_spec(path)  # refuses another folder before Keras takes its seconds
        start_keras()
        return artefact.load(path)
    if kind == "file" and path.suffix == ".npz":
        return _load_npz(path)
    what = "is not a model file this program reads" if kind == "file" else "is no model"
    known = ", ".join(PRESETS)
    raise UserError(f"{model!r} {what}; use a preset ({known}), a model folder or a .npz file")


def _kind(path: Path) -> str | None:
    try:
        return "folder" if path.name and path.is_dir() else "file" if path.is_file() else None
    except OSError:  # a name too long for the file system
        return None


def _load_npz(path: Path) -> LoadedModel:
    start_keras()
    from detector.weights.npz import load_npz

    network, classes = load_npz(path)
    spec = DetectorSpec(
        name=path.stem,
        model=ModelConfig(),
        class_names=classes.names,
        category_ids=classes.category_ids,
        source=path.name,
    )
    return LoadedModel(network, spec)
