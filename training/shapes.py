"""Generate a synthetic data set: circles, triangles, squares, stars, crosses and hearts."""

from __future__ import annotations

import argparse
import sys

from configs.typed_form import command_name
from detector.command import EXIT_OK, CommandParser, fraction, path, positive, run

_EXAMPLES = """examples:
  python -m training.shapes shapes                      1,000 images, to train and to measure
  python -m training.shapes shapes --count 6000 --seed 1
  python -m training.shapes photos --count 500 --photo --val 0 --test 0.9

DST must be new or empty. It becomes a VOC folder; what a seed draws is always the same, so give
each of two data sets that must not overlap a seed of its own.
"""


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        "training.shapes", "Draw six shapes, with boxes, to train on.", _EXAMPLES
    )
    add = parser.add_argument
    add("target", type=path, metavar="DST", help="folder to write")
    add("--count", type=positive(int), default=1000, metavar="N", help="images (1000)")
    add("--seed", type=_seed, default=0, metavar="N", help="of the images (0)")
    add("--photo", action="store_true", help="all look printed and photographed; else a mixture")
    add("--val", type=fraction, default=0.15, metavar="SHARE", help="of the images (0.15)")
    add("--test", type=fraction, default=0.15, metavar="SHARE", help="of the images (0.15)")
    return parser.parse_args(argv)


def _seed(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {text}")
    return value


_seed.__name__ = "int"  # argparse names the type in "invalid int value"


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    from detector.shapes.generator import write_shapes

    dataset = write_shapes(args.target, args.count, args.seed, args.photo, args.val, args.test)
    parts = ", ".join(f"{name} {len(rows)}" for name, rows in dataset.splits.items())
    objects = sum(len(sample) for sample in dataset)
    print(f"saved {args.target}: {len(dataset)} images ({parts}), {objects} objects, VOC")
    import shlex

    data, output = shlex.quote(str(args.target)), shlex.quote(f"{args.target}_run")
    train = command_name("training.train")
    print(f"next: {train} --data {data} --output {output} --config shapes --start none")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run(main))
