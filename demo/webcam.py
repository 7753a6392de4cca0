"""Live detection: `python -m demo.webcam`. From a camera, a file or a stream to boxes on a screen.

Only the standard library is imported here at the start, so that `--help` answers at once, and
TensorFlow only if the model asks for it.
"""

from __future__ import annotations

import contextlib
import re
import signal
import sys
import threading
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import UserError
from demo.tracking.counting import parse_line, parse_zone
from demo.view.controls import KEYS, LOWEST_SCORE
from detector.command import EXIT_CHECK_FAILED, EXIT_OK, CommandParser, between, positive, run
from detector.files import check_outputs
from detector.model_arguments import add_model_arguments, load_predictor, model_files

if TYPE_CHECKING:
    from demo.show import View
    from demo.sources.clip import Clip
    from demo.sources.frames import Source
    from demo.view.controls import Controls
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

keys, in the window and, but for the first, on the page:
{keys}

Closing the window and Ctrl-C end it too, with all files complete. In a window each image of a
folder is shown for a second, or until Enter is pressed, and the last until then.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parser().parse_args(argv)
    if args.list_cameras:
        from demo.diagnosis.cameras import camera_lines

        for line in camera_lines():
            print(line, flush=True)
        return EXIT_OK
    from demo.sources.capture import is_live, open_source, shown_name
    from demo.sources.frames import Source

    if args.model is None:
        args.model = "coco" if args.dry_run else _fetched_model()
    # On a page, the clip plays until somebody ends it.
    repeat = args.view == "web" and not args.headless
    if args.dry_run and is_live(args.source):  # no camera is opened for that
        opened = Source(shown_name(args.source or "the first camera"), iter(()), live=True)
    else:
        opened = open_source(args.source, args.size, args.fps, _clip(args), repeat)
    with opened as source:
        _settle_outputs(args, source)
        if args.dry_run:
            print(_plan(args, source))
            return EXIT_OK
        predictor, controls = _load(args)
        with _on_signals(source.stop):
            return _play(source, predictor, controls, args)


def _parser() -> CommandParser:
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


def _fetched_model() -> str:
    """COCO's, or the built-in one where that cannot be had."""
    from detector.weights.presets import PRESETS, fetch_preset

    try:
        fetch_preset(PRESETS["coco"])
    except UserError as error:
        print(
            f"{str(error).partition(';')[0]}; taking the built-in model, which finds circles, "
            "triangles, squares, stars, crosses and hearts",
            file=sys.stderr,
        )
        return "shapes"
    return "coco"


def _clip(args: Namespace) -> Clip:
    """One in which the model finds something."""
    from demo.sources.clip import PHOTO_CLIP, SHAPES_CLIP
    from detector.models import find_model
    from detector.shapes.outlines import SHAPES

    spec = None if args.source else find_model(args.model, args.runtime).spec
    return SHAPES_CLIP if spec and set(spec.class_names) <= set(SHAPES) else PHOTO_CLIP


def _plan(args: Namespace, source: Source) -> str:
    from detector.models import find_model

    found = find_model(args.model, args.runtime)
    if found.spec and args.classes:
        found.spec.classes.labels_of(args.classes)  # raises where one is unknown
    outputs = ", ".join(str(file) for file in (args.save, args.json, args.events) if file)
    where = "nowhere" if args.headless else f"in a {args.view} view"
    written = f" and write {outputs}" if outputs else ""
    return f"would detect in {source.name} with {found.in_words()}, show it {where}{written}"


def _settle_outputs(args: Namespace, source: Source) -> None:
    """Decide on window and files before the model is loaded, which takes a while."""
    from demo.tracking.events import EventLog
    from demo.view.outputs import recorder_for
    from demo.view.window import why_no_window

    reason = None if args.headless or args.view == "web" else why_no_window()
    if reason:
        args.headless = True
        args.save = args.save or Path("out/webcam.mp4")
        print(f"{reason}: running headless, saving to {args.save}", file=sys.stderr)
    inputs = [*source.paths, *model_files(args.model)]
    check_outputs([args.save, args.json, args.events], inputs=inputs)
    if args.save:
        recorder_for(args.save, source)  # refuses a name that it cannot write
    if args.events:
        EventLog(args.events, ())  # likewise
    if args.view == "web" and not args.headless:
        from demo.view.web_server import check_address

        check_address(args.host, args.port)


def _load(args: Namespace) -> tuple[Predictor, Controls]:
    """The model, and what may be changed of what is shown."""
    from demo.view.controls import Controls

    asked = args.score
    if not args.headless:  # the user may want to see more
        args.score = LOWEST_SCORE if asked is None else min(asked, LOWEST_SCORE)
    predictor = load_predictor(args)
    labels = tuple(predictor.classes.labels_of(args.classes)) if args.classes else None
    return predictor, Controls(
        predictor.classes.names,
        score=predictor.spec.postprocess.score_threshold if asked is None else asked,
        labels=labels,
        tracks=args.tracks,
        help=args.times,
    )


def _play(source: Source, predictor: Predictor, controls: Controls, args: Namespace) -> int:
    """Run the loop, and say what came of it; the exit code."""
    from tqdm import tqdm

    from demo.show import Show
    from demo.tracking.events import EventLog
    from demo.tracking.tracks import Tracks
    from demo.view.outputs import Files

    log = EventLog(args.events, controls.names) if args.events else None
    with (
        _view(source, controls, args) as view,
        Files(source, controls, args.save) as files,
        Tracks(source, controls, args.count_line, args.count_zone, log) as tracks,
    ):
        if args.json:
            files.write_json(args.json, predictor)
        show = Show(source, predictor, controls, view, files, tracks, args.frames)
        total = min(filter(None, (source.count, args.frames)), default=None)
        with tqdm(total=total, unit="frame", delay=2, disable=not args.headless) as bar:
            stats = show.run(bar.update)
        if not stats.frames and source.unreadable:  # within the block: no empty file is written
            raise UserError(f"none of the images of {source.name} can be read")
        files.finish(stats)
        if source.of_images:
            show.linger()
    counted = (f"{what}: {number}" for what, number in tracks.counts().items())
    logged = [args.events] if args.events and stats.frames else []
    saved = (f"saved {saved}" for saved in [*files.saved, *logged])
    print(*stats.lines(), *show.cap_lines(), *counted, *saved, sep="\n")
    return EXIT_CHECK_FAILED if source.unreadable or files.cut_short else EXIT_OK


def _view(
    source: Source, controls: Controls, args: Namespace
) -> contextlib.AbstractContextManager[View | None]:
    if args.headless:
        return contextlib.nullcontext()
    if args.view == "web":
        from demo.view.web_page import Page

        page = Page(controls, args.host, args.port)
        if page.is_open:
            warning = "everyone in the network can watch and steer; there is no password"
            print(f"warning: {warning}", file=sys.stderr)
        print(f"open {page.url}", file=sys.stderr)
        return page
    from demo.view.window import Window

    return Window(f"{source.name} - q or Esc ends", controls)


@contextlib.contextmanager
def _on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM call `stop`; a second one acts as it did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _: object) -> None:
        stop()
        signal.signal(number, before[number])

    numbers = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
    # What was ignored from the start stays so: that is what nohup does.
    before = {n: old for n in numbers if (old := signal.getsignal(n)) != signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(run(main))
