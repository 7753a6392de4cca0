"""Arguments and help of the image classifier: train, evaluate, predict."""

from __future__ import annotations

import argparse

from detector.command import SKIPS, CommandParser, between, path, positive

_NETWORKS = ("mobilenet_v1", "mobilenet_v2")
LEAST_SIDE, MOST_SIDE = 64, 128  # px, of an input size chosen by the data
_JSON = "write the result as JSON"
TOP = 5  # classes of an image that are printed

_EXAMPLES = """examples:
  python -m training.classify train --data pets/ --output pets_run
  python -m training.classify train --data cifar-10-python.tar.gz --output cifar --config cifar10
  python -m training.classify evaluate --data pets/ --model pets_run
  python -m training.classify predict photo.jpg 'more/*.png' --model pets_run
  python -m training.classify predict photo.jpg --model imagenet
"""
_DATA_FORM = """
DATA is a folder of class folders, with train/ and val/ or test/ above them or without (then a
fifth of each class is held out, by a hash of the files' content); or CIFAR-10, the Python or the
binary version: the .tar.gz, or the folder it unpacks to.
"""
_FIGURES_FORM = """
JSON: {"images": int, "accuracy": 0...1, "macro_recall": 0...1, "macro_auc": 0...1 | null,
  "classes": [{"name": str, "images": int, "recall": 0...1 | null, "auc": 0...1 | null}]}
Recall is per class; AUC is of one class against the rest. Both are averaged over classes.
"""
_TRAIN_FORM = f"""{_DATA_FORM}
Figures are those of val, or else test, after the last epoch; nothing is chosen by them. Images
that cannot be read are named and left out. OUTPUT gets classifier.keras and classifier.json.
{_FIGURES_FORM}"""
_PREDICT_FORM = """
JSON: [{"file": str, "top": [{"class": str, "probability": 0...1}]}]
"""


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The arguments; `action` is "train", "evaluate" or "predict"."""
    about = "Train, measure and use image classifiers."
    parser = CommandParser("training.classify", about, _EXAMPLES, SKIPS)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    for name, about, notes, exits, add_arguments in (
        ("train", "train a classifier", _TRAIN_FORM, "0", _add_train),
        ("evaluate", "measure a classifier", _DATA_FORM + _FIGURES_FORM, "0", _add_evaluate),
        ("predict", f"print the top {TOP} classes of images", _PREDICT_FORM, SKIPS, _add_predict),
    ):
        described = f"{about.capitalize()}."
        add_arguments(
            actions.add_parser(name, help=about, description=described, examples=notes, exits=exits)
        )
    return parser.parse_args(argv)


def complete(args: argparse.Namespace) -> None:
    """What `train` leaves open becomes as the recipe says, or by default.

    Raises:
        UserError: there is no such recipe, or it is wrong.
    """
    from configs.load import load_config
    from configs.schema import Config

    config = load_config(args.config) if args.config else Config()
    recipe = {**config.classifier.model_dump(), "seed": config.seed}
    recipe["width"] = recipe.pop("width_multiplier")
    for name, value in recipe.items():
        if getattr(args, name) is None:
            setattr(args, name, value)


def _add_train(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--data", type=path, required=True, metavar="DATA", help="as below")
    add("--output", type=path, required=True, metavar="DIR", help="a new folder for the model")
    add("--config", metavar="NAME|FILE", help="a recipe, such as cifar10")
    add("--network", choices=_NETWORKS, help=f"({_NETWORKS[0]})")
    add("--width", type=positive(float, 4), metavar="ALPHA", help="width multiplier (0.25)")
    about = f"height and width of the input (twice the images', {LEAST_SIDE} ... {MOST_SIDE})"
    add("--resolution", type=positive(int, 2048), metavar="PX", help=about)
    add("--epochs", type=positive(int), metavar="N", help="(30; more of under 1,280 images)")
    about = "of the weights, the order and the augmentation (0)"
    add("--seed", type=between(int, 0, 2**32 - 1), metavar="N", help=about)
    about = "also show images mirrored (yes, unless all are grey as digits and letters are)"
    add("--mirror", action=argparse.BooleanOptionalAction, help=about)
    parser.add_outputs(json=_JSON)
    parser.add_dry_run()


def _add_evaluate(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--data", type=path, required=True, metavar="DATA", help="as below")
    add("--model", type=path, required=True, metavar="RUN", help="what train wrote")
    about = "what to measure on (val; test where there is no val)"
    add("--split", choices=("train", "val", "test"), help=about)
    parser.add_outputs(json=_JSON)


def _add_predict(parser: CommandParser) -> None:
    parser.add_images()
    about = "what train wrote, or MobileNetV2 with the 1000 classes of ImageNet"
    parser.add_argument("--model", required=True, metavar="RUN|imagenet", help=about)
    parser.add_outputs(json=_JSON)
    parser.add_dry_run()
