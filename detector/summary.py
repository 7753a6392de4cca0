"""What a network costs: parameters and multiply-adds per layer, per part and in all.

Also prints what depthwise-separable convolutions cost against the standard convolutions they
stand for: 1/N + 1/k^2 with N output channels and a k x k kernel (Howard et al. 2017, section 3.1).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import UserError
from configs.load import config_names, load_config
from configs.schema import ClassifierConfig
from detector.backend import start_keras
from detector.command import CommandParser, positive, run
from detector.files import check_outputs, write_text

if TYPE_CHECKING:
    import keras

    from configs.schema import ModelConfig
    from detector.costs import LayerCost, SeparableCost

_CLASSIFIERS = ("mobilenet_v1", "mobilenet_v2")
_EXAMPLES = """examples:
  python -m detector.summary coco_320
  python -m detector.summary coco_300 --classes 90 --layers
  python -m detector.summary mobilenet_v2 --width 0.5 --resolution 160
"""


def _build(args: argparse.Namespace) -> tuple[keras.Model, list[str]]:
    """The network, and lines about it that its layers do not tell."""
    if args.name in _CLASSIFIERS:
        usual = {"network": args.name, "width_multiplier": 1.0, "resolution": 224}
        return _classifier(ClassifierConfig.model_validate(usual), args, 1000)
    if args.name not in config_names() and not Path(args.name).is_file():
        known = ", ".join([*config_names(), *_CLASSIFIERS])
        raise UserError(f"unknown network {args.name!r}; a YAML file or one of {known}")
    config = load_config(args.name)
    if config.kind == "classifier":
        return _classifier(config.classifier, args, 10)
    model = load_config(args.name, _overrides(args)).model
    start_keras()
    from detector.network import build_detector

    return build_detector(model, args.classes or 80), _detector_lines(model)


def _classifier(
    config: ClassifierConfig, args: argparse.Namespace, classes: int
) -> tuple[keras.Model, list[str]]:
    start_keras()
    from detector.backbones import build_classifier

    width = args.width or config.width_multiplier
    resolution = args.resolution or config.resolution or 64
    return build_classifier(config.network, args.classes or classes, width, resolution), []


def _overrides(args: argparse.Namespace) -> list[str]:
    values = {"width_multiplier": args.width, "input_size": args.resolution}
    return [f"model.{key}={value}" for key, value in values.items() if value is not None]


def _detector_lines(config: ModelConfig) -> list[str]:
    from detector.anchors import anchors_per_cell, feature_sizes
    from detector.network import tap_names

    sizes, per_cell = feature_sizes(config), anchors_per_cell(config)
    total = sum(size * size * count for size, count in zip(sizes, per_cell, strict=True))
    grids = ", ".join(f"{size}x{size}" for size in sizes)
    return [
        f"taps: {', '.join(tap_names(config))}",
        f"feature maps: {grids}",
        f"anchors: {total:,} ({', '.join(map(str, per_cell))} per cell)",
    ]


def _report(model: keras.Model, about: list[str], with_layers: bool) -> str:
    from detector.costs import layer_costs, separable_costs

    costs, pairs = layer_costs(model), separable_costs(model)
    lines = [f"{model.name}: input {model.input_shape[1]}x{model.input_shape[2]}", *about, ""]
    if with_layers:
        lines += [_LAYER_HEADER, *map(_layer_line, costs), ""]
    lines += [*_part_lines(costs), "", *_separable_lines(pairs)]
    if with_layers:
        lines += [f"  {p.name:34}{p.ratio:.6f} = 1/N + 1/k^2 = {p.formula:.6f}" for p in pairs]
    return "\n".join(lines)


_LAYER_HEADER = f"{'layer':34}{'kind':20}{'output':>16}{'parameters':>13}{'multiply-adds':>16}"


def _layer_line(cost: LayerCost) -> str:
    shape = "x".join(map(str, cost.output_shape))
    return f"{cost.name:34}{cost.kind:20}{shape:>16}{cost.parameters:>13,}{cost.multiply_adds:>16,}"


def _part_lines(costs: list[LayerCost]) -> list[str]:
    lines = [f"{'part':12}{'parameters':>14}{'multiply-adds':>16}"]
    for part in [*dict.fromkeys(cost.part for cost in costs), "total"]:
        of_part = [cost for cost in costs if part in (cost.part, "total")]
        parameters = sum(cost.parameters for cost in of_part)
        multiply_adds = sum(cost.multiply_adds for cost in of_part)
        lines.append(f"{part:12}{parameters:>14,}{multiply_adds:>16,}")
    return lines


def _separable_lines(pairs: list[SeparableCost]) -> list[str]:
    used = sum(pair.multiply_adds for pair in pairs)
    standard = sum(pair.standard for pair in pairs)
    return [
        f"{len(pairs)} depthwise-separable pairs cost {used / standard:.4f} of the standard",
        f"convolutions they stand for: {used:,} against {standard:,} multiply-adds",
    ]


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser("detector.summary", "Print what a network costs.", _EXAMPLES)
    known = ", ".join([*config_names(), *_CLASSIFIERS])
    parser.add_argument("name", help=f"configuration, YAML file or classifier: {known}")
    parser.add_argument(
        "--classes",
        type=positive(int, 10_000),
        metavar="N",
        help="without background (80; 1000; 10 of cifar10)",
    )
    parser.add_argument(
        "--width", type=positive(float, 4), metavar="ALPHA", help="width multiplier"
    )
    parser.add_argument(
        "--resolution", type=positive(int, 2048), metavar="PX", help="height and width of the input"
    )
    parser.add_argument("--layers", action="store_true", help="also list every layer")
    parser.add_outputs(json="write layers and pairs as JSON")
    return parser.parse_args(argv)


def _to_json(model: keras.Model) -> str:
    from detector.costs import layer_costs, separable_costs

    layers = [dataclasses.asdict(cost) for cost in layer_costs(model)]
    pairs = [{**dataclasses.asdict(p), "ratio": p.ratio} for p in separable_costs(model)]
    return json.dumps({"model": model.name, "layers": layers, "separable": pairs}, indent=1)


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    check_outputs([args.json])
    model, about = _build(args)
    if args.json:
        write_text(args.json, _to_json(model))
    print(_report(model, about, args.layers))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
