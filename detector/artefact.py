"""A detector on disk: a folder with the network and `detector.json`, which describes it.

The network is `model.keras`, or in the formats of `FILES` to which it was exported.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from configs.errors import UserError
from configs.schema import ModelConfig, PostprocessConfig
from detector.anchors import model_anchors
from detector.classes import ClassChoice, ClassMap
from detector.digests import digest_of, require_undamaged
from detector.files import atomic_folder, reason

if TYPE_CHECKING:
    import keras

DESCRIPTION = "detector.json"
NETWORK = "model.keras"
FILES = {
    "keras": NETWORK,
    "tflite": "model.tflite",
    "onnx": "model.onnx",
    "openvino": "model.xml",
    "tflite-f16": "model_f16.tflite",
    "tflite-int8": "model_int8.tflite",
}
"""The network's file in each format that something here runs; the exact ones come first."""

NMS_FILES = {
    name: f"{Path(file).stem}_nms{Path(file).suffix}"
    for name, file in FILES.items()
    if file.endswith((".tflite", ".onnx"))
}
"""The file with post-processing inside, in each format that has one."""

SAVED_MODEL = "saved_model"
"""TensorFlow's own format, and its folder: for servers; nothing here runs it."""

EXPORTS = (*(name for name in FILES if name != "keras"), SAVED_MODEL)
"""What a detector can be exported to."""

_TRIES = 20  # to read a folder that is being replaced
T = TypeVar("T")


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("keras", "numpy", "ssdlite")}


class Export(BaseModel):
    """What is known of a network in another format, beside the one it was made from.

    The fields are those of `detector.exporting.parity.Parity`, and what the gate said of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    operations: int  # in its graph
    # of the comparison; detector.json keeps the name of version 0.1
    images: int = Field(
        validation_alias=AliasChoices("pictures", "images"), serialization_alias="pictures"
    )
    box_deltas: tuple[float, float]  # largest and mean difference
    class_logits: tuple[float, float]  # likewise
    matched: float | None  # share of the detections, 0 ... 1; None where neither found anything
    ap: tuple[float, float] | None = None  # of the original, and of this
    accepted_loss: bool = False  # over the limit, and exported all the same
    # likewise of the file with NMS inside; left out where it is not, as `class_choice`
    accepted_nms_loss: bool = Field(default=False, exclude_if=lambda is_lossy: not is_lossy)


class TrainingSizes(BaseModel):
    """How large the objects of the training images are, which says how to cut large images.

    Sides are those of a square of the same area; crowds and difficult objects do not count.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    image_width: int = Field(ge=1)  # px, the median
    image_height: int = Field(ge=1)  # likewise
    object_px: float = Field(gt=0)  # side of the median object
    object_share: float = Field(gt=0, le=1)  # likewise, of the image's side
    large_object_px: float = Field(gt=0)  # longer side that nine of ten objects do not exceed
    tile: int | None = Field(None, ge=1)  # px, side of the tiles that the images were cut into


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
    training_objects: dict[str, int] | None = None  # of each class, by name
    # of the training data; left out where it was used as it is, for programs that know no such key
    class_choice: ClassChoice = Field(ClassChoice(), exclude_if=lambda choice: not choice)
    # likewise where it is not known
    training_sizes: TrainingSizes | None = Field(None, exclude_if=lambda sizes: sizes is None)
    exports: dict[str, Export] = Field(default_factory=dict)  # by format
    # SHA-256 of the networks beside it, by file; one that is not named here is not compared
    digests: dict[str, str] = Field(default_factory=dict, exclude_if=lambda digests: not digests)
    versions: dict[str, str] = Field(default_factory=_versions)

    @property
    def classes(self) -> ClassMap:
        """The class map."""
        return ClassMap(self.class_names, self.category_ids)

    @property
    def output_shapes(self) -> dict[str, tuple[int, int]]:
        """The shapes of the network's outputs, without the batch, by name."""
        anchors = len(model_anchors(self.model))
        return {"box_deltas": (anchors, 4), "class_logits": (anchors, len(self.class_names) + 1)}

    @model_validator(mode="after")
    def _classes_make_a_map(self) -> DetectorSpec:
        if len(self.class_names) != len(self.category_ids):
            raise ValueError("class_names and category_ids differ in length")
        assert self.classes  # raises where a name or an id stands twice
        return self


