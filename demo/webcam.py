"""Live detection: `python -m demo.webcam`. From a camera, a file or a stream to boxes on a screen.

Only the standard library is imported here at the start, so that `--help` answers at once, and
TensorFlow only if the model asks for it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UserError
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
    import numpy as np

    from demo.capture import Frame, Source
    from demo.hud import Tally
    from demo.recorder import Recorder, Still
    from demo.screen import Window
    from detector.predictor import Predictor
    from detector.types import Detections

_EXAMPLES = """\
examples:
  python -m demo.webcam                                 the first camera, in a window
  python -m demo.webcam --source street.mp4 --save out/street.mp4
  python -m demo.webcam --source photos/ --json out/photos.json --headless
  python -m demo.webcam --source "photos/*.jpg" --classes person,dog
  python -m demo.webcam --source rtsp://192.168.1.20/stream --score 0.6

q, Esc, closing the window and Ctrl-C end it, with all files complete. In a window each picture
of a folder is shown for a second (a key goes on at once), and the last until a key is pressed.
"""
_FALLBACK_SAVE = Path("out/webcam.mp4")
_LIVE_FPS = 30.0  # of the recording of a camera that does not say
_PICTURE_S = 1.0  # how long each picture of a folder is shown


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: the arguments; None takes those of the process.

    Returns:
        0, or 1 if a picture had to be skipped.

    Raises:
        UserError: an argument, the source or the model is at fault.
    """
    args = _parser().parse_args(argv)
    from demo.capture import open_source

    with open_source(args.source) as source:
        recorder = _settle_outputs(args, source)
        predictor = load_predictor(args)
        labels = predictor.classes.labels_of(args.classes) if args.classes else None
        with _on_signals(source.stop):
            tally = _play(source, predictor, labels, recorder, args)
    print(*tally.lines(), sep="\n")
    for saved in filter(None, (args.save if tally.frames else None, args.json)):
        print(f"saved {saved}")
    return EXIT_CHECK_FAILED if source.unreadable else EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "demo.webcam", "Detect objects in a camera, a video, pictures or a stream, live.", _EXAMPLES
    )
    add = parser.add_argument
    add(
        "--source",
        metavar="0|FILE|FOLDER|GLOB|URL",
        help="camera number, video, picture, folder or glob of pictures, rtsp:// or http:// "
        "stream; without it camera 0, or the built-in clip where there is none",
    )
    add_model_arguments(parser)
    add(
        "--save",
        type=path,
        metavar="FILE",
        help="video with the boxes drawn: .mp4, .avi or .webm (pictures: one second each); "
        "for a single picture also .jpg, .png ...",
    )
    add("--json", type=path, metavar="FILE", help="write all detections, frame by frame")
    add("--headless", action="store_true", help="open no window")
    add("--frames", type=positive(int), metavar="N", help="stop after N frames")
    return parser


def _settle_outputs(args: argparse.Namespace, source: Source) -> Recorder | Still | None:
    """Decide on window and recording before the model is loaded, which takes a while."""
    from demo.screen import why_no_window

    reason = None if args.headless else why_no_window()
    if reason:
        args.headless = True
        args.save = args.save or _FALLBACK_SAVE
        print(f"{reason}: running headless, saving to {args.save}", file=sys.stderr)
    inputs = [*source.paths, *model_files(args.model)]
    check_outputs([args.save, args.json], inputs=inputs)
    return _recorder(args, source) if args.save else None


def _recorder(args: argparse.Namespace, source: Source) -> Recorder | Still:
    from demo.recorder import Recorder, Still
    from detector.images import SUFFIXES

    if source.pictures and source.count == 1 and args.save.suffix.lower() in SUFFIXES:
        return Still(args.save)
    return Recorder(args.save, 1 / _PICTURE_S if source.pictures else source.fps or _LIVE_FPS)


def _play(
    source: Source,
    predictor: Predictor,
    labels: list[int] | None,
    recorder: Recorder | Still | None,
    args: argparse.Namespace,
) -> Tally:
    from demo.hud import Tally, draw_hud
    from detector.draw import draw_detections

    tally = Tally()
    names = predictor.classes.names
    with (
        _window(source, args) as window,
        _files(source, predictor, tally, recorder, args.json) as keep,
    ):
        for frame in _progress(itertools.islice(source, args.frames), source, args):
            detections = predictor(frame.image).of_labels(labels)
            drawn = draw_detections(frame.image, detections, names)
            if not source.pictures:
                draw_hud(drawn, tally.rate.recent, tally.latency.value)
            latency_s = frame.age_s
            if window:
                window.show(drawn)
                # A file's frame may have waited in there for its turn.
                latency_s = frame.age_s if source.live else latency_s
            tally.add(latency_s, predictor.stage_ms, {names[i] for i in detections.labels})
            keep(frame, drawn, detections)
            if window and window.ended:
                break
        if window and source.pictures and tally.frames:
            while not (source.stopped or window.ended) and window.wait(0.05) < 0:
                pass
    return tally


def _window(source: Source, args: argparse.Namespace) -> AbstractContextManager[Window | None]:
    from demo.screen import Window

    if args.headless:
        return contextlib.nullcontext()
    fastest = _PICTURE_S if source.pictures else 0.0 if source.live else 1 / (source.fps or 1)
    return Window(f"{source.name} - q or Esc ends", fastest)


def _progress(frames: Iterator[Frame], source: Source, args: argparse.Namespace) -> Iterable[Frame]:
    from tqdm import tqdm

    total = min(filter(None, (source.count, args.frames)), default=None)
    return tqdm(frames, total=total, unit="frame", delay=2, disable=not args.headless)


@contextlib.contextmanager
def _files(
    source: Source,
    predictor: Predictor,
    tally: Tally,
    recorder: Recorder | Still | None,
    json: Path | None,
) -> Iterator[Callable[[Frame, np.ndarray, Detections], None]]:
    """A function that puts a frame, as drawn and as found, into the files asked for."""
    from detector.results import open_results

    with contextlib.ExitStack() as stack:
        results = None
        if recorder:
            stack.enter_context(recorder)
        if json:
            results = stack.enter_context(open_results(json, predictor.name, predictor.classes))

        def keep(frame: Frame, drawn: np.ndarray, detections: Detections) -> None:
            if recorder:
                recorder.add(drawn, at=frame.captured_at if source.live else None)
            if results:
                height, width = drawn.shape[:2]
                index = None if source.pictures else frame.index
                results.add(frame.file, height, width, detections, frame=index)

        yield keep
        if not tally.frames and source.unreadable:  # within the block: no empty file is written
            raise UserError(f"none of the pictures of {source.name} can be read")
        if results:
            results.finish(fps=round(tally.fps, 2), stage_ms=tally.stage_ms)


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
