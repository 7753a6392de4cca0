"""Saved classifiers: a folder with `classifier.keras` and `classifier.json`, or ImageNet's.

The layers bear the names of `detector.backbones`, so that a detector can start from the backbone.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.errors import UserError
from detector.artefact import require_finite_weights
from detector.digests import digest_of, require_undamaged
from detector.files import atomic_folder, reason
from training.classifier.class_metrics import Figures

if TYPE_CHECKING:
    import keras

DESCRIPTION = "classifier.json"
NETWORK = "classifier.keras"
IMAGENET = "imagenet"


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("keras", "numpy", "ssdlite")}


class ClassifierSpec(BaseModel):
    """What a classifier is; the content of `classifier.json`.

    Names need not be unique: ImageNet has two kinds of crane.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    classes: tuple[str, ...] = Field(min_length=1)
    network: Literal["mobilenet_v1", "mobilenet_v2"]
    width: float = Field(gt=0)
    resolution: int = Field(gt=0)  # px
    resize: Literal["stretch-bilinear"] = "stretch-bilinear"  # detector.preprocess.resize
    metrics: Figures | None = None  # of the images held out
    recipe: dict[str, int | float | bool | str] = Field(default_factory=dict)
    # SHA-256 of the network beside it, by file; left out where it is not known
    digests: dict[str, str] = Field(default_factory=dict, exclude_if=lambda digests: not digests)
    versions: dict[str, str] = Field(default_factory=_versions)


class Classifier(NamedTuple):
    """A network in memory with its description."""

    network: keras.Model
    spec: ClassifierSpec


def probabilities(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Of uint8 `(N, S, S, 3)`, RGB: float32 `(N, C)`."""
    return np.concatenate(
        [network.predict_on_batch(images[i : i + 128]) for i in range(0, len(images), 128)]
    )


def save_run(folder: Path, network: keras.Model, spec: ClassifierSpec) -> None:
    """Write a run folder, which appears whole or not at all; no state of an optimizer is saved.

    Raises:
        UserError: the folder cannot be written.
    """
    import keras

    bare = keras.Model(network.inputs, network.outputs, name=network.name)
    with atomic_folder(folder) as new:
        bare.save(new / NETWORK)
        described = spec.model_copy(update={"digests": {NETWORK: digest_of(new / NETWORK)}})
        (new / DESCRIPTION).write_text(described.model_dump_json(indent=1), encoding="utf-8")


def open_classifier(model: str) -> Classifier:
    """Load a run folder, or `imagenet`.

    Raises:
        UserError: there is no such model, it is damaged, or it cannot be downloaded.
    """
    return _imagenet() if model == IMAGENET else load_run(Path(model))


def load_run(folder: Path) -> Classifier:
    """Read a run folder.

    Raises:
        UserError: a file is missing or damaged, or the two do not belong together.
    """
    import keras

    spec, path = read_spec(folder), folder / NETWORK
    require_undamaged(path, spec.digests, DESCRIPTION)
    try:
        network = cast("keras.Model", keras.saving.load_model(path, compile=False))
    except Exception as error:  # whatever a damaged archive makes Keras raise
        raise UserError(f"cannot read {path}: damaged or not a Keras model") from error
    shapes = (getattr(network, "input_shape", None), getattr(network, "output_shape", None))
    wanted = ((None, spec.resolution, spec.resolution, 3), (None, len(spec.classes)))
    if shapes != wanted:
        raise UserError(
            f"{folder}: {NETWORK} and {DESCRIPTION} do not belong together: "
            f"shapes are {shapes}, described are {wanted}"
        )
    require_finite_weights(network, path)
    return Classifier(network, spec)


def read_spec(folder: Path) -> ClassifierSpec:
    """Read `classifier.json` alone.

    Raises:
        UserError: it is missing or damaged, or there is no network beside it.
    """
    path = folder / DESCRIPTION
    try:
        spec = ClassifierSpec.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{folder} is no classifier: it holds no {DESCRIPTION}") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason(error)}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise UserError(f"{path}: {place}: {first['msg']}") from error
    if not (folder / NETWORK).is_file():
        raise UserError(f"{folder} holds no {NETWORK}")
    return spec


def _imagenet() -> Classifier:
    """MobileNetV2 with the weights and class names that `keras.applications` downloads."""
    import keras

    from detector.backbones import build_classifier

    applications = keras.applications.mobilenet_v2
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # Keras' word on downloads
            donor = applications.MobileNetV2(weights="imagenet")
            decoded = applications.decode_predictions(np.eye(1000, dtype=np.float32), top=1)
    # Keras raises a bare Exception where there is no network, and h5py its own on damage.
    except Exception as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"cannot have ImageNet's weights and class names: {said}; run once with a network, "
            "or copy ~/.keras/models from a machine that has them"
        ) from error
    network = build_classifier("mobilenet_v2", 1000)
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(donor.get_layer(layer.name).get_weights())
    names = tuple(name for ((_, name, _),) in decoded)
    spec = ClassifierSpec(classes=names, network="mobilenet_v2", width=1.0, resolution=224)
    return Classifier(network, spec)
