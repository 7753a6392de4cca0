"""Multi-object tracking: track ids and trails, by ByteTrack per class.

The libraries for it (`trackers` and `supervision`) are imported when the first `Tracker` is made.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from detector.draw import Colour, ink_on
from detector.types import Detections

if TYPE_CHECKING:
    from trackers import ByteTrackTracker

_PATIENCE_S = 2.0  # a track that is not seen for so long has ended
_TRAIL_S = 2.0
_FADES = 12  # steps from the beginning of a trail to its end
_TICK_S = 1e-3  # between two frames at least; some clocks stand still for 16 ms


@dataclass(frozen=True, eq=False)
class Sighting:
    """One object as it was last seen.

    Attributes:
        id: of its track, 1, 2, ...
        label: of its class.
        score: in [0, 1].
        box: float32 `(4,)`, xyxy in pixels of the source image.
    """

    id: int
    label: int
    score: float
    box: np.ndarray


@dataclass(frozen=True, eq=False)
class Tracked:
    """The track ids of the N detections of a frame, and how the tracks go on.

    Attributes:
        ids: int64 `(N,)`, 1, 2, ...; -1 for a detection that has no track yet: an object gets
            its id in the second frame in a row that shows it.
        seen: the tracks that this frame shows, in the order of the detections.
        begun: ids that are new in this frame.
        hidden: tracks that go on although this frame does not show them.
        ended: tracks that are given up with this frame; their ids never come again.
    """

    ids: np.ndarray
    seen: tuple[Sighting, ...] = ()
    begun: frozenset[int] = frozenset()
    hidden: tuple[Sighting, ...] = ()
    ended: tuple[Sighting, ...] = ()


class Tracker:
    """Gives every object an id that stays with it from frame to frame.

    Tracks are kept per class, so that a cup never becomes a person. An object that is hidden for
    up to 2 s keeps its id if it comes out about where its motion would have taken it.

    Args:
        fps: frames per second that the source nominally gives; the true times come with
            `update`.
    """

    def __init__(self, fps: float) -> None:
        from trackers import BIoU, ByteTrackTracker

        # Every detection may begin a track: the threshold of the detector is threshold enough.
        self._make = functools.partial(
            ByteTrackTracker,
            lost_track_buffer=round(30 * _PATIENCE_S),  # counted at 30 fps whatever `frame_rate`
            frame_rate=fps,
            track_activation_threshold=0.0,
            high_conf_det_threshold=0.0,
            # Boxes widened by 0.3 of their size: an object that starts at once or stops behind
            # something still overlaps with where it was expected.
            iou=BIoU(0.3),
        )
        self._of_label: dict[int, ByteTrackTracker] = {}
        self._ids: dict[tuple[int, int], int] = {}  # of living tracks, by label and id within it
        self._next_id = 1
        self._last_at = self._now = float("-inf")
        self._last_seen: dict[int, Sighting] = {}  # of living tracks, by id
        self._trails: dict[int, deque[tuple[float, np.ndarray]]] = {}  # when, where

    def update(self, detections: Detections, at: float) -> Tracked:
        """Take in the next frame.

        Args:
            detections: what was found in it.
            at: when it was taken, in seconds of any clock: `captured_at` of a live source,
                index / fps of a file. Motion is reckoned in these seconds, so frames may come as
                irregularly as they like.

        Raises:
            ValueError: `at` lies before that of the last frame.
        """
        if at < self._last_at:
            raise ValueError(f"frames must come in order of time, got {at} after {self._last_at}")
        self._last_at, self._now = at, max(at, self._now + _TICK_S)
        ids = np.full(len(detections), -1, np.int64)
        for label in sorted(self._of_label.keys() | set(detections.labels.tolist())):
            rows = np.flatnonzero(detections.labels == label)
            ids[rows] = self._update_label(label, detections[rows])
        columns = (column.tolist() for column in (ids, detections.labels, detections.scores))
        rows = zip(*columns, detections.boxes, strict=True)
        seen = tuple(Sighting(*row) for row in rows if row[0] > 0)
        begun = frozenset(one.id for one in seen) - self._last_seen.keys()
        ended = self._forget_ended()
        self._remember(seen)
        hidden = tuple(one for one in self._last_seen.values() if one not in seen)
        return Tracked(ids, seen, begun, hidden, ended)

    def trails(self) -> Mapping[int, np.ndarray]:
        """Where the centre of each living track's box was in the last 2 s.

        Returns:
            by id, float32 `(K, 2)`, x and y in pixels, oldest first; K may be 0 for a hidden one.
        """
        return {
            number: np.array([spot for _, spot in trail], np.float32).reshape(-1, 2)
            for number, trail in self._trails.items()
        }

    def _update_label(self, label: int, found: Detections) -> np.ndarray:
        import supervision

        if label not in self._of_label:
            self._of_label[label] = self._make()
        rows = np.arange(len(found))  # they come back in another order
        given = supervision.Detections(found.boxes, confidence=found.scores, data={"row": rows})
        result: Any = self._of_label[label].update(given, timestamp=self._now)
        ids = np.full(len(found), -1, np.int64)
        if len(found):
            ids[result.data["row"]] = result.tracker_id
        for row in np.flatnonzero(ids >= 0):  # theirs are counted per class; ours are not
            ids[row] = self._ids.setdefault((label, int(ids[row])), self._next_id)
            self._next_id = max(self._next_id, int(ids[row]) + 1)
        return ids

    def _forget_ended(self) -> tuple[Sighting, ...]:
        self._of_label = {k: tracker for k, tracker in self._of_label.items() if tracker.tracks}
        living = {
            (label, track.tracker_id)
            for label, tracker in self._of_label.items()
            for track in tracker.tracks
        }
        ended = [self._ids.pop(key) for key in self._ids.keys() - living]
        for number in ended:
            del self._trails[number]
        return tuple(self._last_seen.pop(number) for number in sorted(ended))

    def _remember(self, seen: Iterable[Sighting]) -> None:
        for one in seen:
            self._last_seen[one.id] = one
            trail = self._trails.setdefault(one.id, deque())
            trail.append((self._now, (one.box[:2] + one.box[2:]) / 2))
        for trail in self._trails.values():
            while trail and trail[0][0] < self._now - _TRAIL_S:
                trail.popleft()


def draw_trails(
    image: np.ndarray, trails: Mapping[int, np.ndarray], colours: Mapping[int, Colour]
) -> None:
    """Draw the way that each track came, fading towards its beginning.

    Args:
        image: uint8 `(H, W, 3)`, RGB; altered in place.
        trails: as `Tracker.trails` gives them, in pixels of `image`.
        colours: by id; a trail without a colour is not drawn.
    """
    opacity, paint = np.zeros(image.shape[:2], np.uint8), np.empty_like(image)
    for number, trail in trails.items():
        if len(trail) > 1 and number in colours:
            _draw_trail(opacity, paint, trail, colours[number])
    touched: Any = cv2.findNonZero(opacity)  # few of all pixels
    if touched is not None:
        columns, rows = touched.reshape(-1, 2).T  # OpenCV 4 gives (K, 1, 2)
        share = opacity[rows, columns, None] / np.float32(255)
        image[rows, columns] = image[rows, columns] * (1 - share) + paint[rows, columns] * share


def _draw_trail(opacity: np.ndarray, paint: np.ndarray, trail: np.ndarray, colour: Colour) -> None:
    height, width = opacity.shape
    thickness = 2 * max(1, round(min(height, width) / 480)) + 1
    # OpenCV refuses numbers like 1e10.
    spots = np.clip(trail, (-width, -height), (2 * width, 2 * height)).round().astype(int)
    for i, piece in enumerate(np.array_split(np.arange(1, len(spots)), _FADES), start=1):
        if len(piece):
            line = spots[piece[0] - 1 : piece[-1] + 1]
            cv2.polylines(opacity, [line], False, 255 * i / _FADES, thickness + 2)
    # A rim sets the line off from a background of its own colour.
    cv2.polylines(paint, [spots], False, ink_on(colour), thickness + 2)
    cv2.polylines(paint, [spots], False, colour, thickness)
