"""Output files of a run: recordings, snapshots, and the detections as JSON."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.errors import UserError
from demo.sources.frames import IMAGE_FPS, LIVE_FPS, Frame, Source
from demo.view.controls import Controls
from demo.view.live_json import LiveJson
from demo.view.recorder import Recorder, Still
from demo.view.stats import Stats
from detector.files import make_folder
from detector.images import WRITABLE, write_image

if TYPE_CHECKING:
    from detector.predictor import Predictor

OUT = Path("out")
"""Where snapshots go, and recordings that were not given a name."""

_LEAST_FREE = 32 * 2**20  # bytes of disk with which a video can still be closed
_CHECK_S = 1.0
_LATE_S = 1.0  # a frame may come so late before the one before it is repeated


def recorder_for(path: Path, source: Source) -> Recorder | Still:
    """What records a source into a file.

    Raises:
        UserError: the file's suffix is none that it can write.
    """
    if source.of_images and source.count == 1 and path.suffix.lower() in WRITABLE:
        return Still(path)
    return Recorder(path, IMAGE_FPS if source.of_images else source.fps or LIVE_FPS)


class Files(contextlib.AbstractContextManager["Files"]):
    """A context manager that writes them; at its end they are complete.

    If it ends in an exception, what came before it is kept.

    Args:
        source: of the frames.
        controls: say when to record.
        save: what the first recording is called, which then begins at once; or None.

    Attributes:
        saved: what is there by now.
        cut_short: the disk was full before a recording or the JSON was to end.
    """

    def __init__(self, source: Source, controls: Controls, save: Path | None) -> None:
        self.saved: list[Path] = []
        self.cut_short = False
        self._source, self._controls = source, controls
        self._next = save
        self._recorder: Recorder | Still | None = None
        self._json: LiveJson | None = None
        self._checked = 0.0
        self._latest_s = self._latest_at = 0.0  # of the latest frame: its own time, and the clock
        controls.recording = save is not None

    @property
    def is_recording(self) -> bool:
        """Whether a recording has begun and not ended."""
        return self._recorder is not None

    def write_json(self, path: Path, predictor: Predictor) -> None:
        """Write all detections to a JSON file as well, from now on."""
        self._json = LiveJson(path, predictor.name, predictor.classes)

    def keep(self, frame: Frame) -> None:
        """Put a frame, as drawn and as detected, wherever it belongs.

        Raises:
            UserError: a file cannot be written.
        """
        recorder, is_wanted = self._recorder, self._controls.recording
        if is_wanted and not recorder:
            self._try_start(frame)
        elif recorder and (self._is_full(recorder.path) or not is_wanted):
            self._stop()
        if self._recorder:
            self._recorder.add(frame.drawn, frame.time_s)
        self._latest_s, self._latest_at = frame.time_s, time.monotonic()
        if self._json:
            height, width = frame.image.shape[:2]
            moment = (None, None) if self._source.of_images else (frame.index, frame.time_s)
            with self._until_full(self._json):
                self._json.add(frame.file, height, width, frame.shown, *moment)

    def rest(self) -> None:
        """What goes on while no frame comes: a live recording keeps real time, the JSON is written.

        Raises:
            UserError: one of them cannot be written.
        """
        if self._json:
            with self._until_full(self._json):
                self._json.rest()
        source = self._source
        # What such a source gives after a stall may have the time at which that began.
        stalls = source.may_stall and not (source.trouble or self._controls.paused)
        if self._recorder and source.live and not stalls and self._controls.recording:
            if self._is_full(self._recorder.path):
                self._stop()
            else:
                passed = time.monotonic() - self._latest_at
                self._recorder.rest(self._latest_s + passed - _LATE_S)

    def save_snapshot(self, drawn: np.ndarray) -> Path:
        """Write a uint8 `(H, W, 3)` RGB image; where it went.

        Raises:
            UserError: it cannot be written.
        """
        path = _free_name("snapshot", ".jpg")
        write_image(path, drawn)
        self.saved.append(path)
        return path

    def finish(self, stats: Stats) -> None:
        """Put the figures of the whole run into the JSON.

        Raises:
            UserError: it cannot be written, and nothing of it has been.
        """
        if self._json:
            with self._until_full(self._json):
                self._json.finish(fps=round(stats.fps, 2), stage_ms=stats.stage_ms)
                self.saved.append(self._json.path)

    def __exit__(self, *error: Any) -> None:
        with contextlib.ExitStack() as stack:
            if error[0]:  # it must not be hidden by another
                stack.enter_context(_told())
            if self._json:
                stack.push(self._json)
            self._stop()

    @contextlib.contextmanager
    def _until_full(self, json: LiveJson) -> Iterator[None]:
        """Where the JSON cannot be written on, it ends; the run goes on."""
        try:
            yield
        except UserError as error:
            if not json.frames:
                raise
            print(f"{error}; it ends after {json.frames:,} frames", file=sys.stderr)
            json.__exit__()
            self.saved.append(json.path)
            self._json, self.cut_short = None, True

    def _try_start(self, first: Frame) -> None:
        """Start a recording; one that nobody named is given up where it cannot be written."""
        named, self._next = self._next, None
        path = named or _free_name("recording", ".mp4")
        try:
            make_folder(path.parent)
        except UserError as error:
            if named:
                raise
            self._controls.recording = False
            print(error, file=sys.stderr)
            return
        self._recorder = recorder_for(path, self._source)
        if first.index == 0:  # what was lost before it is time too
            self._recorder.add(first.drawn, 0.0)
        elif not self._source.of_images:  # events are found at their time less this
            print(f"{path} begins at {first.time_s:.3f} s", file=sys.stderr)

    def _stop(self) -> None:
        recorder, self._recorder = self._recorder, None
        self._controls.recording = False
        if recorder:
            recorder.__exit__(None, None, None)
            self.saved.insert(0, recorder.path)

    def _is_full(self, path: Path) -> bool:
        """Whether a recording has to end now, while the disk has room for its end."""
        now = time.monotonic()
        if now - self._checked < _CHECK_S:
            return False
        self._checked = now
        if shutil.disk_usage(path.parent).free > _LEAST_FREE:
            return False
        print(f"the disk is full: {path} ends here", file=sys.stderr)
        self.cut_short = True
        return True


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        print(error, file=sys.stderr)


def _free_name(kind: str, suffix: str) -> Path:
    """A name of the moment that nothing bears yet."""
    stem = time.strftime(f"{kind}-%Y%m%d-%H%M%S")
    names = (f"{stem}{f'-{number}' if number else ''}{suffix}" for number in itertools.count())
    return next(path for name in names if not (path := OUT / name).exists())
