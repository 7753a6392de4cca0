"""The official SSDLite-MobileNetV2 of the TF Object Detection API, built from its variables.

A *dialect* knows how one of its files names and folds the arrays of a convolution unit
(`detector.weights.tf_od_files`); everything else (which unit is which layer, the order of box
codes, the choice of class channels) is here, once.

Source: TF OD API `models/ssd_mobilenet_v2_feature_extractor.py`,
`models/feature_map_generators.py`, `predictors/convolutional_box_predictor.py`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from configs.schema import ModelConfig
from detector.anchors import NUM_FEATURE_MAPS
from detector.backbones import V2_ROWS
from detector.blocks import BATCH_NORM_EPSILON
from detector.classes import COCO_CATEGORY_IDS, ClassMap, coco_classes
from detector.ssdlite import EXTRA_FILTERS, build_ssdlite
from detector.weights.variables import Variables

BACKGROUND_ID = 0  # the category id of class channel 0

_BACKBONE = "FeatureExtractor/MobilenetV2"
# Official box codes are ty, tx, th, tw; ours dx, dy, dw, dh.
_BOX_CODE_ORDER = (1, 0, 3, 2)


class TfUnit(NamedTuple):
    """A convolution with what follows it.

    Attributes:
        scope: its TensorFlow variable scope.
        conv: our convolution layer.
        norm: our batch norm layer; None for the last convolution of a head, which has a bias.
        is_depthwise: one kernel per channel.
    """

    scope: str
    conv: str
    norm: str | None
    is_depthwise: bool

    def channels(self, kernel_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of its bias, or of each array of its batch norm."""
        return kernel_shape[-2:-1] if self.is_depthwise else kernel_shape[-1:]


# (variables, unit, kernel shape in the file) -> kernel first, then bias or the four of the norm
Dialect = Callable[[Variables, TfUnit, tuple[int, ...]], list[np.ndarray]]


def build_official(
    variables: Variables, dialect: Dialect, channel_ids: Sequence[int]
) -> tuple[keras.Model, ClassMap]:
    """Build the official model at 300 px and fill it.

    Args:
        variables: all network variables of the file.
        dialect: how the file names and folds them.
        channel_ids: category id of each class channel in the file, background (0) first. Of
            these, background and COCO's 80 named categories are kept.

    Returns:
        the network and its class map, with COCO's category ids.

    Raises:
        UserError: a variable is missing, left over or mis-shaped.
    """
    kept = [i for i, number in enumerate(channel_ids) if number in _KEPT_IDS]
    classes = coco_classes([channel_ids[i] for i in kept if channel_ids[i] != BACKGROUND_ID])
    model = build_ssdlite(ModelConfig(), len(classes))
    weights: dict[str, list[np.ndarray]] = {}
    for unit in official_units():
        *sides, channels = model.get_layer(unit.conv).kernel.shape
        if unit.norm:
            kernel, *weights[unit.norm] = dialect(variables, unit, (*sides, channels))
            weights[unit.conv] = [kernel]
            continue
        # Of each anchor, its channels in the file, and those we take, in our order.
        is_box = "_box_" in unit.conv
        count, order = (4, _BOX_CODE_ORDER) if is_box else (len(channel_ids), kept)
        arrays = dialect(variables, unit, (*sides, channels // len(order) * count))
        weights[unit.conv] = [_select(array, count, order) for array in arrays]
    variables.require_all_taken()
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(arrays)
    return model, classes


_KEPT_IDS = frozenset({BACKGROUND_ID, *COCO_CATEGORY_IDS})


def _select(array: np.ndarray, per_anchor: int, order: Sequence[int]) -> np.ndarray:
    """Some of the channels of each anchor, which are the last axis."""
    by_anchor = array.reshape(*array.shape[:-1], -1, per_anchor)[..., list(order)]
    return by_anchor.reshape(*array.shape[:-1], -1)


def official_units() -> list[TfUnit]:
    """All 88 convolution units of the official model, input to output."""
    units = [TfUnit(f"{_BACKBONE}/Conv", "Conv1", "bn_Conv1", False)]
    blocks = [expansion for expansion, _, repeats, _ in V2_ROWS for _ in range(repeats)]
    for block, expansion in enumerate(blocks):
        scope = f"{_BACKBONE}/expanded_conv" + (f"_{block}" if block else "")
        prefix = f"block_{block}" if block else "expanded_conv"
        for step in ("expand", "depthwise", "project")[expansion == 1 :]:
            units.append(_normed(f"{scope}/{step}", f"{prefix}_{step}"))
    units.append(TfUnit(f"{_BACKBONE}/Conv_1", "Conv_1", "Conv_1_bn", False))
    for number, filters in enumerate(EXTRA_FILTERS, start=1):
        reduce = f"{_BACKBONE}/layer_19_1_Conv2d_{number + 1}_1x1_{filters // 2}"
        full = f"{_BACKBONE}/layer_19_2_Conv2d_{number + 1}_3x3_s2_{filters}"
        units += [
            _normed(reduce, f"extra_{number}_reduce"),
            _normed(f"{full}_depthwise", f"extra_{number}_depthwise"),
            _normed(full, f"extra_{number}_project"),
        ]
    for level in range(NUM_FEATURE_MAPS):
        for kind, predictor in (("box", "BoxEncodingPredictor"), ("class", "ClassPredictor")):
            scope, name = f"BoxPredictor_{level}/{predictor}", f"head_{level}_{kind}"
            units.append(_normed(f"{scope}_depthwise", f"{name}_depthwise"))
            units.append(TfUnit(scope, f"{name}_conv", None, False))
    return units


def _normed(scope: str, layer: str) -> TfUnit:
    return TfUnit(scope, layer, f"{layer}_BN", layer.endswith("depthwise"))


def folded_norm(bias: np.ndarray, gamma: np.ndarray | None = None) -> list[np.ndarray]:
    """Batch norm weights that compute `gamma * x + bias`: mean 0, variance 1 - epsilon."""
    scale = np.ones_like(bias) if gamma is None else gamma
    return [scale, bias, np.zeros_like(bias), np.full_like(bias, 1 - BATCH_NORM_EPSILON)]
