"""ImageNet weights in the files of `keras.applications`, carried over by layer name."""

import warnings
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from configs.errors import UserError
from detector.network import BEHIND_BACKBONE
from detector.weights.variables import Variables

# What a classifier has beside its backbone.
_TOP_LAYERS = ("conv_preds", "predictions")
LayerWeights = dict[str, list[np.ndarray]]  # layer name -> arrays in `get_weights` order
_APPLICATIONS = {
    "mobilenet_v1": keras.applications.MobileNet,
    "mobilenet_v2": keras.applications.MobileNetV2,
}


def load_imagenet(model: keras.Model, path: Path, backbone: str, width_multiplier: float) -> None:
    """Fill the backbone of a model; of a classifier, its top too where the file has one.

    Args:
        model: a backbone, a classifier or a detector of this project.
        path: the legacy `.h5` that `keras.applications` downloads, or a Keras 3 `.weights.h5` of
            one of its models.
        backbone: a key of `detector.backbones.BACKBONES`.
        width_multiplier: alpha of `model`.

    Raises:
        UserError: the file is missing or damaged, lacks a layer of the backbone, has one left
            over, or holds another width.
    """
    if not path.is_file():
        raise UserError(f"no such weights file: {path}")
    layers = _read_layers(path, backbone, width_multiplier)
    wanted = [
        layer
        for layer in model.layers
        if layer.weights and not layer.name.startswith(BEHIND_BACKBONE)
    ]
    if not set(_TOP_LAYERS) & {layer.name for layer in wanted}:
        layers = {name: arrays for name, arrays in layers.items() if name not in _TOP_LAYERS}
    names = {
        f"{name}/{i}": array for name, arrays in layers.items() for i, array in enumerate(arrays)
    }
    variables = Variables(names, str(path))
    weights = {
        layer.name: [
            variables.take(f"{layer.name}/{i}", weight.shape)
            for i, weight in enumerate(layer.weights)
        ]
        for layer in wanted
    }
    variables.require_all_taken()
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(arrays)


def _read_layers(path: Path, backbone: str, width_multiplier: float) -> LayerWeights:
    try:
        with h5py.File(path) as file:
            if "layer_names" in file.attrs:
                return _read_legacy(file)
            if "layers" not in file:
                raise UserError(f"{path}: not a Keras weights file")
        return _read_positional(path, backbone, width_multiplier)
    except (OSError, KeyError) as error:
        raise UserError(f"cannot read weights {path}: truncated or not a Keras .h5 file") from error


def _read_legacy(file: Any) -> LayerWeights:
    """Keras 2's layout: a group per layer, whose weights are listed in `get_weights` order."""
    layers = {}
    for name in map(_text, file.attrs["layer_names"]):
        weight_names = map(_text, file[name].attrs["weight_names"])
        if arrays := [np.asarray(file[name][weight]) for weight in weight_names]:
            layers[name] = arrays
    return layers


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _read_positional(path: Path, backbone: str, width_multiplier: float) -> LayerWeights:
    """Keras 3 numbers layers by type, so only the very model that was saved can read them."""
    for include_top in (False, True):
        donor = _APPLICATIONS[backbone](
            (224, 224, 3), alpha=width_multiplier, include_top=include_top, weights=None
        )
        try:
            # Keras only warns of some layers that a file lacks, and leaves them random.
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                donor.load_weights(path)
        except (ValueError, KeyError, UserWarning):
            continue  # the other one, or neither
        return {layer.name: layer.get_weights() for layer in donor.layers if layer.weights}
    raise UserError(f"{path}: not the weights of {backbone} at width {width_multiplier}")
