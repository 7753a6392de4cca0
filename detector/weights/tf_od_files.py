"""Readers of the official SSDLite's weight files: TF1 checkpoint, TensorFlow.js graph, `.npz`.

They differ in how batch norm is stored; `detector.weights.tf_od_api` builds the model.

    checkpoint      intact: weights, BatchNorm/{gamma,beta,moving_mean,moving_variance}, biases
    TensorFlow.js   folded into the full convolutions of the feature extractor (`merged_input`), a
                    multiplication and an addition behind its depthwise ones, intact in the heads
    npz             folded throughout: kernel, bias
"""

import gzip
import json
import math
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import keras
import numpy as np

from configs.errors import UserError
from detector.classes import COCO_CATEGORY_IDS, ClassMap
from detector.files import reason
from detector.weights.tf_od_api import BACKGROUND_ID, TfUnit, build_official, folded_norm
from detector.weights.variables import Variables

_CHANNEL_IDS = tuple(range(91))  # of class channels: background and COCO's 90 numbers
_NETWORK_SCOPES = ("FeatureExtractor/", "BoxPredictor_")

# ---- TF1 checkpoint: the only form with its batch norm intact

_CHECKPOINT_FILES = {"model.ckpt.index", "model.ckpt.data-00000-of-00001"}
# What a training run saves beside the weights.
_OPTIMISER_SLOTS = ("/RMSProp", "/RMSProp_1", "/Momentum", "/ExponentialMovingAverage")
_BYTES = 1 << 16  # read at once


def load_checkpoint_archive(archive: Path) -> tuple[keras.Model, ClassMap]:
    """Build the official model from the `.tar.gz` in which its checkpoint is published.

    Raises:
        UserError: as `extract_checkpoint` and `load_checkpoint`.
    """
    with tempfile.TemporaryDirectory() as scratch:  # the cache may be shared and read-only
        extract_checkpoint(archive, Path(scratch))
        return load_checkpoint(Path(scratch) / "model.ckpt")


