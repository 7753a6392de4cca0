"""COCO mAP of a model or of a results file, through the predictor that ships."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from detector.command import EXIT_OK, path, run
from detector.files import check_folder, check_outputs, write_json, write_text
from eval.eval_arguments import input_files, load_eval_set, make_scoring_parser, scoring_intent

if TYPE_CHECKING:
    from eval.scoring.eval_set import EvalSet
    from eval.scoring.evaluator import Report

_EXAMPLES = """examples:
  python -m eval.coco coco coco/annotations/instances_val2017.json
  python -m eval.coco my_run/best bccd:test --json figures.json --report report/
  python -m eval.coco my_run/best bccd:test --save-detections found.json
  python -m eval.coco --detections found.json bccd:test

The classes scored are those of the model that the data set also has; of a results file, all of the
data set. Crowds and difficult objects count neither way. "-" stands where there is nothing to find.
COCO scores the best 100 detections of each class in an image, and AR100 is the share of the objects
that these find, averaged over IoU 0.50 ... 0.95 and classes. A model gives 100 of all classes
together. For images with more objects --max-dets 300 raises both: AR100 is AR300 then, and AP is
no longer comparable with COCO's.

JSON: {"AP": 0 ... 1, "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm",
  "ARl": likewise (-1 without such objects), "per_class": {NAME: {"AP", "AP50", "AP75", "AR100",
  "APs", "APm", "APl", "objects", "images", "detections"}}, "settings": {...}}; AR100 has the N of
  --max-dets in its name
"""


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = make_scoring_parser("eval.coco", "Measure COCO's mAP.", _EXAMPLES)
    parser.add_outputs(csv="write a line per class", save_detections="write them as COCO results")
    parser.add_argument("--report", type=path, metavar="DIR", help="write the page of reasons")
    parser.add_argument(
        "--backend",
        choices=("pycocotools", "fast"),
        default="pycocotools",
        help="fast: faster-coco-eval, the same figures sooner (pycocotools)",
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    outputs = [args.json, args.csv, args.save_detections]
    check_outputs(outputs, inputs=input_files(args))
    if args.report:
        check_folder(args.report)
    if args.dry_run:
        print(scoring_intent(args))
        return EXIT_OK
    eval_set = load_eval_set(args)
    from eval.scoring.evaluator import evaluate

    report = evaluate(eval_set, args.backend)
    saved: list[Path] = []
    try:  # what was measured is in the files before anything is printed, and printed in any case
        saved += _write(args, report, eval_set)
    finally:
        print("\n".join(to_lines(report, eval_set)))
    for file in saved:
        print(f"saved {file}")
    return EXIT_OK


def _write(args: argparse.Namespace, report: Report, eval_set: EvalSet) -> list[Path]:
    """All files that were asked for."""
    if args.json:
        write_json(args.json, report.as_json())
    if args.csv:
        write_text(args.csv, _to_csv(report))
    if args.save_detections:
        from eval.scoring.coco_form import results

        write_text(args.save_detections, json.dumps(results(eval_set, own_ids=True)))
    saved = [file for file in (args.json, args.csv, args.save_detections) if file]
    if args.report:
        from eval.report.model_report import write_report

        saved.append(write_report(args.report, eval_set, report))
    return saved


def to_lines(report: Report, eval_set: EvalSet) -> list[str]:
    """What the command prints: settings, the 12 figures in words, a line per class."""
    from eval.scoring.cautions import MARKS, cautions
    from eval.scoring.evaluator import meanings

    plain = {key: value for key, value in report.settings.items() if key not in MARKS}
    settings = ", ".join(f"{key} {value}" for key, value in plain.items())
    lines = [f"{eval_set.name} on {eval_set.data}", f"  {settings}"]
    lines += [*(f"  {caution}" for caution in cautions(report.settings)), ""]
    for name, meaning in meanings(report.most).items():
        value = report.figures[name]
        note = "" if value >= 0 else ": there is no such object here"
        lines.append(f"  {name:6}{_shown(value)}  {meaning}{note}")
    columns = ("AP", "AP50", f"AR{report.most}", "APs", "APm", "APl")
    header = "".join(f"{name:>8}" for name in columns)
    lines += ["", f"  {'class':20}{header}{'objects':>9}{'images':>10}"]
    for name, one in report.as_json()["per_class"].items():
        figures = "".join(f"{_shown(one[column]):>8}" for column in columns)
        lines.append(f"  {name[:20]:20}{figures}{one['objects']:9,}{one['images']:10,}")
    without = [name for name, one in report.per_class.items() if not one.objects]
    if without:
        lines.append(f"  not averaged in, for want of objects: {', '.join(without)}")
    return lines


def _shown(value: float) -> str:
    return f"{value:.4f}" if value >= 0 else f"{'-':>6}"


def _to_csv(report: Report) -> str:
    from eval.scoring.scored_part import PART

    text = io.StringIO()
    former = "pictures"  # of `images`, its name in 0.1
    per_class = report.as_json()["per_class"].items()
    part = {key: report.settings[key] for key in PART if key in report.settings}
    rows = [{"class": name, **one, former: one["images"], **part} for name, one in per_class]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    sys.exit(run(main))
