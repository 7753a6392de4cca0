"""Compare two models on the same images, with bootstrap intervals of the difference."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import UserError
from detector.command import EXIT_OK, CommandParser, path, run
from detector.files import check_folder, check_outputs, write_json
from detector.model_arguments import model_files
from detector.slicing.tiling import add_slice_argument
from eval.eval_arguments import (
    add_allow_missing,
    data_files,
    find_eval_set,
    in_figures,
    load_eval_set,
)

if TYPE_CHECKING:
    from eval.scoring.comparison import Comparison, Pair

_EXAMPLES = """examples:
  python -m eval.compare coco my_run/best bccd:test
  python -m eval.compare before.json after.json bccd:test --report compared/
  python -m eval.compare my_run/best my_run/best/model.tflite bccd:test --json compared.json

A and B are models (a preset, a folder or a file) or COCO results files, which end in .json. Only
classes that both know are compared. Differences are those of B minus A. Intervals hold 95 % of the
differences on 1,000 sets of images drawn anew from DATA: where one holds zero, the difference may
be noise.

JSON: {"verdict": str, "data": str, "a": {"name": str, "settings": {...}}, "b": likewise,
  "figures": {NAME: ENTRY}, "per_class": {NAME: ENTRY and "objects": int}, "left_out": [str],
  "resamples": int}
  ENTRY: {"a": 0 ... 1 or -1, "b": likewise, "difference": float | null,
          "interval": [low, high] | null}
"""


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser("eval.compare", "Compare two models.", _EXAMPLES)
    for name in "ab":
        parser.add_argument(name, metavar=name.upper(), help="a model or a COCO results .json")
    parser.add_data()
    add_allow_missing(parser)
    add_slice_argument(parser)
    parser.add_outputs(json="write the figures")
    parser.add_argument("--report", type=path, metavar="DIR", help="write a page with images")
    parser.add_dry_run()
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    inputs = [file for model in (args.a, args.b) for file in model_files(model)]
    check_outputs([args.json], [*inputs, *data_files(args.data)])
    if args.report:
        check_folder(args.report)
    sides = [_side(args, name) for name in (args.a, args.b)]
    if args.slice is not None and not any(side.model for side in sides):
        raise UserError("--slice belongs to a model; results files are scored as they are")
    if args.dry_run:
        (dataset, a), (_, b) = map(find_eval_set, sides)
        print(f"would compare {a} with {b} on {in_figures(dataset)}")
        return EXIT_OK
    from eval.scoring.comparison import compare, to_json

    comparison = compare(*map(load_eval_set, sides))
    saved = [args.json] if args.json else []
    try:  # what was measured is in the files before anything is printed, and printed in any case
        if args.json:
            write_json(args.json, to_json(comparison))
        if args.report:
            from eval.report.comparison_report import write_comparison

            saved.append(write_comparison(args.report, comparison))
    finally:
        print("\n".join(to_lines(comparison)))
    for file in saved:
        print(f"saved {file}")
    return EXIT_OK


def _side(args: argparse.Namespace, name: str) -> argparse.Namespace:
    """The arguments of one of the two alone: a model, or a file of detections."""
    is_file = name.lower().endswith(".json")
    model, detections = (None, Path(name)) if is_file else (name, None)
    own = {"model": model, "detections": detections, "runtime": None, "classes": None}
    own |= {"max_dets": None, "agnostic": False, "slice": None if is_file else args.slice}
    shared = {key: getattr(args, key) for key in ("data", "images", "voc_origin", "allow_missing")}
    return argparse.Namespace(**shared, **own)


def to_lines(comparison: Comparison) -> Iterator[str]:
    """What the command prints."""
    from eval.scoring.comparison import about_left_out, cautions_of_both, in_words

    a, b = comparison.a.eval_set, comparison.b.eval_set
    yield f"A {a.name}, B {b.name}, on {a.data}"
    yield from (f"  {caution}" for caution in cautions_of_both(comparison))
    yield f"  {'':20}{'A':>8}{'B':>8}{'B - A':>9}  95 % interval"
    yield from map(_line, comparison.figures)
    yield "  AP of each class"
    yield from map(_line, comparison.per_class)
    if comparison.left_out:
        yield f"  {about_left_out(comparison)}"
    yield f"{in_words(comparison)}."


def _line(pair: Pair) -> str:
    from eval.scoring.comparison import span

    shown = "-" if pair.difference is None else f"{pair.difference:+.3f}"
    figures = "".join(f"{'-' if one < 0 else f'{one:.3f}':>8}" for one in (pair.a, pair.b))
    return f"  {pair.name[:20]:20}{figures}{shown:>9}  {span(pair.interval)}".rstrip()


if __name__ == "__main__":
    sys.exit(run(main))
