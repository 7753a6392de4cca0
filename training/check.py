"""Data set checks: counts, annotation faults, duplicates and leaks, and a fixed copy."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from detector.command import EXIT_CHECK_FAILED, EXIT_OK, CommandParser, path, run
from detector.files import check_outputs, write_json, write_text

if TYPE_CHECKING:
    from detector.data.dataset import Dataset

_EXAMPLES = """examples:
  python -m training.check my_data/
  python -m training.check annotations/instances_val2017.json --images val2017/
  python -m training.check my_data/ --html check.html --json check.json
  python -m training.check my_data/ --fix my_data_fixed/

All splits are checked together, as images that two of them share are found only so.

JSON: {"data": str, "format": str, "verdict": str, "counts": COUNTS, "splits": {NAME: COUNTS},
  "notes": [str], "errors": int, "warnings": int, "kinds": {KIND: int},
  "findings": [{"kind": str, "severity": "error" | "warning", "file": str, "element": str,
                "message": str, "action": str, "others": [str]}],
  "anchors": {"config": str, "input_size": px, "objects": int, "unreached": share,
              "small": share under a cell of the finest map, "positives_per_object": float | null,
              "sizes": [{"name": str, "objects": int, "unreached": int,
                         "mean_best_iou": float | null, "mean_positives": float | null}]}}
  COUNTS: {"images": int, "objects": int, "negatives": int, "crowd": int, "difficult": int,
           "per_class": {NAME: int}}
"""
_EXITS = "0, perhaps with warnings; 1 if something would spoil training"


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        "training.check", "Find what is wrong with a data set.", _EXAMPLES, _EXITS
    )
    parser.add_data()
    parser.add_recipe()
    parser.add_outputs(json="write figures and findings", html="write a report with images")
    parser.add_argument(
        "--fix", type=path, metavar="DST", help="write a fixed copy; DATA is left alone"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    outputs = [one for one in (args.json, args.html) if one]
    check_outputs(outputs)
    from configs.load import load_config

    config = load_config(args.config)
    from detector.data.open import open_dataset
    from training.doctor.examine import examine, to_json, to_lines

    if args.fix:
        from detector.data.write import check_new_folder

        check_new_folder(args.fix)
    dataset = open_dataset(
        args.data, args.images, details=bool(args.fix), voc_origin=args.voc_origin
    )
    _check_apart(outputs, dataset)
    examination = examine(dataset, config, args.config)
    if args.json:
        write_json(args.json, to_json(examination))
    if args.html:
        from training.doctor.check_report import to_html

        write_text(args.html, to_html(examination))
    fixed: list[str] = []
    try:
        if args.fix:
            from training.doctor.fix import fix

            fixed = fix(examination, args.fix)
    finally:
        print(*to_lines(examination), *(f"saved {output}" for output in outputs), sep="\n")
    for line in fixed:
        print(line)
    return EXIT_CHECK_FAILED if examination.errors else EXIT_OK


def _check_apart(outputs: Sequence[Path], dataset: Dataset) -> None:
    """Show that no output is an image or an annotation of the data set."""
    if any(output.exists() for output in outputs):  # or else none can be one
        files = {file for sample in dataset for file in (sample.path, sample.source) if file}
        check_outputs(outputs, inputs={dataset.path, *files})


if __name__ == "__main__":
    sys.exit(run(main))