def extract_checkpoint(archive: Path, folder: Path) -> None:
    """Take the two files of a checkpoint out of an archive that is not trusted.

    Args:
        archive: the `.tar.gz` file; it is read to its end, so that damage anywhere is noticed.
        folder: gets the files by their base names; no path or link in the archive is followed.

    Raises:
        UserError: the archive is missing, damaged or none, or does not hold each file once, as a
            regular file; or the folder cannot be written to.
    """
    missing = set(_CHECKPOINT_FILES)
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                name = PurePosixPath(member.name).name
                if name not in _CHECKPOINT_FILES:
                    continue
                source = tar.extractfile(member) if member.isreg() else None
                if source is None:
                    raise UserError(f"{archive}: {member.name!r} is not a regular file")
                if name not in missing:
                    raise UserError(f"{archive} holds more than one {name}")
                missing.remove(name)
                with (folder / name).open("wb") as sink:
                    shutil.copyfileobj(source, sink)
            while stream.read(_BYTES):  # damage at the end shows only when it is read
                pass
    except (gzip.BadGzipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError(f"{archive} is damaged or no .tar.gz archive: {error}") from error
    except OSError as error:
        raise UserError(f"cannot unpack {archive} to {folder}: {reason(error)}") from error
    if missing:
        raise UserError(f"{archive} holds no {', '.join(sorted(missing))}")


def load_checkpoint(prefix: Path) -> tuple[keras.Model, ClassMap]:
    """Build the official model from a checkpoint.

    Args:
        prefix: path of the checkpoint without `.index` (`.../model.ckpt`).

    Raises:
        UserError: the checkpoint is missing, damaged, or not of this model.
    """
    import tensorflow as tf

    if not prefix.with_name(f"{prefix.name}.index").is_file():
        raise UserError(f"no checkpoint at {prefix}: {prefix.name}.index is missing")
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        arrays = {
            name: reader.get_tensor(name)
            for name in sorted(reader.get_variable_to_shape_map())
            if name.startswith(_NETWORK_SCOPES) and not name.endswith(_OPTIMISER_SLOTS)
        }
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise UserError(f"cannot read checkpoint {prefix}: truncated or damaged") from error
    return build_official(Variables(arrays, str(prefix)), _unfolded, _CHANNEL_IDS)


def _unfolded(
    variables: Variables, unit: TfUnit, kernel_shape: tuple[int, ...]
) -> list[np.ndarray]:
    kernel_name = "depthwise_weights" if unit.is_depthwise else "weights"
    kernel = variables.take(f"{unit.scope}/{kernel_name}", kernel_shape)
    channels = unit.channels(kernel_shape)
    if unit.norm is None:
        return [kernel, variables.take(f"{unit.scope}/biases", channels)]
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    norm = [variables.take(f"{unit.scope}/BatchNorm/{part}", channels) for part in parts]
    return [kernel, *norm]


# ---- TensorFlow.js graph: `model.json` and binary shards


def load_tfjs_graph(model_json: Path) -> tuple[keras.Model, ClassMap]:
    """Build the official model from a TensorFlow.js graph model.

    Args:
        model_json: its `model.json`; the shards lie beside it.

    Raises:
        UserError: a file is missing, truncated or not what the manifest says, or it is another
            model.
    """
    # Constants of pre- and post-processing are scalars and small integer vectors.
    network = {
        name: array
        for name, array in _read_graph(model_json).items()
        if name.startswith(_NETWORK_SCOPES) and array.dtype == np.float32
    }
    return build_official(Variables(network, str(model_json)), _partly_folded, _CHANNEL_IDS)


def _read_graph(model_json: Path) -> dict[str, np.ndarray]:
    """All constants of the graph, by name.

    The shards of a group are one run of bytes cut anywhere; the manifest lists what lies in it,
    in order.
    """
    try:
        groups = json.loads(model_json.read_text(encoding="utf-8"))["weightsManifest"]
        arrays: dict[str, np.ndarray] = {}
        for group in groups:
            shards = [model_json.with_name(Path(name).name) for name in group["paths"]]
            arrays |= _cut(b"".join(map(Path.read_bytes, shards)), group["weights"], model_json)
    except FileNotFoundError as error:
        raise UserError(f"no such weights file: {error.filename}") from error
    except (OSError, UnicodeDecodeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise UserError(f"cannot read {model_json}: not a TensorFlow.js graph model") from error
    return arrays


def _cut(data: bytes, entries: Sequence[dict[str, Any]], origin: Path) -> dict[str, np.ndarray]:
    arrays, offset = {}, 0
    for entry in entries:
        if "quantization" in entry:
            raise UserError(f"{origin}: {entry['name']} is quantised; use the float32 graph")
        dtype, count = np.dtype(entry["dtype"]).newbyteorder("<"), math.prod(entry["shape"])
        if offset + count * dtype.itemsize > len(data):
            raise UserError(f"{origin}: the shards end before {entry['name']}; one is truncated")
        array = np.frombuffer(data, dtype, count, offset).reshape(entry["shape"])
        arrays[entry["name"]] = array.astype(dtype.newbyteorder("="))
        offset += count * dtype.itemsize
    if offset != len(data):
        raise UserError(f"{origin}: the shards hold {len(data)} bytes, the manifest {offset}")
    return arrays


def _partly_folded(
    variables: Variables, unit: TfUnit, kernel_shape: tuple[int, ...]
) -> list[np.ndarray]:
    if unit.scope.startswith("BoxPredictor_"):
        return _unfolded(variables, unit, kernel_shape)
    norm, channels = f"{unit.scope}/BatchNorm/batchnorm", unit.channels(kernel_shape)
    name = "depthwise_weights" if unit.is_depthwise else "Conv2D/merged_input"
    kernel = variables.take(f"{unit.scope}/{name}", kernel_shape)
    gamma = variables.take(f"{norm}/mul", channels) if unit.is_depthwise else None
    return [kernel, *folded_norm(variables.take(f"{norm}/sub", channels), gamma)]


# ---- .npz: names are those of the checkpoint's scopes with `/kernel` and `/bias`

_NPZ_CHANNEL_IDS = "meta/coco_category_ids_of_class_channels"  # which class channels it holds


def load_npz(path: Path) -> tuple[keras.Model, ClassMap]:
    """Build the official model from a NumPy archive.

    Raises:
        UserError: the file is missing, damaged, or not of this model.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise UserError(f"no such weights file: {path}") from error
    except Exception as error:  # a damaged or foreign file fails in whichever layer notices first
        raise UserError(f"cannot read weights {path}: truncated or not a .npz file") from error
    if _NPZ_CHANNEL_IDS not in arrays:
        raise UserError(
            f"{path}: not a weights file of this project: {_NPZ_CHANNEL_IDS} is missing"
        )
    numbers = arrays.pop(_NPZ_CHANNEL_IDS).ravel()
    channel_ids = numbers.tolist() if np.issubdtype(numbers.dtype, np.integer) else []
    if channel_ids[:1] != [BACKGROUND_ID] or not set(COCO_CATEGORY_IDS) & set(channel_ids):
        raise UserError(
            f"{path}: {_NPZ_CHANNEL_IDS} must be 0 (background), then COCO category ids"
        )
    if len(set(channel_ids)) != len(channel_ids):
        raise UserError(f"{path}: {_NPZ_CHANNEL_IDS} names a category twice")
    return build_official(Variables(arrays, str(path)), _folded, channel_ids)


def _folded(variables: Variables, unit: TfUnit, kernel_shape: tuple[int, ...]) -> list[np.ndarray]:
    kernel = variables.take(f"{unit.scope}/kernel", kernel_shape)
    bias = variables.take(f"{unit.scope}/bias", unit.channels(kernel_shape))
    return [kernel, bias] if unit.norm is None else [kernel, *folded_norm(bias)]
