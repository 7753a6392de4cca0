"""Draw the figures of the docs, from the project's own code.

    python -m docs.draw_figures docs/figures

This room may import all others, and so may the figures: anchors, matching, NMS and curves are
computed by what trains, detects and measures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from detector.command import EXIT_OK, CommandParser, path, run
from detector.files import make_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_EXAMPLES = """examples:
  python -m docs.draw_figures docs/figures

Writes SVG files, and an animation of the built-in model at work; the same code and packages give
the same bytes.
"""


def figures() -> Mapping[str, Callable[[], Figure]]:
    """What draws each figure, by the name of its file without the suffix."""
    from docs.draw_figures import boxes, layers, network, pyramid, scores

    return {
        "network": network.draw_network,
        "separable": layers.draw_separable,
        "inverted-residual": layers.draw_inverted_residual,
        "linear-bottleneck": layers.draw_linear_bottleneck,
        "anchors": boxes.draw_anchors,
        "box-coder": boxes.draw_box_coder,
        "matching": boxes.draw_matching,
        "pyramid": pyramid.draw_pyramid,
        "small-objects": pyramid.draw_small_objects,
        "nms": scores.draw_nms,
        "precision-recall": scores.draw_precision_recall,
    }


def draw_all(folder: Path) -> list[Path]:
    """Write every figure.

    Args:
        folder: for the files; made if need be.

    Returns:
        the files.

    Raises:
        UserError: a file cannot be written.
    """
    from detector.backend import start_keras
    from docs.draw_figures.style import save, style

    make_folder(folder)
    start_keras()
    written = []
    for name, draw in figures().items():
        file = folder / f"{name}.svg"
        with style():
            save(draw(), file)
        written.append(file)
    return written


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    parser = CommandParser("docs.draw_figures", "Draw the figures of the docs.", _EXAMPLES)
    parser.add_argument("folder", type=path, metavar="DST", help="folder for the files")
    args: argparse.Namespace = parser.parse_args(argv)
    for file in draw_all(args.folder):
        print(f"saved {file}")
    from docs.draw_figures.animation import draw_animation, draw_photographed

    for name, draw in (("shapes", draw_animation), ("photographed", draw_photographed)):
        draw(args.folder / f"{name}.webp")
        print(f"saved {args.folder / f'{name}.webp'}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run(main))