class LoadedModel(NamedTuple):
    """A network in memory with its description, which has no digests: those are of files."""

    network: keras.Model
    spec: DetectorSpec


def is_artefact(path: Path) -> bool:
    """Whether `path` is a folder with a `detector.json`."""
    return (path / DESCRIPTION).is_file()


def formats(folder: Path) -> list[str]:
    """The formats in which a folder holds the network, in the order of `FILES`."""
    return [name for name, file in FILES.items() if (folder / file).is_file()]


def other_files(folder: Path) -> list[str]:
    """Names of what a model's folder holds beside the model itself, such as its exports, sorted."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted({one.name for one in found} - {NETWORK, DESCRIPTION})


def save(folder: Path, network: keras.Model, spec: DetectorSpec) -> None:
    """Write an artefact; one that stands at `folder` is replaced, all or nothing.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    if folder.is_file():
        raise UserError(f"cannot write {folder}: it is a file; name a folder")
    if folder.exists() and not is_artefact(folder) and any(folder.iterdir()):
        raise UserError(f"{folder} holds other files; name a new folder for the model")
    with atomic_folder(folder) as new:
        network.save(new / NETWORK)
        described = spec.model_copy(update={"digests": {NETWORK: digest_of(new / NETWORK)}})
        (new / DESCRIPTION).write_text(described.model_dump_json(indent=1), encoding="utf-8")


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
    require_undamaged(path, spec.digests, DESCRIPTION)
    try:
        network = cast("keras.Model", keras.saving.load_model(path, compile=False))
    except Exception as error:  # whatever a damaged archive makes Keras raise
        raise UserError(f"cannot read {path}: damaged or not a Keras model") from error
    _require_match(network, spec, folder)
    require_finite_weights(network, path)
    return LoadedModel(network, spec.model_copy(update={"digests": {}}))


def require_finite_weights(network: keras.Model, path: Path) -> None:
    """Show that no weight of a network is NaN or infinite.

    Args:
        network: as loaded.
        path: of its file, for the message.

    Raises:
        UserError: one is, which the message names.
    """
    import keras

    for weight in network.weights:
        values: Any = keras.ops.convert_to_numpy(weight)
        if not np.isfinite(values).all():
            raise UserError(
                f"{path}: weight {weight.path} holds NaN or infinity; it is damaged, or of a "
                "training that diverged"
            )


def at_one_moment(folder: Path, read: Callable[[], T]) -> T:
    """What is read of a model folder that may be replaced meanwhile, as `best/` of a run is.

    What `read` gave, or why it failed, counts only if the description was the same before and
    afterwards; else some of it may be of the model before, and it is read again.

    Args:
        folder: of the model; without a description nothing is compared.
        read: reads description and network.

    Raises:
        UserError: of `read`, or the folder was replaced again and again.
    """
    for _ in range(_TRIES):
        before = _described(folder)
        try:
            result = read()
        except UserError:
            if _described(folder) == before:
                raise
            continue
        if _described(folder) == before:
            return result
    raise UserError(f"{folder} is replaced faster than it can be read; try again later")


def _described(folder: Path) -> bytes | None:
    try:
        return (folder / DESCRIPTION).read_bytes()
    except (OSError, ValueError):  # the latter of a name that can be none
        return None


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
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason(error)}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise UserError(f"{path}: {place}: {first['msg']}") from error


def _require_match(network: keras.Model, spec: DetectorSpec, folder: Path) -> None:
    from detector.network import head_of

    if (head := head_of(network)) != spec.model.head:
        raise UserError(
            f"{folder}: {NETWORK} and {DESCRIPTION} do not belong together: "
            f"the head is {head}, described is {spec.model.head}"
        )
    wanted = spec.output_shapes
    outputs = getattr(network, "output", None)  # a network that was never called has none
    named = outputs if isinstance(outputs, dict) else {}
    found = {name: tuple(output.shape[1:]) for name, output in named.items()}
    if found != wanted:
        raise UserError(
            f"{folder}: {NETWORK} and {DESCRIPTION} do not belong together: "
            f"outputs are {found}, described are {wanted}"
        )
