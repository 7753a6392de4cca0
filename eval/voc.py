"""VOC AP at IoU 0.5, by the 11-point and by the all-point definition."""

from __future__ import annotations

import sys
from typing import Any

from detector.command import EXIT_OK, run
from detector.files import check_outputs, write_json
from eval.eval_arguments import input_files, load_eval_set, make_scoring_parser, scoring_intent

_EXAMPLES = """examples:
  python -m eval.voc my_run/best VOCdevkit/VOC2012:val
  python -m eval.voc coco bccd:test --json voc.json
  python -m eval.voc --detections found.json bccd:test

The development kit of VOC2007 takes the mean of 11 points of the precision-recall curve, those of
2010 and later the area under it; both are printed. A class without objects is not averaged in.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    about = "Measure VOC's average precision."
    args = make_scoring_parser("eval.voc", about, _EXAMPLES).parse_args(argv)
    check_outputs([args.json], inputs=input_files(args))
    if args.dry_run:
        print(scoring_intent(args))
        return EXIT_OK
    eval_set = load_eval_set(args)
    from eval.scoring.evaluator import order_of_equal_scores
    from eval.scoring.scored_part import warnings_of
    from eval.scoring.voc_protocol import VocFigures, voc_figures

    per_class = voc_figures(eval_set)
    print(f"{eval_set.name} on {eval_set.data}, VOC protocol, IoU 0.5")
    for key in ("merged", "warnings", "difficult", "ignore"):
        if said := eval_set.settings.get(key):
            print(f"  {key} {said}")
    order = order_of_equal_scores(eval_set, "in the order of the images")
    print(f"  equal_scores {order}")
    for warning in warnings_of(eval_set.settings):
        print(f"  {warning}")
    print()
    print(f"  {'':20}{'11 points':>11}{'all points':>12}{'objects':>10}{'detections':>12}")
    for name, one in per_class.items():
        print(_line(name, one.ap_11_points, one.ap_all_points, one.objects, one.detections))
    with_objects = [one for one in per_class.values() if one.objects]
    mean = VocFigures.mean(with_objects)
    print(_line("mean", mean.ap_11_points, mean.ap_all_points, mean.objects, mean.detections))
    if args.json:
        content: dict[str, Any] = {
            "mAP_11_points": mean.ap_11_points,
            "mAP_all_points": mean.ap_all_points,
            "per_class": {name: one._asdict() for name, one in per_class.items()},
            "settings": {
                **eval_set.settings,
                "data": eval_set.data,
                "protocol": "VOC",
                "iou": 0.5,
                "equal_scores": order,
            },
        }
        write_json(args.json, content)
        print(f"saved {args.json}")
    return EXIT_OK


def _line(name: str, eleven: float, area: float, objects: int, detections: int) -> str:
    figures = f"{eleven:11.4f}{area:12.4f}" if objects else f"{'-':>11}{'-':>12}"
    return f"  {name[:20]:20}{figures}{objects:10,}{detections:12,}"


if __name__ == "__main__":
    sys.exit(run(main))
