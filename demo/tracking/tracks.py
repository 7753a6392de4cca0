"""Track ids and counts of the frames shown, and the events that they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from demo.sources.capture import Frame, Source
from demo.view.controls import Controls
from detector.draw import class_colour, draw_detections
from detector.types import Detections

if TYPE_CHECKING:
    from demo.tracking.counting import LineCounter, Points, ZoneCounter
    from demo.tracking.events import EventLog
    from demo.tracking.tracker import Tracked, Tracker

_LIVE_FPS = 30.0  # of a camera that does not say


class Wanted(NamedTuple):
    """What is to be counted and logged.

    Attributes:
        line: its two ends, as given; None for no line.
        zone: its corners, as given; None for no zone.
        events: of the log; None for no log.
    """

    line: Points | None = None
    zone: Points | None = None
    events: EventLog | None = None


class Tracks:
    """Follows what is shown, if anyone wants it; a context manager that closes the log.

    Args:
        names: of the classes, by label.
        source: of the frames.
        controls: say whether tracks are drawn.
        wanted: what else needs tracks.
    """

    def __init__(
        self, names: Sequence[str], source: Source, controls: Controls, wanted: Wanted
    ) -> None:
        self._names, self._source, self._controls = names, source, controls
        self._wanted = wanted
        self._tracker: Tracker | None = None
        self._tracked: Tracked | None = None
        self._line: LineCounter | None = None
        self._zone: ZoneCounter | None = None
        self._log = ExitStack()
        self._is_logging = False

    def follow(self, shown: Detections, frame: Frame) -> None:
        """Take in what is shown of the next frame.

        Raises:
            UserError: a line or a zone lies outside the frame, or the log cannot be written.
        """
        if not (self._controls.tracks or any(self._wanted)):
            self._tracker = self._tracked = None
            return
        from demo.tracking.tracker import Tracker

        fps = self._source.fps or _LIVE_FPS
        self._tracker = self._tracker or Tracker(fps)
        at = frame.captured_at if self._source.live else frame.index / fps
        self._tracked = self._tracker.update(shown, at)
        self._count(self._tracked, frame, at)

    def draw(self, image: np.ndarray, shown: Detections) -> np.ndarray:
        """The boxes, and all that is followed, on a copy of a frame.

        Args:
            image: uint8 `(H, W, 3)`, RGB.
            shown: as given to `follow`; of other detections the tracks are not known.
        """
        ids = np.array(self.ids(shown) or [-1] * len(shown))
        canvas = draw_detections(self._with_trails(image), shown, self._names, ids)
        self._draw_counters(canvas)
        return canvas

    def ids(self, shown: Detections) -> list[int]:
        """The ids of detections of the latest frame, -1 for none yet; empty if they are hidden."""
        if not (self._controls.tracks and self._tracked):
            return []
        known = dict(zip(_keys(self._tracked.detections), self._tracked.ids.tolist(), strict=True))
        return [known.get(key, -1) for key in _keys(shown)]

    def counts(self) -> dict[str, int]:
        """What has been counted, by class and where: "person in": 3."""
        return dict(self._counted())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()

    def _with_trails(self, image: np.ndarray) -> np.ndarray:
        if not (self._controls.tracks and self._tracker and self._tracked):
            return image
        from demo.tracking.tracker import draw_trails

        canvas = image.copy()
        everyone = self._tracked.seen + self._tracked.hidden
        colours = {one.id: class_colour(one.label) for one in everyone}
        draw_trails(canvas, self._tracker.trails(), colours)
        return canvas

    def _count(self, tracked: Tracked, frame: Frame, at: float) -> None:
        from demo.tracking.counting import LineCounter, ZoneCounter, to_pixels
        from demo.tracking.events import appearances

        line, zone, log = self._wanted
        height, width = frame.image.shape[:2]
        if line and not self._line:
            self._line = LineCounter(to_pixels(line, height, width, "--count-line"))
        if zone and not self._zone:
            self._zone = ZoneCounter(to_pixels(zone, height, width, "--count-zone"))
        events = appearances(tracked)
        for counter in filter(None, (self._line, self._zone)):
            events += counter.update(tracked)
        if log and not self._is_logging:  # not before: an older file may hold what matters
            self._log.enter_context(log)
            self._is_logging = True
        if log:
            log.add(at, frame.index, events)

    def _draw_counters(self, canvas: np.ndarray) -> None:
        from demo.tracking.counting import draw_line, draw_zone

        if self._line:
            draw_line(canvas, self._line, self._names)
        if self._zone:
            draw_zone(canvas, self._zone, self._names)

    def _counted(self) -> Iterator[tuple[str, int]]:
        figures = {}
        if self._line:
            figures |= {"in": self._line.crossed_in, "out": self._line.crossed_out}
        if self._zone:
            figures |= {"inside": self._zone.inside, "entered": self._zone.entered}
        for where, by_label in figures.items():
            for label, number in sorted(by_label.items()):
                yield f"{self._names[label]} {where}", number


def _keys(detections: Detections) -> list[tuple[int, bytes]]:
    """What tells detections apart: two classes may share a box."""
    labels, boxes = detections.labels.tolist(), detections.boxes
    return [(label, box.tobytes()) for label, box in zip(labels, boxes, strict=True)]
