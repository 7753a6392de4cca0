"""Multi-object tracking: track ids, classes and trails, by ByteTrack.

The libraries for it (`trackers` and `supervision`) are imported when the first `Tracker` is made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from detector.draw import Colour, ink_on
from detector.types import Detections

if TYPE_CHECKING:
    from trackers import BaseIoU

_PATIENCE_S = 2.0  # a track that is not seen for so long has ended
_TRAIL_S = 2.0
_FADES = 12  # steps from the beginning of a trail to its end
_OVERLAP = 0.1  # of widened boxes, at least, for a detection to go on with a track
_OVERLAP_OF_CLASSES = 0.5  # likewise, where it is of another class
_FLICKER_S = 0.5  # after which nothing of another class goes on with a track
_TICK_S = 1e-3  # between two frames at least; some clocks stand still for 16 ms


@dataclass(frozen=True, eq=False)
class Sighting:
    """One object as it was last seen.

    Attributes:
        id: of its track, 1, 2, ...
        label: of its class, that of most of its frames so far.
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

    A detection goes on with a track of its own class where there is one; with one of another class
    only if that lies on the same spot and has just been seen there. So an object whose class
    flickers is one, a person on a bicycle are two, and a cup never becomes a person. An object
    that is hidden for up to 2 s keeps its id if it comes out about where its motion would have
    taken it.

    Args:
        fps: frames per second that the source nominally gives; the true times come with
            `update`.
    """

    def __init__(self, fps: float) -> None:
        from trackers import ByteTrackTracker

        # Every detection may begin a track: the threshold of the detector is threshold enough.
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(30 * _PATIENCE_S),  # counted at 30 fps whatever `frame_rate`
            frame_rate=fps,
            track_activation_threshold=0.0,
            high_conf_det_threshold=0.0,
            minimum_iou_threshold=_OVERLAP,
            iou=_overlap_by_class(self._weigh),
        )
        self._labels = np.zeros(0, np.int64)  # of the detections of this frame
        self._votes: dict[Any, _Votes] = {}  # of living tracks
        self._ids: dict[int, int] = {}  # of living tracks, by the library's number
        self._next_id = 1
        self._last_at = self._now = float("-inf")
        self._scale = np.ones(2, np.float32)  # of x and y to those of the first frames
        self._last_seen: dict[int, Sighting] = {}  # of living tracks, by id
        self._trails: dict[int, deque[tuple[float, np.ndarray]]] = {}  # when, where

    def update(self, detections: Detections, at: float) -> Tracked:
        """Take in the next frame.

        Args:
            detections: what was found in it.
            at: when it was taken, in seconds of any clock. Motion is reckoned in these seconds,
                so frames may come as irregularly as they like.

        Raises:
            ValueError: `at` lies before that of the last frame.
        """
        if at < self._last_at:
            raise ValueError(f"frames must come in order of time, got {at} after {self._last_at}")
        self._last_at, self._now = at, max(at, self._now + _TICK_S)
        ids = self._follow(detections)
        labels = {self._ids.get(one.tracker_id): votes.label for one, votes in self._votes.items()}
        seen = tuple(
            Sighting(number, labels[number], score, box)
            for number, score, box in zip(
                ids.tolist(), detections.scores.tolist(), detections.boxes, strict=True
            )
            if number > 0
        )
        begun = frozenset(one.id for one in seen) - self._last_seen.keys()
        ended = self._forget_ended()
        self._remember(seen)
        hidden = tuple(one for one in self._last_seen.values() if one not in seen)
        return Tracked(ids, seen, begun, hidden, ended)

    def resize(self, x_ratio: float, y_ratio: float) -> None:
        """Go on in frames of another size: so many times as wide and as high."""
        ratio = np.array([x_ratio, y_ratio], np.float32)
        self._scale = self._scale * ratio
        for number, one in self._last_seen.items():
            self._last_seen[number] = replace(one, box=one.box * np.tile(ratio, 2))
        for number, trail in self._trails.items():
            self._trails[number] = deque((at, spot * ratio) for at, spot in trail)

    def trails(self) -> Mapping[int, np.ndarray]:
        """Where the centre of each living track's box was in the last 2 s.

        Returns:
            by id, float32 `(K, 2)`, x and y in pixels, oldest first; K may be 0 for a hidden one.
        """
        return {
            number: np.array([spot for _, spot in trail], np.float32).reshape(-1, 2)
            for number, trail in self._trails.items()
        }

    def _follow(self, found: Detections) -> np.ndarray:
        """The id of each, -1 where it has none yet; the votes are counted."""
        import supervision

        rows = np.arange(len(found))  # they come back in another order
        boxes = found.boxes / np.tile(self._scale, 2)  # the library knows one size alone
        given = supervision.Detections(boxes, confidence=found.scores, data={"row": rows})
        self._labels = found.labels
        result: Any = self._tracker.update(given, timestamp=self._now)
        tracks = self._tracker.tracks
        self._votes = {track: self._votes.get(track) or _Votes() for track in tracks}
        ids = np.full(len(found), -1, np.int64)
        if not len(found):
            return ids
        by_number = {track.tracker_id: track for track in tracks}
        # What has no id yet has begun a track each, in this order.
        begun = iter([track for track in tracks if track.tracker_id < 0])
        rows = result.data["row"]
        for row, number in zip(rows, result.tracker_id.tolist(), strict=True):
            track = by_number[number] if number >= 0 else next(begun)
            self._votes[track].add(int(found.labels[row]), float(found.scores[row]))
        ids[rows] = result.tracker_id
        for row in np.lexsort((np.arange(len(found)), found.labels)):  # new ids go by class
            if ids[row] >= 0:
                ids[row] = self._ids.setdefault(int(ids[row]), self._next_id)
                self._next_id = max(self._next_id, int(ids[row]) + 1)
        return ids

    def _weigh(self, overlaps: np.ndarray) -> np.ndarray:
        """What the sum of a best assignment is made of, by track and detection.

        A thousand pairs of one rank count less than one pair of the next: a track's own class
        comes first, and tracks with an id before those that a single frame has begun.
        """
        tracks = self._tracker.tracks
        labels = np.array([self._votes[track].label for track in tracks])
        has_id = np.array([track.tracker_id >= 0 for track in tracks])
        is_recent = np.array(
            [
                track.time_since_update <= 1 or track.time_since_update_seconds <= _FLICKER_S
                for track in tracks
            ]
        )
        is_same = labels[:, None] == self._labels
        is_flicker = is_recent[:, None] & (overlaps >= _OVERLAP_OF_CLASSES)
        is_possible = (overlaps >= _OVERLAP) & (is_same | is_flicker)
        return np.where(is_possible, 1000.0 ** (2 * has_id[:, None] + is_same) + overlaps, 0.0)

    def _forget_ended(self) -> tuple[Sighting, ...]:
        living = {track.tracker_id for track in self._tracker.tracks}
        self._ids = {number: one for number, one in self._ids.items() if number in living}
        ended = sorted(self._last_seen.keys() - self._ids.values())
        for number in ended:
            del self._trails[number]
        return tuple(self._last_seen.pop(number) for number in ended)

    def _remember(self, seen: Iterable[Sighting]) -> None:
        for one in seen:
            self._last_seen[one.id] = one
            trail = self._trails.setdefault(one.id, deque())
            trail.append((self._now, (one.box[:2] + one.box[2:]) / 2))
        for trail in self._trails.values():
            while trail and trail[0][0] < self._now - _TRAIL_S:
                trail.popleft()


class _Votes:
    """The classes that a track was seen as."""

    def __init__(self) -> None:
        self._of_label: dict[int, tuple[int, float]] = {}  # frames, sum of scores

    def add(self, label: int, score: float) -> None:
        frames, total = self._of_label.get(label, (0, 0.0))
        self._of_label[label] = frames + 1, total + score

    @property
    def label(self) -> int:
        """That of most frames; of equally many, that of the higher scores."""
        return max(self._of_label, key=self._of_label.__getitem__)


def _overlap_by_class(weigh: Callable[[np.ndarray], np.ndarray]) -> BaseIoU:
    """The overlap of boxes, weighed.

    Boxes are widened by 0.3 of their size: an object that starts at once or stops behind something
    still overlaps with where it was expected.
    """
    from trackers import BIoU

    class Overlap(BIoU):
        def _compute(self, boxes_1: np.ndarray, boxes_2: np.ndarray) -> np.ndarray:
            return weigh(super()._compute(boxes_1, boxes_2))

    return Overlap(0.3)


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
