"""Live detection: `python -m demo.webcam`. From a camera, a file or a stream to boxes on a screen.

Only the standard library is imported here at the start, so that `--help` answers at once, and
TensorFlow only if the model asks for it.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UserError
from demo.controls import KEYS, LOWEST_SCORE
from demo.counting import parse_line, parse_zone
from detector.command import (
    EXIT_CHECK_FAILED,
    EXIT_OK,
    make_parser,
    path,
    positive,
    run,
)
from detector.files import check_outputs
from detector.model_arguments import add_model_arguments, load_predictor, model_files

if TYPE_CHECKING:
    from demo.capture import CameraWish, Source
    from demo.controls import Controls
    from demo.files import Files
    from demo.follower import Follower
    from demo.show import Result, View
    from demo.tally import Tally
    from detector.predictor import Predictor

_EXAMPLES = """\
examples:
  python -m demo.webcam                                 the first camera, in a window
  python -m demo.webcam --source street.mp4 --save out/street.mp4
  python -m demo.webcam --source photos/ --json out/photos.json --headless
  python -m demo.webcam --source "photos/*.jpg" --classes person,dog
  python -m demo.webcam --source rtsp://192.168.1.20/stream --score 0.6
  python -m demo.webcam --view web                      on a page, for a board without a screen
  python -m demo.webcam --count-line 0.5,0,0.5,1 --events crossings.csv

keys, in the window and on the page:
{keys}

Closing the window and Ctrl-C end it too, with all files complete. In a window each picture of a
folder is shown for a second (a key goes on at once), and the last until a key is pressed.
"""
_FALLBACK_SAVE = Path("out/webcam.mp4")


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: the arguments; None takes those of the process.

    Returns:
        0, or 1 if a picture had to be skipped or a recording ended early.

    Raises:
        UserError: an argument, the source or the model is at fault.
    """
    args = _parser().parse_args(argv)
    if args.list_cameras:
        from demo.cameras import camera_lines

        for line in camera_lines():
            print(line, flush=True)
        return EXIT_OK
    from demo.capture import open_source

    with open_source(args.source, _wish(args)) as source:
        _settle_outputs(args, source)
        predictor, controls = _load(args)
        with _on_signals(source.stop):
            follower = _follower(source, controls, args)
            tally, files = _play(source, predictor, controls, follower, args)
    counted = (f"{what}: {number}" for what, number in follower.counts().items())
    saved = (f"saved {saved}" for saved in files.saved)
    print(*tally.lines(), *counted, *saved, sep="\n")
    return EXIT_CHECK_FAILED if source.unreadable or files.cut_short else EXIT_OK


def _parser() -> argparse.ArgumentParser:
    width = max(len(key) for key, _ in KEYS)
    keys = "\n".join(f"  {key:{width}}  {meaning}" for key, meaning in KEYS)
    parser = make_parser(
        "demo.webcam",
        "Detect objects in a camera, a video, pictures or a stream, live.",
        _EXAMPLES.format(keys=keys),
    )
    add = parser.add_argument
    add(
        "--source",
        metavar="0|FILE|FOLDER|GLOB|URL",
        help="camera number, video, picture, folder or glob of pictures, rtsp:// or http:// "
        "stream; without it camera 0, or the built-in clip where there is none",
    )
    add_model_arguments(parser)
    _add_camera_arguments(parser)
    _add_view_arguments(parser)
    _add_output_arguments(parser)
    return parser


def _add_camera_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--list-cameras", action="store_true", help="say which cameras there are, and stop")
    add("--size", type=_size, metavar="WxH", help="to ask of a camera, such as 1280x720")
    add("--fps", type=positive(float), metavar="N", help="to ask of a camera")


def _add_view_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--view", choices=("window", "web"), default="window", help="where to show it (window)")
    add("--headless", action="store_true", help="show it nowhere")
    add("--host", default="127.0.0.1", help="of the page (127.0.0.1: this machine alone)")
    add("--port", type=_port, default=8000, metavar="N", help="of the page (8000)")
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


