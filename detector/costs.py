"""Parameters and multiply-adds of a network's layers, and what separable convolutions save."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class LayerCost:
    """One layer.

    Attributes:
        name: of the layer.
        part: backbone, classifier, extras, neck or heads.
        kind: class of the layer.
        output_shape: without the batch axis.
        parameters: trainable.
        statistics: parameters that are not trained (batch norm's moving averages).
        multiply_adds: of a convolution or dense layer at batch 1, without bias; 0 for others.
    """

    name: str
    part: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    statistics: int
    multiply_adds: int


@dataclass(frozen=True)
class SeparableCost:
    """A depthwise convolution and the 1x1 after it, against the standard convolution.

    Attributes:
        name: of the depthwise layer.
        multiply_adds: of the two together.
        standard: multiply-adds of the standard convolution with the same input and output.
        formula: 1/N + 1/k^2.
    """

    name: str
    multiply_adds: int
    standard: int
    formula: float

    @property
    def ratio(self) -> float:
        """Measured cost ratio; equals `formula`."""
        return self.multiply_adds / self.standard


def layer_costs(model: keras.Model) -> list[LayerCost]:
    """The cost of each layer that has weights, in the order of the graph."""
    return [
        LayerCost(
            name=layer.name,
            part=_part(layer.name),
            kind=type(layer).__name__,
            output_shape=tuple(layer.output.shape[1:]),
            parameters=sum(_size(weight) for weight in layer.trainable_weights),
            statistics=sum(_size(weight) for weight in layer.non_trainable_weights),
            multiply_adds=_multiply_adds(layer),
        )
        for layer in model.layers
        if layer.weights
    ]


def separable_costs(model: keras.Model) -> list[SeparableCost]:
    """The cost of each depthwise-separable pair of layers."""
    convolutions = [layer for layer in model.layers if _multiply_adds(layer)]
    by_name = {layer.name: layer for layer in convolutions}
    costs = []
    for layer in convolutions:
        if _is_depthwise(layer) and (pointwise := _pointwise(layer.name, by_name)):
            height, width, channels, _ = layer.kernel.shape
            kernel_area, filters = height * width, pointwise.kernel.shape[-1]
            # At the places of this depthwise layer: the shared heads of ssdlite_plus share theirs.
            mixing = _size(pointwise.kernel) * _positions(layer)
            costs.append(
                SeparableCost(
                    name=layer.name,
                    multiply_adds=_multiply_adds(layer) + mixing,
                    standard=_positions(layer) * kernel_area * channels * filters,
                    formula=1 / filters + 1 / kernel_area,
                )
            )
    return costs


def _pointwise(depthwise: str, by_name: Mapping[str, Any]) -> Any:
    """The 1x1 convolution that follows a depthwise layer, by this project's names, or None."""
    if depthwise.startswith("conv_dw_"):
        return by_name.get(depthwise.replace("dw", "pw"))
    if not depthwise.startswith("head_"):
        return by_name.get(depthwise.replace("_depthwise", "_project"))
    if depthwise.startswith("head_shared_"):
        kind = depthwise.split("_")[3]
        return by_name[f"head_{kind}_project"]
    return by_name.get(depthwise.replace("_depthwise", "_conv"))


def _part(layer_name: str) -> str:
    if layer_name.startswith("extra_"):
        return "extras"
    if layer_name.startswith("neck_"):
        return "neck"
    if layer_name.startswith("head_"):
        return "heads"
    return "classifier" if layer_name in ("conv_preds", "predictions") else "backbone"


def _multiply_adds(layer: keras.layers.Layer) -> int:
    """Each weight of a kernel is used once per output position."""
    kernel = getattr(layer, "kernel", None)
    return 0 if kernel is None else _size(kernel) * _positions(layer)


def _positions(layer: keras.layers.Layer) -> int:
    output: Any = layer.output  # annotated as a list by Keras; one tensor here
    shape = output.shape
    return shape[1] * shape[2] if len(shape) == 4 else 1


def _is_depthwise(layer: keras.layers.Layer) -> bool:
    return type(layer).__name__ == "DepthwiseConv2D"


def _size(weight: keras.Variable) -> int:
    return math.prod(weight.shape)
