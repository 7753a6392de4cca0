"""Initial weights: of another detector, a classifier or ImageNet, matched by layer and class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.errors import UserError
from configs.schema import ModelConfig
from detector import artefact
from detector.models import find_keras_model, load_model
from training.classifier import classifier_run
from training.model.anchor_coverage import move_finest_anchors
from training.model.plus_start import WeightsByLayer, anchors_left, plus_weights
from training.model.start_files import fetch_start, imagenet_file

if TYPE_CHECKING:
    import keras

_RARE = -math.log((1 - 0.01) / 0.01)  # logit of a new class
_SHARED = "head_class_conv"  # of ssdlite_plus, whose other class convolutions are added to it
_NAMES_SHOWN = 6  # layers on a line; all are in the report's attributes


@dataclass(frozen=True)
class InitReport:
    """Which layers (input to output) and classes got weights of the source."""

    source: str  # as asked for
    loaded: tuple[str, ...] = ()  # layers that got all their weights
    partly: tuple[str, ...] = ()  # class convolutions that got the channels of the kept classes
    fresh: tuple[str, ...] = ()  # layers that start from random weights
    skipped: tuple[str, ...] = ()  # layers of the source that found no place
    kept_classes: tuple[str, ...] = ()  # those that got channels of the source
    new_classes: tuple[str, ...] = ()  # those that did not, and that start fresh
    dropped_classes: tuple[str, ...] = ()  # those of the source that are not asked for
    left: str = ""  # what of the layers that were loaded was left behind, in words

    def to_lines(self) -> list[str]:
        """In words, for a person."""
        if not self.loaded:
            return ["start from random weights"]
        layers = {"loaded": self.loaded, "loaded by class": self.partly, "fresh": self.fresh}
        counts = [f"{len(names)} layers {what}" for what, names in layers.items() if names]
        lines = [f"start from {self.source}: {', '.join(counts)}"]
        if self.fresh:
            lines.append(f"fresh layers: {_list(self.fresh)}")
        if self.left:
            lines.append(self.left)
        if self.skipped:
            lines.append(f"not used of {self.source}: {_list(self.skipped)}")
        lines.append(f"classes kept: {', '.join(self.kept_classes) or 'none'}")
        lines.append(f"classes that start fresh: {', '.join(self.new_classes) or 'none'}")
        if self.dropped_classes:
            lines.append(f"classes left behind: {', '.join(self.dropped_classes)}")
        return lines


def load_initial_weights(
    network: keras.Model, config: ModelConfig, class_names: Sequence[str], source: str
) -> InitReport:
    """Copy weights into a fresh detector.

    Args:
        network: as `detector.network.build_detector` makes it of `config` and the classes.
        config: of the network.
        class_names: of the network, in the order of their labels.
        source: "none"; "imagenet" for the backbone alone, downloaded, or a `.h5` file of it (see
            `detector.weights.keras_imagenet`); a classifier's run folder, for the backbone; or a
            detector: a run's folder, of which its best model is taken, or what
            `detector.models.load_model` takes. Layers of equal name and shape are copied, for an
            `ssdlite_plus` of an `ssdlite` as `training.model.plus_start` has them; and of class
            channels those of equal name, in upper or lower case. Others of a sigmoid model begin
            as rare.

    Raises:
        UserError: there is no such source, it is damaged, or its backbone or width is another.
    """
    find_initial_weights(config, source)  # raises where there is none that fits
    new = InitReport(source, new_classes=tuple(class_names))
    path = Path(source)
    if source == "none":
        report = replace(new, fresh=tuple(_weights_by_layer(network)))
    elif source == "imagenet" or path.suffix == ".h5":
        if source == "imagenet":
            path = fetch_start(config, source) / imagenet_file(config).name
        report = _from_imagenet(network, config, path, new)
    elif _holds(path, classifier_run.DESCRIPTION):
        theirs = _weights_by_layer(classifier_run.load_run(path).network)
        report = _from_network(network, theirs, (), new)
    else:
        donor, spec = load_model(_detector(source))
        theirs = _weights_by_layer(donor)
        if (spec.model.head, config.head) == ("ssdlite", "ssdlite_plus"):
            theirs = plus_weights(theirs, spec.model, config)
            new = replace(new, left=anchors_left(spec.model))
        report = _from_network(network, theirs, spec.class_names, new)
        if config.head == "ssdlite" and "head_0_box_conv" in report.loaded:
            move_finest_anchors(network, spec.model.anchors, config.anchors)
    if config.score_activation == "sigmoid":
        _expect_rarely(network, class_names, report)
    return report


def find_initial_weights(config: ModelConfig, source: str) -> str:
    """Describe the source that `load_initial_weights` would take; nothing is loaded or fetched.

    Raises:
        UserError: there is no such source, or its backbone or width is another.
    """
    folder = Path(source)
    if source == "none":
        return "random weights"
    if source == "imagenet":
        imagenet_file(config)
        return source
    if folder.suffix == ".h5":
        if not folder.is_file():
            raise UserError(f"no such weights file: {source}")
        return source
    if _holds(folder, classifier_run.DESCRIPTION):
        about = classifier_run.read_spec(folder)
        _require_equal_backbones(config, about.network, about.width, source)
        return f"{source} ({about.network})"
    found = find_keras_model(_detector(source))
    model = found.spec.model if found.spec else ModelConfig()  # the official one
    _require_equal_backbones(config, model.backbone, model.width_multiplier, source)
    return found.in_words()


def _expect_rarely(network: keras.Model, class_names: Sequence[str], report: InitReport) -> None:
    """Let channels that start fresh begin with a score of 1 % everywhere, not of 50 %.

    Else, of 60 new classes, what is learnt first is that nearly all places show none of them; and
    what the network knew suffers.

    Source: Lin et al. 2017, section 4.1, "Initialization".
    """
    outputs: Any = network.output
    channels = outputs["class_logits"].shape[-1]
    convs = [layer for layer in network.layers if _is_class_conv(layer.name)]
    shared = [layer for layer in convs if layer.name == _SHARED]
    for layer in shared or convs:
        rare = class_names if layer.name in report.fresh else report.new_classes
        kernel, bias = layer.get_weights()
        by_anchor = _by_anchor(bias, channels)
        by_anchor[:, [class_names.index(name) + 1 for name in rare]] = _RARE
        layer.set_weights([kernel, by_anchor.ravel()])
    if _SHARED in report.fresh:  # it speaks beside the rows that were kept, which say it all
        kept = [class_names.index(name) + 1 for name in report.kept_classes]
        for layer in filter(lambda one: one not in shared, convs):
            kernel, bias = layer.get_weights()
            bias[kept] -= _RARE
            layer.set_weights([kernel, bias])


def _detector(source: str) -> str:
    """Of a run its best model."""
    best = Path(source) / "best"
    return str(best) if _holds(best, artefact.DESCRIPTION) else source


def _holds(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except OSError:  # a name too long for the file system
        return False


def _from_imagenet(
    network: keras.Model, config: ModelConfig, path: Path, report: InitReport
) -> InitReport:
    from detector.network import BEHIND_BACKBONE
    from detector.weights.keras_imagenet import load_imagenet

    load_imagenet(network, path, config.backbone, config.width_multiplier)
    layers = _weights_by_layer(network)
    fresh = tuple(name for name in layers if name.startswith(BEHIND_BACKBONE))
    return replace(report, loaded=tuple(name for name in layers if name not in fresh), fresh=fresh)


def _require_equal_backbones(
    config: ModelConfig, backbone: str, width_multiplier: float, source: str
) -> None:
    if (config.backbone, config.width_multiplier) != (backbone, width_multiplier):
        raise UserError(
            f"{source} is {backbone} at width {width_multiplier}, the model to train "
            f"{config.backbone} at width {config.width_multiplier}; set model.backbone={backbone} "
            f"and model.width_multiplier={width_multiplier}, or start from something else"
        )


def _from_network(
    network: keras.Model,
    theirs: WeightsByLayer,
    donor_names: Sequence[str],
    report: InitReport,
) -> InitReport:
    """Copy what fits."""
    names = report.new_classes
    known = {name.casefold(): channel for channel, name in enumerate(donor_names, start=1)}
    sources = [known.get(name.casefold()) for name in names]
    fresh = _weights_by_layer(network)
    given = {}
    for layer, arrays in fresh.items():
        found = theirs.get(layer, [])
        if _is_class_conv(layer) and found:
            found = _mix_classes(arrays, found, [0, *sources], len(donor_names) + 1)
        if [array.shape for array in arrays] == [array.shape for array in found]:
            given[layer] = found
    for layer, arrays in given.items():
        network.get_layer(layer).set_weights(arrays)
    keeps_classes = any(map(_is_class_conv, given))
    partly = tuple(filter(_is_class_conv, given)) if None in sources else ()
    named = list(zip(names, sources, strict=True))
    return replace(
        report,
        loaded=tuple(layer for layer in given if layer not in partly),
        partly=partly,
        fresh=tuple(layer for layer in fresh if layer not in given),
        skipped=tuple(layer for layer in theirs if layer not in given),
        kept_classes=tuple(name for name, source in named if source and keeps_classes),
        new_classes=tuple(name for name, source in named if not (source and keeps_classes)),
        dropped_classes=tuple(
            name for channel, name in enumerate(donor_names, start=1) if channel not in sources
        ),
    )


def _mix_classes(
    fresh: Sequence[np.ndarray],
    given: Sequence[np.ndarray],
    sources: Sequence[int | None],
    donor_channels: int,
) -> list[np.ndarray]:
    """Weights of a class convolution: known channels are the donor's.

    Args:
        fresh: of the network to train.
        given: of the donor.
        sources: for each channel of an anchor (background, then the classes) the donor's, or None.
        donor_channels: of each anchor of the donor.

    Returns:
        none where the donor has another number of anchors.
    """
    kept = [(channel, source) for channel, source in enumerate(sources) if source is not None]
    to, of = map(list, zip(*kept, strict=True))
    mixed = []
    for own, other in zip(fresh, given, strict=True):
        own, other = _by_anchor(own.copy(), len(sources)), _by_anchor(other, donor_channels)
        if own.shape[:-1] != other.shape[:-1]:
            return []
        own[..., to] = other[..., of]
        mixed.append(own.reshape(*own.shape[:-2], -1))
    return mixed


def _by_anchor(array: np.ndarray, channels: int) -> np.ndarray:
    """The last axis as (anchors of a cell, channels): the order of `detector.ssdlite`."""
    return array.reshape(*array.shape[:-1], -1, channels)


def _is_class_conv(layer: str) -> bool:
    return layer.startswith("head_") and layer.endswith("_class_conv")


def _weights_by_layer(network: keras.Model) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def _list(names: Sequence[str]) -> str:
    shown, more = names[:_NAMES_SHOWN], len(names) - _NAMES_SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
