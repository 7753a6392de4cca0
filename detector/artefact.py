"""A detector on disk: a folder with `model.keras` and `detector.json`, which describes it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.errors import UserError
from configs.schema import ModelConfig, PostprocessConfig
from detector.anchors import model_anchors
from detector.classes import ClassMap

if TYPE_CHECKING:
    import keras

DESCRIPTION = "detector.json"
NETWORK = "model.keras"


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("keras", "numpy", "ssdlite")}


class DetectorSpec(BaseModel):
    """All that is needed to use a network, beside its weights; the content of `detector.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    name: str
    model: ModelConfig
    postprocess: PostprocessConfig = PostprocessConfig()
    resize: Literal["stretch-bilinear"] = "stretch-bilinear"  # detector.preprocess.resize
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    licence: str | None = None
    source: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)  # published or measured, 0 ... 1
    versions: dict[str, str] = Field(default_factory=_versions)

    @property
    def classes(self) -> ClassMap:
        """The class map."""
        return ClassMap(self.class_names, self.category_ids)


class LoadedModel(NamedTuple):
    """A network in memory with its description."""

    network: keras.Model
    spec: DetectorSpec


def is_artefact(path: Path) -> bool:
    """Whether `path` is a folder with a `detector.json`."""
    return (path / DESCRIPTION).is_file()


def save(folder: Path, network: keras.Model, spec: DetectorSpec) -> None:
    """Write an artefact; one that stands at `folder` is replaced, all or nothing.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    if folder.exists() and not is_artefact(folder) and any(folder.iterdir()):
        raise UserError(f"{folder} holds other files; name a new folder for the model")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_explained(folder))
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent)
            )
        )
        new, old = scratch / "new", scratch / "old"
        new.mkdir()
        network.save(new / NETWORK)
        (new / DESCRIPTION).write_text(spec.model_dump_json(indent=1), encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        shutil.move(new, folder)


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write model to {folder}: {error.strerror or error}") from error


def load(folder: Path) -> LoadedModel:
    """Read an artefact.

    Raises:
        UserError: a file is missing or damaged, or network and description do not belong together.
    """
    import keras

    spec = read_spec(folder)
    path = folder / NETWORK
    if not path.is_file():
        raise UserError(f"{folder} holds no {NETWORK}")
    try:
        network = cast("keras.Model", keras.saving.load_model(path, compile=False))
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise UserError(f"cannot read {path}: truncated or not a Keras model") from error
    _require_match(network, spec, folder)
    return LoadedModel(network, spec)


def read_spec(folder: Path) -> DetectorSpec:
    """Read `detector.json` alone.

    Raises:
        UserError: it is missing, damaged or of another schema version.
    """
    path = folder / DESCRIPTION
    try:
        return DetectorSpec.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise UserError(f"{folder} is no model: it holds no {DESCRIPTION}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise UserError(f"{path}: {place}: {first['msg']}") from error


def _require_match(network: keras.Model, spec: DetectorSpec, folder: Path) -> None:
    anchors = len(model_anchors(spec.model))
    wanted = {"box_deltas": (anchors, 4), "class_logits": (anchors, len(spec.class_names) + 1)}
    outputs = network.output if isinstance(network.output, dict) else {}
    found = {name: tuple(output.shape[1:]) for name, output in outputs.items()}
    if found != wanted:
        raise UserError(
            f"{folder}: {NETWORK} and {DESCRIPTION} do not belong together: "
            f"outputs are {found}, described are {wanted}"
        )
