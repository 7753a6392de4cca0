"""The official model as a NumPy archive with batch norm folded.

Names are those of the checkpoint's scopes with `/kernel` and `/bias`;
`meta/coco_category_ids_of_class_channels` tells which class channels it holds.
"""

from pathlib import Path

import keras
import numpy as np

from configs.errors import UserError
from detector.classes import COCO_CATEGORY_IDS, ClassMap
from detector.weights.tf_od_api import BACKGROUND_ID, TfUnit, build_official, folded_norm
from detector.weights.variables import Variables

_CHANNEL_IDS = "meta/coco_category_ids_of_class_channels"


def load_npz(path: Path) -> tuple[keras.Model, ClassMap]:
    """Build the official model from an archive.

    Raises:
        UserError: the file is missing, damaged, or not of this model.
    """
    arrays = _read(path)
    if _CHANNEL_IDS not in arrays:
        raise UserError(f"{path}: not a weights file of this project: {_CHANNEL_IDS} is missing")
    numbers = arrays.pop(_CHANNEL_IDS).ravel()
    channel_ids = numbers.tolist() if np.issubdtype(numbers.dtype, np.integer) else []
    if channel_ids[:1] != [BACKGROUND_ID] or not set(COCO_CATEGORY_IDS) & set(channel_ids):
        raise UserError(f"{path}: {_CHANNEL_IDS} must be 0 (background), then COCO category ids")
    if len(set(channel_ids)) != len(channel_ids):
        raise UserError(f"{path}: {_CHANNEL_IDS} names a category twice")
    return build_official(Variables(arrays, str(path)), _folded, channel_ids)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise UserError(f"no such weights file: {path}") from error
    except Exception as error:  # a damaged or foreign file fails in whichever layer notices first
        raise UserError(f"cannot read weights {path}: truncated or not a .npz file") from error


def _folded(variables: Variables, unit: TfUnit, kernel_shape: tuple[int, ...]) -> list[np.ndarray]:
    kernel = variables.take(f"{unit.scope}/kernel", kernel_shape)
    channels = kernel_shape[-2:-1] if unit.is_depthwise else kernel_shape[-1:]
    bias = variables.take(f"{unit.scope}/bias", channels)
    return [kernel, bias] if unit.norm is None else [kernel, *folded_norm(bias)]
