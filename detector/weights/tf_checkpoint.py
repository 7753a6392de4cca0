"""The official model as a TF1 checkpoint: the only form with its batch norm intact."""

from pathlib import Path

import keras
import numpy as np

from configs.errors import UserError
from detector.classes import ClassMap
from detector.weights.tf_od_api import OFFICIAL_CHANNEL_IDS, build_official, unfolded
from detector.weights.variables import Variables

_NETWORK_SCOPES = ("FeatureExtractor/", "BoxPredictor_")
# What a training run saves beside the weights.
_OPTIMISER_SLOTS = ("/RMSProp", "/RMSProp_1", "/Momentum", "/ExponentialMovingAverage")


def load_checkpoint(prefix: Path) -> tuple[keras.Model, ClassMap]:
    """Build the official model from a checkpoint.

    Args:
        prefix: path of the checkpoint without `.index` (`.../model.ckpt`).

    Raises:
        UserError: the checkpoint is missing, damaged, or not of this model.
    """
    variables = Variables(_read(prefix), str(prefix))
    return build_official(variables, unfolded, OFFICIAL_CHANNEL_IDS)


def _read(prefix: Path) -> dict[str, np.ndarray]:
    import tensorflow as tf

    if not prefix.with_name(f"{prefix.name}.index").is_file():
        raise UserError(f"no checkpoint at {prefix}: {prefix.name}.index is missing")
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        names = [name for name in reader.get_variable_to_shape_map() if _is_network(name)]
        return {name: reader.get_tensor(name) for name in sorted(names)}
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise UserError(f"cannot read checkpoint {prefix}: truncated or damaged") from error


def _is_network(name: str) -> bool:
    return name.startswith(_NETWORK_SCOPES) and not name.endswith(_OPTIMISER_SLOTS)
