"""The live loop: frames are detected, tracked, drawn, shown and recorded as the controls ask."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from configs.errors import UserError
from demo.sources.frames import Frame, Source
from demo.sources.prefetch_thread import Prefetcher
from demo.view.controls import Controls
from demo.view.hud import draw_help, draw_hud, draw_notes
from demo.view.stats import Stats
from detector.detection_cap import DetectionCap
from detector.little_found import LittleFound
from detector.results import readable

if TYPE_CHECKING:
    from demo.tracking.tracks import Tracks
    from demo.view.outputs import Files
    from detector.predictor import Predictor

_POLL_S = 0.02  # how long a key may wait for the loop
_NOTE_S = 2.0  # how long a note stays
_LONGEST_S = 10.0  # that a frame of a file stays, whatever gap of time follows it


class View(Protocol):
    """Where frames are shown: a window or a web page."""

    def show(self, image: np.ndarray, status: Mapping[str, Any]) -> None:
        """Show a uint8 `(H, W, 3)` RGB image, which nobody changes afterwards."""

    def wait(self, seconds: float) -> bool:
        """Serve it for so long; sooner, and True, on a key that the controls have no use for."""
        ...


def detect(frames: Iterable[Frame], predictor: Predictor) -> Iterator[Frame]:
    """Detect in one frame after the other."""
    for frame in frames:
        if predictor.tiling:
            predictor.tiling.require_fits(frame.file, *frame.image.shape[:2])
        frame.detections = predictor(frame.image)
        frame.stage_ms |= predictor.stage_ms
        yield frame


@dataclass(eq=False)
class Show:
    """One run of the demo.

    Attributes:
        source: of the frames.
        predictor: detects in them.
        controls: obeyed from frame to frame.
        view: where to show them, or None.
        files: where to keep them.
        tracks: gives ids to what is found, counts it, and draws it all.
        most: frames to be shown, or None for all.
        stats: of the frames shown so far.
    """

    source: Source
    predictor: Predictor
    controls: Controls
    view: View | None
    files: Files
    tracks: Tracks
    most: int | None = None

    def __post_init__(self) -> None:
        self.stats = Stats()
        self._cap = DetectionCap(self.predictor.thresholds.max_detections)
        self._little = LittleFound(self.predictor)
        self._latest: Frame | None = None
        self._due = self._begun = 0.0  # when the latest frame was to be shown, and was
        self._note, self._note_until = "", 0.0
        self._drawn_as = self._look()

    def run(self, on_frame: Callable[[], Any] = lambda: None) -> Stats:
        """Present frames until the source ends, or the user ends it.

        Args:
            on_frame: called after each frame, to count them.

        Raises:
            UserError: a file cannot be written.
        """
        frames: Source | Prefetcher[Frame] = self.source  # one that is live reads ahead itself
        if not self.source.live:  # no more is read than is asked for
            frames = Prefetcher(itertools.islice(self.source, self.most), "reading")
        detected = Prefetcher(detect(frames, self.predictor), "detecting", self.source.live)
        try:
            while not (self._is_over() or detected.ended or self.stats.frames == self.most):
                frame = None if self.controls.paused else detected.take(_POLL_S)
                if frame is None:
                    self._idle()
                elif self._wait_until_due(frame):
                    self._latest, begun = frame, time.perf_counter()
                    frame.select(self.controls.score, self.controls.labels)
                    self.tracks.update(frame)
                    self.tracks.draw(frame)
                    frame.stage_ms["draw"] = 1000 * (time.perf_counter() - begun)
                    self._show(frame)
                    self._count(frame)
                    self.files.keep(frame)
                    self._take_snapshots()
                    on_frame()
        finally:
            if isinstance(frames, Prefetcher):
                frames.close()
            else:
                frames.stop()
            detected.close()
        return self.stats

    def linger(self) -> None:
        """Leave the last frame until a key without another meaning is pressed."""
        while self.view and not self._is_over() and not self.view.wait(_POLL_S):
            if self.controls.recording and not self.files.is_recording:
                self.controls.recording = False
                self.note("there is nothing more to record; s saves this frame")
            self._rest()
        self._take_snapshots()

    def cap_lines(self) -> list[str]:
        """What is to be said of frames with as many detections as there can be, or too few."""
        return [line for one in (self._cap, self._little) if (line := one.in_words("frame"))]

    def note(self, text: str) -> None:
        """Write something over the frame for two seconds."""
        self._note, self._note_until = text, time.monotonic() + _NOTE_S

    def _is_over(self) -> bool:
        return self.controls.ended or self.source.stopped

    def _idle(self) -> None:
        self._rest()
        if self.view:
            self.view.wait(_POLL_S if self.controls.paused else 0.0)
        elif self.controls.paused:
            time.sleep(_POLL_S)

    def _count(self, frame: Frame) -> None:
        # The frame of a file waits for its turn on purpose: only the work on it counts.
        age_s = time.monotonic() - frame.captured_at
        late_s = age_s if self.source.live else sum(frame.stage_ms.values()) / 1000
        # The model runs at a lower score than is shown: what stays hidden fills no frame.
        found = int((frame.detections.scores >= self.controls.score).sum())
        self._cap.add(found)
        height, width = frame.image.shape[:2]
        self._little.add(height, width, found)
        names = {self.controls.names[int(label)] for label in frame.shown.labels}
        self.stats.add(late_s, frame.stage_ms, names)

    def _show(self, frame: Frame) -> None:
        """Show a drawn frame, with figures and notes that are on the screen alone."""
        self._say_choice()
        self._drawn_as = self._look()
        if self.view is None:
            return
        screen = frame.drawn.copy()
        if not self.source.of_images:
            draw_hud(screen, self.stats.rate.recent, self.stats.latency.value)
        draw_notes(screen, self._notes(), self.controls.recording)
        if self.controls.help:
            draw_help(screen, self.stats.recent_ms)
        self.view.show(screen, self._status(frame))

    def _look(self) -> tuple[Any, ...]:
        """All that the drawing of a frame depends on."""
        controls = self.controls
        state = (controls.score, controls.labels, controls.tracks, controls.help)
        return (*state, controls.recording, controls.paused, *self._notes())

    def _notes(self) -> list[str]:
        is_noted = time.monotonic() < self._note_until
        notes = (self.source.trouble, "paused" * self.controls.paused, self._note * is_noted)
        return [note for note in notes if note]

    def _wait_until_due(self, frame: Frame) -> bool:
        """Keep the frame before for its time; the user can still work on it.

        Returns:
            whether this next one is to be shown.
        """
        if self.view is None:
            return True
        due = time.monotonic()
        if self._latest and not self.source.live:
            # A small delay is made up for; a long one does not make the following frames hurry.
            seconds = min(frame.time_s - self._latest.time_s, _LONGEST_S)
            due = max(self._due + seconds, self._begun)
        is_next = is_stale = False
        while not is_next:
            left = due - time.monotonic()
            seconds = _POLL_S if self.controls.paused else min(max(0.0, left), _POLL_S)
            skips = self.view.wait(seconds) and self.source.of_images
            if self._is_over():
                return False
            self._rest()
            is_stale |= self.controls.paused and self.source.live  # newer ones come meanwhile
            is_next = not self.controls.paused and (left <= 0 or skips)
        self._due, self._begun = due, time.monotonic()
        return not is_stale

    def _rest(self) -> None:
        """What goes on between two frames; the latest is drawn anew if the controls changed."""
        if self.controls.paused or self.source.trouble:
            self.stats.rate.pause()
        if self._latest and self.view and self._look() != self._drawn_as:
            self._latest.select(self.controls.score, self.controls.labels)
            self.tracks.draw(self._latest)
            self._show(self._latest)
        self.files.rest()
        self._take_snapshots()

    def _say_choice(self) -> None:
        """Write what is shown from now on, where the user has just changed that."""
        score, labels = self.controls.score, self.controls.labels
        if score != self._drawn_as[0]:
            self.note(f"from {score:.0%}")
        elif labels != self._drawn_as[1]:
            names = [self.controls.names[label] for label in labels or ()]
            self.note("all classes" if labels is None else "only " + ", ".join(names))

    def _take_snapshots(self) -> None:
        while self._latest and self.controls.take_snapshot():
            try:
                self.note(f"saved {self.files.save_snapshot(self._latest.drawn)}")
            except UserError as error:
                print(error, file=sys.stderr)
                self.note(str(error))

    def _status(self, frame: Frame) -> dict[str, Any]:
        """What a page wants to know of a frame."""
        found, ids = readable(frame.shown, self.predictor.classes), frame.shown_ids
        if self.controls.tracks and ids is not None:
            for entry, number in zip(found, ids.tolist(), strict=True):
                entry["track"] = number if number > 0 else None  # it has none yet
        latency = self.stats.latency.value
        return {
            "model": self.predictor.name,
            "source": self.source.name,
            "fps": self.stats.rate.recent,
            "latency_ms": None if latency is None else 1000 * latency,
            "stage_ms": self.stats.recent_ms,
            "detections": found,
            "counts": self.tracks.counts(),
            "recording": self.controls.recording,
            "note": "; ".join(self._notes()),
        }
