"""The arguments of `python -m demo.webcam`."""

import re
from argparse import ArgumentTypeError

from demo.tracking.counting import parse_line, parse_zone
from demo.view.controls import KEYS
from detector.command import CommandParser, between, positive
from detector.model_arguments import add_model_arguments

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


def webcam_parser() -> CommandParser:
    """The parser; without `--model`, its model is None."""
    width = max(len(key) for key, _ in KEYS)
    keys = "\n".join(f"  {key:{width}}  {meaning}" for key, meaning in KEYS)
    parser = CommandParser(
        "demo.webcam",
        "Detect objects in a camera, a video, images or a stream, live.",
        _EXAMPLES.format(keys=keys),
        "0; 1 if an image or frames had to be skipped, or a recording or the JSON ended early",
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
    add("--list-cameras", action="store_true", help="say which cameras there are, and stop")
    add("--size", type=_size, metavar="WxH", help="to ask of a camera, such as 1280x720")
    add("--fps", type=positive(float), metavar="N", help="to ask of a camera")
    _add_view_arguments(parser)
    parser.add_outputs(
        save="video with the boxes drawn: .mp4, .avi or .webm (images: one second each); "
        "for a single image also .jpg, .png ...",
        json="write all detections, frame by frame",
        events="write which track ids begin, end and cross: .csv, .jsonl",
    )
    add("--frames", type=positive(int), metavar="N", help="stop after N frames")
    parser.add_dry_run()
    return parser


def _add_view_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--view", choices=("window", "web"), default="window", help="where to show it (window)")
    add("--headless", action="store_true", help="show it nowhere")
    add("--host", default="127.0.0.1", help="of the page (127.0.0.1: this machine alone)")
    add("--port", type=between(int, 0, 65535), default=8000, metavar="N", help="of the page (8000)")
    add("--no-token", action="store_true", help="let everyone in whom --host lets reach the page")
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


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{1,4})x([1-9]\d{1,4})", text)
    if not match:
        raise ArgumentTypeError(f"must be like 1280x720, got {text}")
    return int(match[1]), int(match[2])
