"""Arguments shared by the commands that evaluate detections, and what they load."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UserError
from detector.command import CommandParser, between, name_list, path
from detector.model_arguments import add_nms_arguments, model_files
from detector.slicing.tiling import add_slice_argument, choose_tiling

if TYPE_CHECKING:
    from detector.data.dataset import Dataset
    from eval.scoring.eval_set import EvalSet


def make_scoring_parser(module: str, description: str, examples: str) -> CommandParser:
    """A parser of which detections on which data set are scored, and of `--json`."""
    parser = CommandParser(module, description, examples)
    parser.add_argument("model", nargs="?", metavar="MODEL", help="preset, model folder or file")
    parser.add_data()
    parser.add_argument(
        "--detections", type=path, metavar="FILE", help="score this COCO results file instead"
    )
    add_allow_missing(parser)
    parser.add_argument("--runtime", metavar="NAME", help="of a model folder: keras, tflite, onnx")
    parser.add_argument("--classes", type=name_list, metavar="A,B", help="only these classes")
    add_nms_arguments(parser, "100, as COCO's protocol has it", between(int, 100, 10_000))
    add_slice_argument(parser)
    parser.add_outputs(json="write figures and settings")
    parser.add_dry_run()
    return parser


def add_allow_missing(parser: CommandParser) -> None:
    """`--allow-missing`."""
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="leave out images that are missing or unreadable, and say so with the figures",
    )


def input_files(args: argparse.Namespace) -> list[Path]:
    """The files that the arguments name, which no output may overwrite: those of the model too."""
    detections = [args.detections] if args.detections else []
    models = model_files(args.model) if args.model else []
    return [*detections, *data_files(args.data), *models]


def data_files(data: str) -> list[Path]:
    """The data set itself, if it is a file, with a split behind it or without."""
    return [Path(one) for one in (data, data.rpartition(":")[0]) if one]


def load_eval_set(args: argparse.Namespace) -> EvalSet:
    """Run the model, or read the file, that the arguments name.

    Raises:
        UserError: they name both or neither, or what they name cannot be read.
    """
    from eval.scoring.inference import score, score_file

    chosen = _chosen(args) | ({"max_dets": args.max_dets} if args.max_dets else {})
    if args.detections:
        return score_file(args.detections, args.data, **chosen)
    model = {"runtime": args.runtime, "agnostic": args.agnostic, "slicing": args.slice}
    return score(args.model, args.data, **model, **chosen)


def find_eval_set(args: argparse.Namespace) -> tuple[Dataset, str]:
    """The data set, and in words what `load_eval_set` would run or read.

    Raises:
        UserError: as `load_eval_set`, as far as that shows without loading a network.
    """
    from eval.scoring.inference import find_detections, find_inputs
    from eval.scoring.large_images import require_tiles_fit

    chosen = _chosen(args)
    if args.detections:
        part, _ = find_detections(args.detections, args.data, **chosen)
        return part.dataset, str(args.detections)
    part, model = find_inputs(args.model, args.data, runtime=args.runtime, **chosen)
    if args.slice is None:
        return part.dataset, model.in_words()
    tiling = choose_tiling(args.slice, model.spec)
    require_tiles_fit(tiling, part.dataset)
    return part.dataset, f"{model.in_words()}, in {tiling.in_words()},"


def scoring_intent(args: argparse.Namespace) -> str:
    """What `load_eval_set` would do, in words; raises as `find_eval_set`."""
    dataset, what = find_eval_set(args)
    return f"would score {what} on {in_figures(dataset)}"


def in_figures(dataset: Dataset) -> str:
    """How much there is to score."""
    return f"{dataset.name}: {len(dataset):,} images, {len(dataset.classes)} classes"


def _chosen(args: argparse.Namespace) -> dict[str, Any]:
    if (args.model is None) == (args.detections is None):
        raise UserError("name either a MODEL to run or --detections FILE to score")
    if args.detections and args.agnostic:
        raise UserError("--agnostic belongs to a MODEL; a results file is scored as it is")
    if args.detections and args.slice is not None:
        raise UserError("--slice belongs to a MODEL; a results file is scored as it is")
    return {
        "images": args.images,
        "voc_origin": args.voc_origin,
        "classes": args.classes,
        "allow_missing": args.allow_missing,
    }
