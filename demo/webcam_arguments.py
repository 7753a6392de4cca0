"""Command-line arguments of `python -m demo.webcam`."""

from __future__ import annotations

import argparse
import math
import re
from typing import TYPE_CHECKING

from demo.view.controls import KEYS
from detector.command import CommandParser, between, positive
from detector.model_arguments import add_model_arguments

if TYPE_CHECKING:
    from demo.tracking.counting import Points

_EXAMPLES = """\
examples:
  python -m demo.webcam                                 the first camera, in a window
  python -m demo.webcam --source street.mp4 --save out/street.mp4
  python -m demo.webcam --source photos/ --json out/photos.json --headless
  python -m demo.webcam --source "photos/*.jpg" --classes person,dog
  python -m demo.webcam --source rtsp://192.168.1.20/stream --score 0.6
  python -m demo.webcam --view web                      on a page, for a board without a screen
  python -m demo.webcam --count-line 0.5,0,0.5,1 --events crossings.csv

keys, in the window and, but for the first, on the page:
{keys}

Closing the window and Ctrl-C end it too, with all files complete. In a window each image of a
folder is shown for a second, or until Enter is pressed, and the last until then.
"""


def make_webcam_parser() -> CommandParser:
    """The parser; without `--model`, its model is None."""
    width = max(len(key) for key, _ in KEYS)
    keys = "\n".join(f"  {key:{width}}  {meaning}" for key, meaning in KEYS)
    parser = CommandParser(
        "demo.webcam",
        "Detect objects in a camera, a video, images or a stream, live.",
        _EXAMPLES.format(keys=keys),
        "0; 1 if an image had to be skipped or a recording ended early",
    )
    add = parser.add_argument
    add(
        "--source",
        metavar="0|FILE|FOLDER|GLOB|URL",
        help="camera number, video, image, folder or glob of images, rtsp:// or http:// "
        "stream; without it camera 0, or the built-in clip where there is none",
    )
    add_model_arguments(parser)
    parser.set_defaults(model=None)
    _add_camera_arguments(parser)
    _add_view_arguments(parser)
    _add_output_arguments(parser)
    return parser


def _add_camera_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--list-cameras", action="store_true", help="say which cameras there are, and stop")
    add("--size", type=_size, metavar="WxH", help="to ask of a camera, such as 1280x720")
    add("--fps", type=positive(float), metavar="N", help="to ask of a camera")


def _add_view_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--view", choices=("window", "web"), default="window", help="where to show it (window)")
    add("--headless", action="store_true", help="show it nowhere")
    add("--host", default="127.0.0.1", help="of the page (127.0.0.1: this machine alone)")
    add("--port", type=between(int, 0, 65535), default=8000, metavar="N", help="of the page (8000)")
    add("--tracks", action="store_true", help="draw the track of each object (t)")
    add("--times", action="store_true", help="draw the times of all stages and the keys (h)")
    add(
        "--count-line",
        type=parse_line,
        metavar="X1,Y1,X2,Y2",
        help="count what crosses it; pixels of the source, or fractions from 0 to 1",
    )
    add(
        "--count-zone",
        type=parse_zone,
        metavar="X1,Y1,X2,Y2,X3,Y3...",
        help="count what is in it and what has entered it; likewise",
    )


def _add_output_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    parser.add_outputs(
        save="video with the boxes drawn: .mp4, .avi or .webm (images: one second each); "
        "for a single image also .jpg, .png ...",
        json="write all detections, frame by frame",
        events="write which track ids begin, end and cross: .csv, .jsonl",
    )
    add("--frames", type=positive(int), metavar="N", help="stop after N frames")
    parser.add_dry_run()


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{1,4})x([1-9]\d{1,4})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"must be like 1280x720, got {text}")
    return int(match[1]), int(match[2])


def parse_line(text: str) -> Points:
    """An argparse type: X1,Y1,X2,Y2, the two ends of a line, in pixels or fractions."""
    ends = _parse_points(text)
    if len(ends) != 2:
        raise argparse.ArgumentTypeError(f"needs four numbers X1,Y1,X2,Y2, got {text}")
    if ends[0] == ends[1]:
        raise argparse.ArgumentTypeError(f"begins and ends at the same point: {text}")
    return ends


def parse_zone(text: str) -> Points:
    """An argparse type: X1,Y1,X2,Y2,X3,Y3,..., the corners of a zone, in pixels or fractions."""
    corners = _parse_points(text)
    if len(corners) < 3:
        raise argparse.ArgumentTypeError(f"needs three points X1,Y1,X2,Y2,X3,Y3 or more: {text}")
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    if math.isclose(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs), 0, abs_tol=1e-9):
        raise argparse.ArgumentTypeError(f"encloses no area: {text}")
    return corners


def _parse_points(text: str) -> Points:
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"needs numbers between commas, got {text}") from error
    if not all(0 <= number < math.inf for number in numbers):
        raise argparse.ArgumentTypeError(f"has a number below zero or too large: {text}")
    if len(numbers) % 2:
        raise argparse.ArgumentTypeError(f"needs pairs of numbers, got {len(numbers)}: {text}")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
