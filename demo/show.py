"""The loop of the demo: each result is drawn, shown and kept, the way the controls ask for."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from demo.ahead import Ahead
from demo.capture import Frame, Source
from demo.controls import Controls
from demo.hud import draw_help, draw_hud, draw_notes
from demo.tally import Tally
from detector.results import readable
from detector.types import Detections

if TYPE_CHECKING:
    from demo.files import Files
    from demo.follower import Follower
    from detector.classes import ClassMap
    from detector.predictor import Predictor

PICTURE_S = 1.0
"""How long each picture of a folder is shown."""

_POLL_S = 0.02  # how long a key may wait for the loop
_NOTE_S = 2.0  # how long a note stays


class View(Protocol):
    """Where pictures are shown: a window or a web page."""

    def show(self, image: np.ndarray, status: Mapping[str, Any]) -> None:
        """Show a uint8 `(H, W, 3)` RGB picture, which nobody changes afterwards."""

    def wait(self, seconds: float) -> bool:
        """Serve it for so long; sooner, and True, if its user pressed a key."""
        ...


@dataclass(frozen=True, eq=False)
class Result:
    """A frame and what was found in it.

    Attributes:
        frame: as it came.
        detections: all that the model gives, best first.
        stage_ms: milliseconds in each stage so far.
    """

    frame: Frame
    detections: Detections
    stage_ms: Mapping[str, float]


def detect(frames: Iterable[Frame], predictor: Predictor) -> Iterator[Result]:
    """Detect in one frame after the other."""
    for frame in frames:
        found = predictor(frame.image)
        yield Result(frame, found, {"grab": frame.grab_ms, **predictor.stage_ms})


class Show:
    """One run of the demo.

    Args:
        source: of the frames.
        predictor: detects in them.
        controls: obeyed from frame to frame.
        view: where to show them, or None.
        files: where to keep them.
        follower: gives ids to what is found, and counts it.
        most: frames to be shown, or None for all.

    Attributes:
        tally: what it amounts to so far.
    """

    def __init__(
        self,
        source: Source,
        predictor: Predictor,
        controls: Controls,
        view: View | None,
        files: Files,
        follower: Follower,
        most: int | None = None,
    ) -> None:
        self.tally = Tally()
        self._source, self._predictor, self._controls = source, predictor, controls
        self._view, self._files, self._follower = view, files, follower
        self._most = most
        self._classes: ClassMap = predictor.classes
        self._latest: Result | None = None
        self._drawn_as: Any = None  # what the controls were then
        self._note, self._note_until = "", 0.0
        self._choice = controls.score, controls.labels
        self._due: float | None = None

    def run(self, progress: Callable[[Iterator[Result]], Iterable[Result]] = iter) -> Tally:
        """Present frames until the source ends, or its user ends it.

        Args:
            progress: wraps the results, to count them.

        Raises:
            UserError: a file cannot be written.
        """
        reading = self._reading()
        results = Ahead(detect(reading, self._predictor), "detecting", self._source.live)
        try:
            for result in progress(itertools.islice(self._taken(results), self._most)):
                self._present(result)
        finally:
            if isinstance(reading, Ahead):
                reading.close()
            else:
                self._source.stop()
            results.close()
        return self.tally

    def linger(self) -> None:
        """Leave the last picture until a key is pressed."""
        while self._view and not self._is_over() and not self._view.wait(_POLL_S):
            self._redraw()

    def _reading(self) -> Ahead[Frame] | Source:
        """Frames ahead of their use; those of a live source are read by a thread of its own."""
        if self._source.live:
            return self._source
        # No more is read than is asked for.
        return Ahead(itertools.islice(self._source, self._most), "reading")

    def _is_over(self) -> bool:
        return self._controls.ended or self._source.stopped

    def _taken(self, results: Ahead[Result]) -> Iterator[Result]:
        """The results as they come; between them, the view is served."""
        while not (self._is_over() or results.ended):
            result = None if self._controls.paused else results.take(_POLL_S)
            if result:
                yield result
            else:
                self._idle()

    def _idle(self) -> None:
        self._redraw()
        if self._view:
            self._view.wait(_POLL_S if self._controls.paused else 0.0)
        elif self._controls.paused:
            time.sleep(_POLL_S)

    def _present(self, result: Result) -> None:
        self._latest = result
        begun = time.perf_counter()
        shown = self._shown(result)
        self._follower.follow(shown, result.frame)
        drawn = self._draw(result, shown)
        stage_ms = {**result.stage_ms, "draw": 1000 * (time.perf_counter() - begun)}
        self._show_when_due(drawn, shown)
        # The frame of a file waits for its turn on purpose: only the work on it counts.
        late_s = result.frame.age_s if self._source.live else sum(stage_ms.values()) / 1000
        names = {self._classes.names[label] for label in shown.labels}
        self.tally.add(late_s, stage_ms, names)
        self._files.keep(result.frame, drawn, shown)
        self._take_snapshots(drawn)

    def _shown(self, result: Result) -> Detections:
        controls, found = self._controls, result.detections
        return found[found.scores >= controls.score].of_labels(controls.labels)

    def _draw(self, result: Result, shown: Detections) -> np.ndarray:
        self._say_choice()
        self._drawn_as = self._look()
        drawn = self._follower.draw(result.frame.image, shown)
        if not self._source.pictures:
            draw_hud(drawn, self.tally.rate.recent, self.tally.latency.value)
        draw_notes(drawn, self._notes(), self._controls.recording)
        if self._controls.help:
            draw_help(drawn, self.tally.recent_ms)
        return drawn

    def _look(self) -> tuple[Any, ...]:
        """All that the drawing of a frame depends on."""
        controls = self._controls
        state = (controls.score, controls.labels, controls.tracks, controls.help)
        return (*state, controls.recording, controls.paused, *self._notes())

    def _notes(self) -> list[str]:
        notes = [self._source.trouble()] if self._source.live else []
        notes += ["paused"] * self._controls.paused
        notes += [self._note] * (time.monotonic() < self._note_until)
        return [note for note in notes if note]

    def _redraw(self) -> None:
        """Draw the latest frame once more if the controls have changed since."""
        if self._latest is None or self._view is None or self._look() == self._drawn_as:
            return
        shown = self._shown(self._latest)
        drawn = self._draw(self._latest, shown)
        self._view.show(drawn, self._status(shown))
        self._take_snapshots(drawn)

    def _show_when_due(self, drawn: np.ndarray, shown: Detections) -> None:
        if self._view is None:
            return
        now = time.monotonic()
        due = now if self._due is None else self._due
        while (left := due - time.monotonic()) > 0 and not self._is_over():
            if self._view.wait(left) and self._source.pictures:
                break  # a key goes on to the next picture at once
        # A small delay is made up for; a long one does not make the following frames hurry.
        self._due = max(due + self._interval_s, time.monotonic())
        self._view.show(drawn, self._status(shown))
        self._view.wait(0.0)

    @property
    def _interval_s(self) -> float:
        if self._source.pictures:
            return PICTURE_S
        return 0.0 if self._source.live else 1 / (self._source.fps or 1)

    def _say_choice(self) -> None:
        """Write what is shown from now on, where its user has just changed that."""
        (score, labels), before = (self._controls.score, self._controls.labels), self._choice
        self._choice = score, labels
        if score != before[0]:
            self.note(f"from {score:.0%}")
        elif labels != before[1]:
            names = [self._classes.names[label] for label in labels or ()]
            self.note("all classes" if labels is None else "only " + ", ".join(names))

    def _take_snapshots(self, drawn: np.ndarray) -> None:
        while self._controls.take_snapshot():
            self.note(f"saved {self._files.save_snapshot(drawn)}")

    def note(self, text: str) -> None:
        """Write something over the picture for two seconds."""
        self._note, self._note_until = text, time.monotonic() + _NOTE_S

    def _status(self, shown: Detections) -> dict[str, Any]:
        """What a page wants to know of a picture."""
        latency = self.tally.latency.value
        return {
            "model": self._predictor.name,
            "source": self._source.name,
            "fps": self.tally.rate.recent,
            "latency_ms": None if latency is None else 1000 * latency,
            "stage_ms": self.tally.recent_ms,
            "detections": readable(shown, self._classes),
            "counts": self._follower.counts(),
            "recording": self._controls.recording,
            "note": "; ".join(self._notes()),
        }
