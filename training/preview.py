"""What training will see: the first augmented images, with their boxes and matched anchors."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from detector.command import EXIT_OK, CommandParser, path, positive, run
from detector.files import check_outputs, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from configs.schema import Config
    from detector.data.dataset import Dataset
    from training.doctor.preview_page import Seen

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
    from training.doctor.preview_page import to_html

    dataset = open_dataset(args.data, args.images)
    if find_split("train", dataset.splits):
        dataset = dataset.split("train")
    seen = list(_first_images(dataset, config, args.count))
    write_text(args.output, to_html(dataset, config, args.config, seen))
    print(f"saved {args.output}: {len(seen)} images of {dataset.name}")
    return EXIT_OK


def _first_images(dataset: Dataset, config: Config, count: int) -> Iterator[Seen]:
    """The first images of the first epoch, at most as many as the data set has."""
    import itertools

    from detector.anchors import model_anchors
    from training.batches.loader import make_loader
    from training.doctor.preview_page import seen_in

    anchors = model_anchors(config.model)
    loader = make_loader(dataset.samples, config, augment=True)
    images = itertools.chain.from_iterable(
        seen_in(batch, anchors) for batch in loader.batches(epoch=0)
    )
    yield from itertools.islice(images, min(count, len(dataset)))


if __name__ == "__main__":
    sys.exit(run(main))
