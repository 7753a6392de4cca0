"""Live detection: `python -m demo.webcam`. From a camera, a file or a stream to boxes on a screen.

Only the standard library is imported here at the start, so that `--help` answers at once, and
TensorFlow only if the model asks for it.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import UserError
from demo.view.controls import LOWEST_SCORE
from demo.webcam_arguments import webcam_parser
from detector.command import EXIT_CHECK_FAILED, EXIT_OK, run
from detector.files import check_outputs
from detector.model_arguments import load_predictor, model_files
from detector.slicing.tiling import choose_tiling

if TYPE_CHECKING:
    from demo.show import View
    from demo.sources.clip import Clip
    from demo.sources.frames import Source
    from demo.view.controls import Controls
    from detector.predictor import Predictor


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = webcam_parser().parse_args(argv)
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
    tiles = ""
    if args.slice is not None:
        tiles = f" in {choose_tiling(args.slice, found.spec).in_words()}"
    return f"would detect in {source.name} with {found.in_words()}{tiles}, show it {where}{written}"


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

        page = Page(controls, args.host, args.port, not args.no_token)
        if page.is_open and args.no_token:
            warning = "everyone in the network can watch and steer; there is no password"
            print(f"warning: {warning}", file=sys.stderr)
        elif page.is_open:
            print("whoever has this address can watch and steer:", file=sys.stderr)
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
