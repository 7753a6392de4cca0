"""Arguments of the commands that score detections, and what they ask for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import UserError
from detector.command import CommandParser, name_list, path
from detector.model_arguments import model_files

if TYPE_CHECKING:
    from detector.data.dataset import Dataset
    from eval.scoring.eval_set import ScoredSet


def make_scoring_parser(module: str, description: str, examples: str) -> CommandParser:
    """A parser of which detections on which data set are scored, and of `--json`."""
    parser = CommandParser(module, description, examples)
    parser.add_argument("model", nargs="?", metavar="MODEL", help="preset, model folder or file")
    parser.add_data()
    parser.add_argument(
        "--detections", type=path, metavar="FILE", help="score this COCO results file instead"
    )
    parser.add_argument("--runtime", metavar="NAME", help="of a model folder: keras, tflite, onnx")
    parser.add_argument("--classes", type=name_list, metavar="A,B", help="only these classes")
    parser.add_outputs(json="write figures and settings")
    parser.add_dry_run()
    return parser


def input_files(args: argparse.Namespace) -> list[Path]:
    """The files that the arguments name, which no output may overwrite: those of the model too."""
    detections = [args.detections] if args.detections else []
    models = model_files(args.model) if args.model else []
    return [*detections, *data_files(args.data), *models]


def data_files(data: str) -> list[Path]:
    """The data set itself, if it is a file, with a split behind it or without."""
    return [Path(one) for one in (data, data.rpartition(":")[0]) if one]


def make_scored(args: argparse.Namespace) -> ScoredSet:
    """Run the model, or read the file, that the arguments name.

    Raises:
        UserError: they name both or neither, or what they name cannot be read.
    """
    from eval.scoring.inference import score, score_file

    _require_one(args)
    if args.detections:
        return score_file(args.detections, args.data, images=args.images, classes=args.classes)
    return score(
        args.model, args.data, images=args.images, runtime=args.runtime, classes=args.classes
    )


def scoring_intent(args: argparse.Namespace) -> str:
    """What `make_scored` would do, in words.

    Raises:
        UserError: as `make_scored`, as far as that shows without loading a network.
    """
    from eval.scoring.inference import find_scored, find_scored_file

    _require_one(args)
    chosen = {"images": args.images, "classes": args.classes}
    if args.detections:
        dataset, _ = find_scored_file(args.detections, args.data, **chosen)
        what = str(args.detections)
    else:
        dataset, model = find_scored(args.model, args.data, runtime=args.runtime, **chosen)
        what = model.in_words()
    return f"would score {what} on {dataset.name}: {in_figures(dataset)}"


def in_figures(dataset: Dataset) -> str:
    """How much there is to score."""
    return f"{len(dataset):,} images, {len(dataset.classes)} classes"


def _require_one(args: argparse.Namespace) -> None:
    if (args.model is None) == (args.detections is None):
        raise UserError("name either a MODEL to run or --detections FILE to score")
