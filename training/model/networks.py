"""The network that trains, the one of stock layers that is saved, and which layers are frozen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from configs.errors import UserError
from configs.schema import Config, TrainConfig
from detector.backbones import TAP_NAMES
from detector.blocks import Norm
from detector.data.orientation import read_sample
from detector.fold import Folding
from detector.network import build_detector, head_of
from detector.preprocess import resize
from detector.types import Sample
from training.model.devices import has_gpu
from training.model.fused_norm import FusedBatchNormalization
from training.model.init_weights import load_initial_weights
from training.model.input_sizes import at_other_input_sizes, with_layers_of
from training.model.unfold import is_folded, unfold

_FEW_IMAGES = 1000  # under which batch norm keeps its statistics
_FEW_STEPS = 5000  # under which its statistics must move faster
_UNFOLD_IMAGES = 256

Upto = Literal["none", "backbone", "tap"]


class Networks(NamedTuple):
    """Two networks of the same weights: one that is faster to train, one that is saved."""

    trained: keras.Model  # its weights are of no use elsewhere
    stock: keras.Model  # of stock Keras layers: measured, and saved
    folding: Folding | None  # between them, where batch norm is folded away in `trained`
    at_other_sizes: Sequence[keras.Model]  # `trained` for images of other sizes

    def give_stock(self, weights: Sequence[Any]) -> None:
        """Set the stock network's weights to those of `trained`, or averages of them."""
        if self.folding:
            self.folding.unfold(weights)
        else:
            self.stock.set_weights([np.asarray(weight) for weight in weights])


def make_networks(
    config: Config,
    class_names: Sequence[str],
    samples: Sequence[Sample],
    start: str | None,
    keeps_norm: bool,
    tell: Callable[[str], None],
) -> Networks:
    """Build both, with the weights that training begins with.

    Args:
        config: of model and training.
        class_names: of the model.
        samples: to train on; statistics of batch norm that were folded away are made of them.
        start: as for `load_initial_weights`; None where a state will replace all weights.
        keeps_norm: see `keeps_statistics`.
        tell: takes a line for the user.

    Raises:
        UserError: the weights cannot be had, or do not fit.
    """
    stock = build_detector(config.model, len(class_names))
    if start is not None:
        for line in load_initial_weights(stock, config.model, class_names, start).to_lines():
            tell(line)
    folding = None
    if keeps_norm:
        trained = _build_trained(config, len(class_names), None)
        folding = Folding(stock, trained)
        trained.set_weights(folding.fold())
        part = "" if config.model.head == "ssdlite" else " of the backbone"
        tell(f"batch norm{part} keeps its statistics: it is folded into the convolutions")
    else:
        if any(map(is_folded, stock.layers)):
            names = unfold(stock, _images(samples, config.model.input_size))
            tell(f"{len(names)} folded batch norms got the statistics of the training images")
        trained = _build_trained(config, len(class_names), FusedBatchNormalization)
        trained.set_weights(stock.get_weights())
    tell(freeze(trained, config.train.freeze))
    norm = None if keeps_norm else FusedBatchNormalization
    at_other_sizes = [
        with_layers_of(trained, _build_trained(at_size, len(class_names), norm))
        for at_size in at_other_input_sizes(config)
    ]
    return Networks(trained, stock, folding, at_other_sizes)


def freeze(network: keras.Model, upto: Upto) -> str:
    """Choose what trains; whatever was chosen before is forgotten.

    A frozen batch norm runs in inference mode also while training (`keras.layers.
    BatchNormalization`), so that nothing in a frozen part changes. Compile the model after this.

    Args:
        network: a detector or classifier of this project.
        upto: "none"; "backbone", all that comes before the heads and extras; "tap", all up to the
            first feature map that a head is fed from.

    Returns:
        in words, what trains and what does not, with counts of parameters.

    Raises:
        ValueError: the network has no backbone that is known here.
    """
    for layer in network.layers:
        layer.trainable = True
    everything = _parameters(network)
    for layer in _layers_up_to(network, upto):
        layer.trainable = False
    frozen = {"backbone": "the backbone", "tap": "all up to the first tap"}.get(upto)
    frozen = f"{frozen} ({everything - _parameters(network):,})" if frozen else "nothing"
    return f"{_parameters(network):,} of {everything:,} parameters train; frozen: {frozen}"


def _layers_up_to(network: keras.Model, upto: Upto) -> list[keras.Layer]:
    """The layers that `freeze` means, input to output."""
    if upto == "none":
        return []
    names = {layer.name for layer in network.layers}
    taps = next((taps for taps in TAP_NAMES.values() if names.issuperset(taps)), None)
    if taps is None:
        raise ValueError(f"{network.name} has none of the backbones {', '.join(TAP_NAMES)}")
    first = taps[0] if head_of(network) == "ssdlite_plus" else taps[1]
    last = first if upto == "tap" else taps[-1]
    return keras.Model(network.input, network.get_layer(last).output).layers


def _parameters(network: keras.Model) -> int:
    """Those that train; statistics of batch norm are none."""
    return sum(math.prod(weight.shape) for weight in network.trainable_weights)


def keeps_statistics(config: TrainConfig, images: int, start: str) -> bool:
    """Whether batch norm stays as the weights to start from have it."""
    if config.freeze_norm == "auto":
        return images < _FEW_IMAGES and start != "none"
    return config.freeze_norm


def set_norm_momentum(network: keras.Model, config: TrainConfig, steps: int) -> None:
    """How fast the statistics of batch norm follow, in a run of so many steps."""
    momentum: Any = config.norm_momentum
    if momentum == "auto":
        momentum = 0.97 if steps < _FEW_STEPS else 0.99
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum


def precision(config: TrainConfig) -> str:
    """What the layers compute in: "float32" or "bfloat16"."""
    if config.precision == "auto":
        return "bfloat16" if has_gpu() else "float32"
    return config.precision


def _build_trained(config: Config, num_classes: int, norm: Norm) -> keras.Model:
    before = keras.config.dtype_policy()
    is_half = precision(config.train) == "bfloat16"
    keras.config.set_dtype_policy("mixed_bfloat16" if is_half else "float32")
    try:
        return build_detector(config.model, num_classes, norm, FusedBatchNormalization)
    finally:
        keras.config.set_dtype_policy(before)


def _images(samples: Sequence[Sample], input_size: int) -> Iterator[np.ndarray]:
    """Batches of 8 training images as they are, spread over the data set."""
    chosen = samples[:: max(1, len(samples) // _UNFOLD_IMAGES)][:_UNFOLD_IMAGES]
    readable: list[np.ndarray] = []
    said = ""
    for sample in chosen:
        try:
            readable.append(resize(read_sample(sample)[0], input_size))
        except UserError as error:  # the loader reports it
            said = str(error)
    if not readable:
        raise UserError(f"none of {len(chosen)} images can be read: {said}")
    return (np.stack(readable[i : i + 8]) for i in range(0, len(readable), 8))
