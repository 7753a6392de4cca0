"""Track ids and counts of the frames shown, and the events that they make."""

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import numpy as np

from demo.sources.frames import LIVE_FPS, Frame, Source
from demo.tracking.counting import LineCounter, Points, ZoneCounter, to_pixels
from demo.tracking.events import EventLog, appearances
from demo.tracking.tracker import Tracked, Tracker, draw_trails
from demo.view.controls import Controls
from detector.draw import class_colour, draw_detections


@dataclass(eq=False)
class Tracks(AbstractContextManager["Tracks"]):
    """Tracks what is shown, if anyone asks for it; a context manager that closes the log.

    Attributes:
        source: of the frames.
        controls: the classes, and whether tracks are drawn.
        line: to count at; its two ends, as given.
        zone: to count in; its corners, as given.
        log: of the events.
    """

    source: Source
    controls: Controls
    line: Points | None = None
    zone: Points | None = None
    log: EventLog | None = None

    def __post_init__(self) -> None:
        self._tracker: Tracker | None = None
        self._tracked: Tracked | None = None
        self._counters: list[LineCounter | ZoneCounter] = []
        self._is_started, self._size_hw = False, (0, 0)
        self._open_log = ExitStack()

    def update(self, frame: Frame) -> None:
        """Take in the next frame: its track ids are set, and what is shown of it is counted.

        Raises:
            UserError: a line or a zone lies outside the frame, or the log cannot be written.
        """
        if not (self.controls.tracks or self.line or self.zone or self.log):
            self._tracker = self._tracked = None
            return
        if not self._is_started:
            self._start(frame)
        self._follow_size(frame)
        self._tracker = self._tracker or Tracker(self.source.fps or LIVE_FPS)
        # Images of a folder follow each other like the frames of a video.
        at = frame.index / LIVE_FPS if self.source.of_images else frame.time_s
        self._tracked = self._tracker.update(frame.shown, at)
        frame.ids = np.full(len(frame.detections), -1, np.int64)
        frame.ids[frame.is_shown] = self._tracked.ids
        events = appearances(self._tracked)
        for counter in self._counters:
            events += counter.update(self._tracked)
        if self.log:
            self.log.add(frame.time_s, frame.index, events)

    def draw(self, frame: Frame) -> None:
        """Draw what is shown of the latest frame, tracks and counts on a copy of its image."""
        image, ids = frame.image, frame.shown_ids if self.controls.tracks else None
        if ids is not None and self._tracker and self._tracked:
            image = image.copy()
            everyone = self._tracked.seen + self._tracked.hidden
            colours = {one.id: class_colour(one.label) for one in everyone}
            draw_trails(image, self._tracker.trails(), colours)
        frame.drawn = draw_detections(image, frame.shown, self.controls.names, ids)
        for counter in self._counters:
            counter.draw(frame.drawn, self.controls.names)

    def counts(self) -> dict[str, int]:
        """What has been counted, by class and where: "person in": 3."""
        return {
            f"{self.controls.names[label]} {where}": number
            for counter in self._counters
            for where, by_label in counter.counts().items()
            for label, number in sorted(by_label.items())
        }

    def __exit__(self, *_: object) -> None:
        self._open_log.close()

    def _start(self, frame: Frame) -> None:
        """Not before the first frame: an older log may hold what matters."""
        height, width = frame.image.shape[:2]
        if self.line:
            self._counters += [LineCounter(to_pixels(self.line, height, width, "--count-line"))]
        if self.zone:
            self._counters += [ZoneCounter(to_pixels(self.zone, height, width, "--count-zone"))]
        if self.log:
            self._open_log.enter_context(self.log)
        self._is_started, self._size_hw = True, (height, width)

    def _follow_size(self, frame: Frame) -> None:
        """Let all stay where it is in the view of a source that changes its size."""
        height, width = frame.image.shape[:2]
        if (height, width) != self._size_hw:
            for one in [*self._counters, *([self._tracker] if self._tracker else [])]:
                one.resize(width / self._size_hw[1], height / self._size_hw[0])
            self._size_hw = height, width
