"""The official model as a TensorFlow.js graph: `model.json` and binary shards.

Batch norm is folded into the full convolutions of the feature extractor (`merged_input`), kept
as a multiplication and an addition behind its depthwise ones, and intact in the heads.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from configs.errors import UserError
from detector.classes import ClassMap
from detector.weights.tf_od_api import (
    OFFICIAL_CHANNEL_IDS,
    TfUnit,
    build_official,
    folded_norm,
    unfolded,
)
from detector.weights.variables import Variables

_NETWORK_SCOPES = ("FeatureExtractor/", "BoxPredictor_")


def load_tfjs_graph(model_json: Path) -> tuple[keras.Model, ClassMap]:
    """Build the official model from a TensorFlow.js graph model.

    Args:
        model_json: its `model.json`; the shards lie beside it.

    Raises:
        UserError: a file is missing or damaged, or it is another model.
    """
    arrays = read_graph_weights(model_json)
    # Constants of pre- and post-processing are scalars and small integer vectors.
    network = {
        name: array
        for name, array in arrays.items()
        if name.startswith(_NETWORK_SCOPES) and array.dtype == np.float32
    }
    variables = Variables(network, str(model_json))
    return build_official(variables, _partly_folded, OFFICIAL_CHANNEL_IDS)


def read_graph_weights(model_json: Path) -> dict[str, np.ndarray]:
    """All constants of a TensorFlow.js graph, by name.

    The shards of a group are one run of bytes cut anywhere; the manifest lists what lies in it,
    in order.

    Raises:
        UserError: a file is missing, truncated or not what its manifest says.
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
        return unfolded(variables, unit, kernel_shape)
    norm = f"{unit.scope}/BatchNorm/batchnorm"
    if unit.is_depthwise:
        kernel = variables.take(f"{unit.scope}/depthwise_weights", kernel_shape)
        gamma = variables.take(f"{norm}/mul", kernel_shape[-2:-1])
        return [kernel, *folded_norm(variables.take(f"{norm}/sub", kernel_shape[-2:-1]), gamma)]
    kernel = variables.take(f"{unit.scope}/Conv2D/merged_input", kernel_shape)
    return [kernel, *folded_norm(variables.take(f"{norm}/sub", kernel_shape[-1:]))]
