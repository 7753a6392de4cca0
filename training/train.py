"""Train a detector on your own pictures."""

from __future__ import annotations

import argparse
import re
import sys

from configs.errors import UserError
from detector.command import EXIT_OK, add_data_arguments, make_parser, path, run

_EXAMPLES = """examples:
  python -m training.train my_data/ --output my_run
  python -m training.train bccd --output my_run --time 30m --set train.epochs=60
  python -m training.train my_data/ --output my_run --start imagenet --config coco_300

Learns from the split `train`, and chooses the best model by `val`; a data set without splits gets
both. The run's folder then holds config.yaml, log.csv, best/ and last/: models to give to the
other commands.

exit code: 0; 2 on bad input
"""


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = make_parser("training.train", "Train a detector on your own pictures.", _EXAMPLES)
    add_data_arguments(parser)
    parser.add_argument("--output", type=path, required=True, metavar="RUN", help="a new folder")
    parser.add_argument(
        "--config", default="finetune", metavar="NAME|FILE", help="recipe (finetune)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="K=V", help="train.epochs=60, for instance"
    )
    parser.add_argument(
        "--start",
        default="coco",
        metavar="NAME|PATH",
        help="weights to begin with: a model, another run, imagenet or none (coco)",
    )
    parser.add_argument("--time", type=_seconds, metavar="T", help="end by then: 90s, 30m, 2h")
    return parser.parse_args(argv)


def _seconds(text: str) -> float:
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not matched or not float(matched[1]):
        raise argparse.ArgumentTypeError(f"must be like 90s, 30m or 2h, got {text}")
    return float(matched[1]) * {"s": 1, "m": 60, "h": 3600}[matched[2]]


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    from configs.load import load_config
    from detector.data.open import open_dataset

    config = load_config(args.config, args.set)
    whole = open_dataset(args.data, args.images)
    training, validation = whole.split("train"), whole.split("val")
    for note in training.notes:
        print(f"note: {note}")
    if whole.findings:
        print(f"{len(whole.findings)} findings (python -m training.check), such as:")
        print(f"  {whole.findings[0]}")
    if args.output.exists() and any(args.output.iterdir()):
        raise UserError(f"{args.output} holds something already; name a new folder for this run")
    from detector.backend import start_keras

    start_keras()
    from training.run import train

    result = train(config, training, validation, args.output, args.start, args.time, print)
    if result.failed:
        print(f"{result.failed} pictures could not be read", file=sys.stderr)
    print(f"saved {args.output}/best: AP {result.best_ap:.4f} on {validation.name}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run(main))
