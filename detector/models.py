"""What stands behind `--model`: a preset's name, an artefact folder, or a weights file."""

from pathlib import Path

from configs.errors import UserError
from detector import artefact
from detector.artefact import LoadedModel
from detector.backend import start_keras
from detector.weights.presets import PRESETS, load_preset, official_spec


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
    kind = _kind(path) if model else None  # Path("") would be the current folder
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
        return "folder" if path.is_dir() else "file" if path.is_file() else None
    except OSError:  # a name too long for the file system
        return None


def _load_npz(path: Path) -> LoadedModel:
    start_keras()
    from detector.weights.npz import load_npz

    network, classes = load_npz(path)
    return LoadedModel(network, official_spec(path.stem, classes, source=path.name))
