"""Output files of a run: recordings, snapshots, and the detections as JSON."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.errors import UserError
from demo.sources.frames import LIVE_FPS, Frame, Source
from demo.view.controls import Controls
from demo.view.recorder import Recorder, Still
from demo.view.stats import Stats
from detector.files import make_folder
from detector.images import WRITABLE, write_image
from detector.results import ResultsWriter, open_results

if TYPE_CHECKING:
    from detector.predictor import Predictor

OUT = Path("out")
"""Where snapshots go, and recordings that were not given a name."""

_IMAGE_FPS = 1.0  # of the recording of images
_LEAST_FREE = 32 * 2**20  # bytes of disk with which a video can still be closed
_CHECK_S = 1.0


def recorder_for(path: Path, source: Source) -> Recorder | Still:
    """What records a source into a file.

    Raises:
        UserError: the file's suffix is none that it can write.
    """
    if source.of_images and source.count == 1 and path.suffix.lower() in WRITABLE:
        return Still(path)
    return Recorder(path, _IMAGE_FPS if source.of_images else source.fps or LIVE_FPS)


class Files(contextlib.AbstractContextManager["Files"]):
    """A context manager that writes them; at its end they are complete.

    If it ends in an exception, no recording and no JSON of this run is left behind.

    Args:
        source: of the frames.
        controls: say when to record.
        save: what the first recording is called, which then begins at once; or None.

    Attributes:
        saved: what is there by now.
        cut_short: the disk was full before a recording was to end.
    """

    def __init__(self, source: Source, controls: Controls, save: Path | None) -> None:
        self.saved: list[Path] = []
        self.cut_short = False
        self._source, self._controls = source, controls
        self._next = save
        self._recorder: Recorder | Still | None = None
        self._results: ResultsWriter | None = None
        self._json: Path | None = None
        self._checked = 0.0
        self._files = contextlib.ExitStack()
        controls.recording = save is not None

    @property
    def is_recording(self) -> bool:
        """Whether a recording has begun and not ended."""
        return self._recorder is not None

    def write_json(self, path: Path, predictor: Predictor) -> None:
        """Write all detections to a JSON file as well, from now on.

        Raises:
            UserError: it cannot be written.
        """
        self._json = path
        opened = open_results(path, predictor.name, predictor.classes)
        self._results = self._files.enter_context(opened)

    def keep(self, frame: Frame) -> None:
        """Put a frame, as drawn and as detected, wherever it belongs.

        Raises:
            UserError: a file cannot be written.
        """
        recorder, is_wanted = self._recorder, self._controls.recording
        if is_wanted and not recorder:
            self._try_start()
        elif recorder and (self._is_full(recorder.path) or not is_wanted):
            self._stop()
        if self._recorder:
            self._recorder.add(frame.drawn, at=frame.time_s if self._source.live else None)
        if self._results:
            height, width = frame.image.shape[:2]
            index = None if self._source.of_images else frame.index
            self._results.add(frame.file, height, width, frame.shown, frame=index)

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
        """Put the figures of the whole run into the JSON."""
        if self._results and self._json:
            self._results.finish(fps=round(stats.fps, 2), stage_ms=stats.stage_ms)
            self.saved.append(self._json)

    def __exit__(self, *error: Any) -> None:
        try:
            if self._recorder and error[0]:
                self._recorder.__exit__(*error)
            elif self._recorder:
                self._stop()
        finally:
            self._files.__exit__(*error)

    def _try_start(self) -> None:
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


def _free_name(kind: str, suffix: str) -> Path:
    """A name of the moment that nothing bears yet."""
    stem = time.strftime(f"{kind}-%Y%m%d-%H%M%S")
    names = (f"{stem}{f'-{number}' if number else ''}{suffix}" for number in itertools.count())
    return next(path for name in names if not (path := OUT / name).exists())
