"""Presets: published models by name, with their files, licence and metrics."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.schema import ModelConfig
from detector.artefact import DetectorSpec, LoadedModel
from detector.backend import start_keras
from detector.weights.download import NotFetchedError, RemoteFile, cache_folder, fetch

if TYPE_CHECKING:
    from detector.classes import ClassMap

_TFJS = "https://storage.googleapis.com/tfjs-models/savedmodel/ssdlite_mobilenet_v2/"
_TF = "https://download.tensorflow.org/models/object_detection/"
_INSTEAD = "or name a model that is on disk: shapes (built in), a model folder or a .npz"


@dataclass(frozen=True)
class Preset:
    """A published model: a form of the official SSDLite-MobileNetV2.

    Attributes:
        name: what `--model` calls it, and its folder in the cache.
        files: all that is fetched; the first is a `model.json` of TensorFlow.js, or the archive
            of a checkpoint.
        licence: of the weights.
        source: where they are described.
        metrics: as published, 0 ... 1; of images that it was not trained on.
    """

    name: str
    files: tuple[RemoteFile, ...]
    licence: str = "Apache-2.0 (TensorFlow models); trained on COCO (annotations CC BY 4.0)"
    source: str = (
        "https://github.com/tensorflow/models/blob/master/research/object_detection/"
        "g3doc/tf1_detection_zoo.md"
    )
    metrics: dict[str, float] = field(default_factory=lambda: {"AP": 0.22})  # "COCO mAP 22" there


PRESETS = {
    preset.name: preset
    for preset in (
        # 18 MB: the smallest official form, for detecting.
        Preset(
            "coco",
            (
                RemoteFile(
                    _TFJS + "model.json",
                    size=527_315,
                    sha256="3770b2528339b1e3340cb74360e1e40401816b009779aeb8d0cce3a4353ea3a9",
                ),
                # Of these the size is known; their digests are recorded on first download.
                *(RemoteFile(f"{_TFJS}group1-shard{i}of5", size=4_194_304) for i in range(1, 5)),
                RemoteFile(
                    _TFJS + "group1-shard5of5",
                    size=1_257_312,
                    sha256="3d356f1fb6dfca6af78c56db34d9326706d0196e303f9de6b04f236ca79ed309",
                ),
            ),
        ),
        # The only form whose batch norm is intact, for training on.
        Preset(
            "coco-checkpoint", (RemoteFile(_TF + "ssdlite_mobilenet_v2_coco_2018_05_09.tar.gz"),)
        ),
    )
}


def load_preset(preset: Preset, threads: int | None = None) -> LoadedModel:
    """Fetch a preset's files where the cache lacks them, and build its network.

    Args:
        preset: the model.
        threads: of Keras' backend; None leaves the choice to it.

    Raises:
        UserError: a file cannot be fetched, is not the one expected, or is damaged.
    """
    fetch_preset(preset)
    start_keras(threads)
    from detector.weights.tf_od_files import load_checkpoint_archive, load_tfjs_graph

    first = cache_folder() / preset.name / preset.files[0].name
    load = load_tfjs_graph if first.suffix == ".json" else load_checkpoint_archive
    network, classes = load(first)
    about = {"licence": preset.licence, "source": preset.source, "metrics": preset.metrics}
    return LoadedModel(network, official_spec(preset.name, classes, **about))


def fetch_preset(preset: Preset, instead: str = _INSTEAD) -> None:
    """Fetch a preset's files where the cache lacks them.

    Args:
        preset: the model.
        instead: what else the user can do where there is no network, for the message.

    Raises:
        UserError: a file cannot be fetched, or is not the one expected.
    """
    folder = cache_folder() / preset.name
    for remote in preset.files:
        try:
            fetch(remote, folder)
        except NotFetchedError as error:
            missing = ", ".join(one.name for one in missing_files(preset) if one != remote)
            also = f" (the model also needs {missing})" if missing else ""
            raise NotFetchedError(f"{error}{also}, {instead}") from error


def missing_files(preset: Preset) -> list[RemoteFile]:
    """Those of a preset's files that the cache lacks."""
    folder = cache_folder() / preset.name
    return [remote for remote in preset.files if not (folder / remote.name).exists()]


def exported_folder(name: str) -> Path:
    """Where a preset is kept in a faster format, once it was made, by the program's version."""
    return cache_folder() / "exported" / f"{name}-{importlib.metadata.version('ssdlite')}"


def official_spec(name: str, classes: ClassMap, **about: Any) -> DetectorSpec:
    """The description of the official model.

    Args:
        name: what to call it.
        classes: those that it holds.
        about: further fields of `DetectorSpec`: licence, source, metrics.
    """
    return DetectorSpec(
        name=name,
        model=ModelConfig(),  # as detector.weights.tf_od_api builds it
        class_names=classes.names,
        category_ids=classes.category_ids,
        **about,
    )