def _add_output_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--save",
        type=path,
        metavar="FILE",
        help="video with the boxes drawn: .mp4, .avi or .webm (pictures: one second each); "
        "for a single picture also .jpg, .png ...",
    )
    add("--json", type=path, metavar="FILE", help="write all detections, frame by frame")
    add(
        "--events",
        type=path,
        metavar="FILE",
        help="write who comes, goes and crosses: .csv, .jsonl",
    )
    add("--frames", type=positive(int), metavar="N", help="stop after N frames")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{1,4})x([1-9]\d{1,4})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"must be like 1280x720, got {text}")
    return int(match[1]), int(match[2])


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 65535, got {text}")
    return value


def _wish(args: argparse.Namespace) -> CameraWish | None:
    from demo.capture import CameraWish

    if args.size is None and args.fps is None:
        return None
    width, height = args.size or (None, None)
    return CameraWish(width, height, args.fps)


def _settle_outputs(args: argparse.Namespace, source: Source) -> None:
    """Decide on window and files before the model is loaded, which takes a while."""
    from demo.files import recorder_for
    from demo.screen import why_no_window

    reason = None if args.headless or args.view == "web" else why_no_window()
    if reason:
        args.headless = True
        args.save = args.save or _FALLBACK_SAVE
        print(f"{reason}: running headless, saving to {args.save}", file=sys.stderr)
    inputs = [*source.paths, *model_files(args.model)]
    check_outputs([args.save, args.json, args.events], inputs=inputs)
    if args.save:
        recorder_for(args.save, source)  # refuses a name that it cannot write


def _load(args: argparse.Namespace) -> tuple[Predictor, Controls]:
    """The model, and what may be changed of what is shown."""
    from demo.controls import Controls

    asked = args.score
    if not args.headless:  # its user may want to see more
        args.score = LOWEST_SCORE if asked is None else min(asked, LOWEST_SCORE)
    predictor = load_predictor(args)
    labels = predictor.classes.labels_of(args.classes) if args.classes else None
    return predictor, Controls(
        predictor.classes.names,
        score=predictor.spec.postprocess.score_threshold if asked is None else asked,
        labels=None if labels is None else tuple(labels),
        tracks=args.tracks,
        help=args.times,
    )


def _play(
    source: Source,
    predictor: Predictor,
    controls: Controls,
    follower: Follower,
    args: argparse.Namespace,
) -> tuple[Tally, Files]:
    from demo.files import Files
    from demo.show import Show

    with (
        _view(source, controls, args) as view,
        Files(source, controls, args.save) as files,
        follower,
    ):
        if args.json:
            files.write_json(args.json, predictor)
        show = Show(source, predictor, controls, view, files, follower, args.frames)
        tally = show.run(lambda results: _progress(results, source, args))
        if not tally.frames and source.unreadable:  # within the block: no empty file is written
            raise UserError(f"none of the pictures of {source.name} can be read")
        files.finish(tally)
        if source.pictures:
            show.linger()
    return tally, files


def _follower(source: Source, controls: Controls, args: argparse.Namespace) -> Follower:
    from demo.events import EventLog
    from demo.follower import Follower, Wanted

    log = EventLog(args.events, controls.names) if args.events else None
    return Follower(controls.names, source, controls, Wanted(args.count_line, args.count_zone, log))


def _view(
    source: Source, controls: Controls, args: argparse.Namespace
) -> AbstractContextManager[View | None]:
    if args.headless:
        return contextlib.nullcontext()
    if args.view == "web":
        from demo.page import Page

        page = Page(controls, args.host, args.port)
        print(f"open {page.url}", file=sys.stderr)
        return page
    from demo.screen import Window

    return Window(f"{source.name} - q or Esc ends", controls)


def _progress(
    results: Iterator[Result], source: Source, args: argparse.Namespace
) -> Iterable[Result]:
    from tqdm import tqdm

    total = min(filter(None, (source.count, args.frames)), default=None)
    return tqdm(results, total=total, unit="frame", delay=2, disable=not args.headless)


@contextlib.contextmanager
def _on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM call `stop`; a second one acts as it did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _: object) -> None:
        stop()
        signal.signal(number, before[number])

    before: dict[int, Any] = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(run(main))
