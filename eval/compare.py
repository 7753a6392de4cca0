"""Two models side by side on the same images, and whether they differ by more than noise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from detector.command import EXIT_OK, CommandParser, path, run
from detector.files import check_folder, check_outputs, write_json
from detector.model_arguments import model_files
from eval.eval_arguments import data_files, in_figures

if TYPE_CHECKING:
    from detector.data.dataset import Dataset
    from eval.scoring.bootstrap import Interval
    from eval.scoring.comparison import Comparison
    from eval.scoring.eval_set import ScoredSet

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
    if args.dry_run:
        print(_intent(args))
        return EXIT_OK
    from eval.scoring.comparison import compare, to_json

    a, b = (_score(one, args.data, args.images) for one in (args.a, args.b))
    comparison = compare(a, b)
    print("\n".join(to_lines(comparison)))
    if args.json:
        write_json(args.json, to_json(comparison))
        print(f"saved {args.json}")
    if args.report:
        from eval.report.comparison_report import write_comparison

        print(f"saved {write_comparison(args.report, comparison)}")
    return EXIT_OK


def _is_file_of_detections(name: str) -> bool:
    return name.lower().endswith(".json")


def _intent(args: argparse.Namespace) -> str:
    """What would be compared; models are looked for, not loaded."""
    from eval.scoring.inference import find_scored, find_scored_file

    def find(name: str) -> tuple[Dataset, str]:
        if _is_file_of_detections(name):
            return find_scored_file(Path(name), args.data, images=args.images)[0], name
        dataset, model = find_scored(name, args.data, images=args.images)
        return dataset, model.in_words()

    (dataset, a), (_, b) = find(args.a), find(args.b)
    return f"would compare {a} with {b} on {dataset.name}: {in_figures(dataset)}"


def _score(name: str, data: str, images: Path | None) -> ScoredSet:
    from eval.scoring.inference import score, score_file

    if _is_file_of_detections(name):
        return score_file(Path(name), data, images=images)
    return score(name, data, images=images)


def to_lines(comparison: Comparison) -> Iterator[str]:
    """What the command prints."""
    from eval.scoring.comparison import about_left_out, in_words

    a, b, intervals = comparison.a, comparison.b, comparison.intervals
    yield f"A {a.scored.name}, B {b.scored.name}, on {a.scored.data}"
    yield f"  {'':20}{'A':>8}{'B':>8}{'B - A':>9}  95 % interval"
    known = {"AP": intervals.ap, "AP50": intervals.ap50}
    for name, value in a.report.figures.items():
        yield _line(name, value, b.report.figures[name], known.get(name))
    yield "  AP of each class"
    for label, (name, one) in enumerate(a.report.per_class.items()):
        yield _line(name, one.AP, b.report.per_class[name].AP, intervals.per_class[label])
    if comparison.left_out:
        yield f"  {about_left_out(comparison)}"
    yield f"{in_words(comparison)}."


def _line(name: str, a: float, b: float, interval: Interval | None) -> str:
    from eval.scoring.comparison import difference, span

    gain = difference(a, b)
    shown = "-" if gain is None else f"{gain:+.3f}"
    figures = "".join(f"{'-' if one < 0 else f'{one:.3f}':>8}" for one in (a, b))
    return f"  {name[:20]:20}{figures}{shown:>9}  {span(interval)}".rstrip()


if __name__ == "__main__":
    sys.exit(run(main))
