"""Augmented training images with their boxes and matched anchors, as an HTML page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from detector.command import EXIT_OK, CommandParser, path, positive, run
from detector.files import check_outputs, write_text

_EXAMPLES = """examples:
  python -m training.preview my_data/
  python -m training.preview voc:train --config coco_320 --count 48 --output augmented.html

Of a data set with splits, train is shown. The images are the first of the first epoch, in the
order in which training with this configuration loads them.
"""


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        "training.preview", "Show augmented batches with their boxes and anchors.", _EXAMPLES
    )
    parser.add_data()
    parser.add_recipe()
    parser.add_argument(
        "--output",
        type=path,
        default=Path("preview.html"),
        metavar="FILE",
        help="page to write (preview.html)",
    )
    parser.add_argument(
        "--count", type=positive(int, 1000), default=24, metavar="N", help="images (24)"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    check_outputs([args.output])
    from configs.load import load_config

    config = load_config(args.config)
    from detector.data.dataset import find_split
    from detector.data.open import open_dataset
    from training.doctor.preview_page import first_images, to_html

    dataset = open_dataset(args.data, args.images, voc_origin=args.voc_origin)
    if find_split("train", dataset.splits):
        dataset = dataset.split("train")
    seen = first_images(dataset, config, args.count)
    write_text(args.output, to_html(dataset, config, args.config, seen))
    print(f"saved {args.output}: {len(seen)} images of {dataset.name}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run(main))
