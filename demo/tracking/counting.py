"""Counting what crosses a line and what is in a zone.

A line or a zone is watched by the middle of each box: its centre, and around it a quarter of the
box's width and height. What touches the border with that middle part has neither crossed nor
left it yet, so that a box that jitters there is counted once. Only the standard library is
imported here at the start, as the command line needs the parsers.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from configs.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from supervision import Detections

    from demo.tracking.events import Event
    from demo.tracking.tracker import Sighting, Tracked

Points = tuple[tuple[float, float], ...]  # x, y

_MIDDLE = 0.25  # of width and height: boxes jitter by less than an eighth of their size
_FIRM_FRAMES = 2  # so many in a row on the other side of a line: no single stray box crosses it
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def parse_line(text: str) -> Points:
    """An argparse type: X1,Y1,X2,Y2, the two ends of a line, as `to_pixels` takes them."""
    ends = _parse_points(text)
    if len(ends) != 2:
        raise argparse.ArgumentTypeError(f"needs four numbers X1,Y1,X2,Y2, got {text}")
    if ends[0] == ends[1]:
        raise argparse.ArgumentTypeError(f"begins and ends at the same point: {text}")
    return ends


def parse_zone(text: str) -> Points:
    """An argparse type: X1,Y1,X2,Y2,X3,Y3,..., the corners of a zone, as `to_pixels` takes them."""
    corners = _parse_points(text)
    if len(corners) < 3:
        raise argparse.ArgumentTypeError(f"needs three points X1,Y1,X2,Y2,X3,Y3 or more: {text}")
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    if math.isclose(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs), 0, abs_tol=1e-9):
        raise argparse.ArgumentTypeError(f"encloses no area: {text}")
    return corners


def _parse_points(text: str) -> Points:
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"needs numbers between commas, got {text}") from error
    if not all(0 <= number < math.inf for number in numbers):
        raise argparse.ArgumentTypeError(f"has a number below zero or too large: {text}")
    if len(numbers) % 2:
        raise argparse.ArgumentTypeError(f"needs pairs of numbers, got {len(numbers)}: {text}")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def to_pixels(points: Points, height: int, width: int, option: str) -> Points:
    """Points as they were given, in pixels of the source.

    Args:
        points: in pixels or, if no number is above 1, in fractions of width and height.
        height: of the source, pixels.
        width: likewise.
        option: where they were given, for the message.

    Raises:
        UserError: a point lies outside the frame.
    """
    if all(number <= 1 for point in points for number in point):
        return tuple((x * width, y * height) for x, y in points)
    if all(number < 2 for point in points for number in point):
        raise UserError(f"{option}: all lies within two pixels; fractions go from 0 to 1")
    for x, y in points:
        if x > width or y > height:
            raise UserError(
                f"{option}: the point {x:g},{y:g} lies outside the frame, which has "
                f"{width}x{height} pixels; give smaller numbers, or fractions from 0 to 1"
            )
    return points


class LineCounter:
    """Counts tracks that cross a line, by class and direction.

    "In" is from the right to the left of somebody who looks from the first end to the second; for
    a line from left to right that is upwards. `draw` shows it by an arrow. What passes
    beyond an end does not cross.

    Args:
        ends: two points in pixels of the source.
    """

    def __init__(self, ends: Points) -> None:
        from supervision import LineZone, Point

        self._ends = (x1, y1), (x2, y2) = ends
        self._scale = (1.0, 1.0)  # of x and y to those in which the zone counts
        self._zone = LineZone(Point(x1, y1), Point(x2, y2), minimum_crossing_threshold=_FIRM_FRAMES)
        self._beyond = (2 * x1 - x2, 2 * y1 - y2)

    def resize(self, x_ratio: float, y_ratio: float) -> None:
        """Go on in frames of another size: so many times as wide and as high."""
        self._ends = _scaled(self._ends, x_ratio, y_ratio)
        self._scale = self._scale[0] * x_ratio, self._scale[1] * y_ratio

    def counts(self) -> dict[str, Counter[int]]:
        """How many went "in" and "out", by label."""
        by_class = {"in": self._zone.in_count_per_class, "out": self._zone.out_count_per_class}
        return {
            where: Counter({int(label or 0): number for label, number in counted.items()})
            for where, counted in by_class.items()
        }

    def update(self, tracked: Tracked) -> list[Event]:
        """Take in the next frame; gives what crossed: "cross_in" and "cross_out"."""
        everyone = tracked.seen + tracked.hidden
        middles = _middles(everyone)
        middles.xyxy /= self._scale * 2
        # `LineZone` forgets on which side a track was that is missing for three frames, but not
        # if it is beyond an end of the line. So that is where those wait which are hidden.
        middles.xyxy[len(tracked.seen) :] = self._beyond * 2
        crossed_in, crossed_out = self._zone.trigger(middles)
        went_in: list[Event] = [("cross_in", everyone[i]) for i in crossed_in.nonzero()[0]]
        return went_in + [("cross_out", everyone[i]) for i in crossed_out.nonzero()[0]]

    def draw(self, image: np.ndarray, names: Sequence[str]) -> None:
        """Draw the line, an arrow that shows which way is in, and the counts.

        Args:
            image: uint8 `(H, W, 3)`, RGB, of the source's size; altered in place.
            names: class names by label.
        """
        from detector.draw import font_size, paste

        (x1, y1), (x2, y2) = self._ends
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        length = math.dist(*self._ends)
        to_right = (y1 - y2) / length, (x2 - x1) / length  # of somebody who looks along it
        size = font_size(image)
        _draw_path(image, self._ends)
        _draw_path(image, ((x, y), (x - 2 * size * to_right[0], y - 2 * size * to_right[1])), True)
        patch = _counts_patch(image, self.counts(), names)
        height, width = patch.shape[:2]
        x += to_right[0] * (size + width / 2) - width / 2
        y += to_right[1] * (size + height / 2) - height / 2
        paste(image, patch, round(x), round(y))


class ZoneCounter:
    """Counts tracks that are in a zone and that have entered it, by class.

    A track enters when the centre of its box does, or where it begins; it leaves when the middle
    part of its box has left, or when it ends. One that comes back enters once more.

    Args:
        corners: three points or more, in pixels of the source.
    """

    def __init__(self, corners: Points) -> None:
        self._entered: Counter[int] = Counter()
        self._inside: dict[int, int] = {}  # labels by id
        self._place(corners)

    def _place(self, corners: Points) -> None:
        import numpy as np
        from supervision import PolygonZone, Position

        self._corners = corners
        polygon = np.array(corners).round().astype(int)
        edges = [Position(f"{y}_{x}") for y in ("TOP", "BOTTOM") for x in ("LEFT", "RIGHT")]
        self._within = PolygonZone(polygon, (Position.CENTER,))
        self._touched = PolygonZone(polygon, edges, require_all_anchors=False)

    def resize(self, x_ratio: float, y_ratio: float) -> None:
        """Go on in frames of another size: so many times as wide and as high."""
        self._place(_scaled(self._corners, x_ratio, y_ratio))

    def counts(self) -> dict[str, Counter[int]]:
        """How many are "inside" now and how many have "entered" in all, by label."""
        return {"inside": Counter(self._inside.values()), "entered": self._entered}

    def update(self, tracked: Tracked) -> list[Event]:
        """Take in the next frame; gives "enter" and "leave"."""
        middles = _middles(tracked.seen)
        within, touched = self._within.trigger(middles), self._touched.trigger(middles)
        events: list[Event] = []
        for one, is_within, is_touching in zip(tracked.seen, within, touched, strict=True):
            was_inside = one.id in self._inside
            is_inside = is_within or (was_inside and is_touching)
            if is_inside != was_inside:
                events.append(("enter" if is_inside else "leave", one))
        events.extend(("leave", one) for one in tracked.ended if one.id in self._inside)
        for kind, one in events:
            if kind == "enter":
                self._inside[one.id] = one.label
                self._entered[one.label] += 1
            else:
                del self._inside[one.id]
        return events

    def draw(self, image: np.ndarray, names: Sequence[str]) -> None:
        """Draw the border and, above its top left corner, the counts; as `LineCounter.draw`."""
        from detector.draw import paste

        _draw_path(image, (*self._corners, self._corners[0]))
        patch = _counts_patch(image, self.counts(), names)
        x, y = (min(values) for values in zip(*self._corners, strict=True))
        paste(image, patch, round(x), round(y) - patch.shape[0])


def _scaled(points: Points, x_ratio: float, y_ratio: float) -> Points:
    return tuple((x * x_ratio, y * y_ratio) for x, y in points)


def _middles(sightings: Sequence[Sighting]) -> Detections:
    import numpy as np
    from supervision import Detections

    from detector.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh

    boxes = np.array([one.box for one in sightings], np.float32).reshape(-1, 4)
    boxes_cxcywh = xyxy_to_cxcywh(boxes)
    boxes_cxcywh[:, 2:] *= _MIDDLE
    return Detections(
        cxcywh_to_xyxy(boxes_cxcywh),
        class_id=np.array([one.label for one in sightings], int),
        tracker_id=np.array([one.id for one in sightings], int),
    )


def _draw_path(image: np.ndarray, points: Points, as_arrow: bool = False) -> None:
    import cv2
    import numpy as np

    spots = np.rint(points).astype(int)
    start, *_, end = spots.tolist()
    reach = max(1, round(min(image.shape[:2]) / 480))
    for ink, width in (_BLACK, 2 * reach + 3), (_WHITE, 2 * reach + 1):
        if as_arrow:
            cv2.arrowedLine(image, start, end, ink, width, tipLength=0.4)
        else:
            cv2.polylines(image, [spots], False, ink, width)


def _counts_patch(
    image: np.ndarray, counts: Mapping[str, Counter[int]], names: Sequence[str]
) -> np.ndarray:
    """A line per class, in white on black; where there are several, the sums stand above them."""
    import numpy as np

    from detector.draw import font_size, text_patch

    labels = [label for label, _ in sum(counts.values(), Counter()).most_common()]
    rows = [[names[k], *(f"{what} {of[k]}" for what, of in counts.items())] for k in labels]
    size = font_size(image)
    most = max(1, image.shape[0] // (8 * size))  # about a sixth of the height
    if len(rows) != 1 or most == 1:
        rows.insert(0, [f"{what} {of.total()}" for what, of in counts.items()])
    patches = [text_patch("  ".join(row), size, _WHITE, _BLACK) for row in rows[:most]]
    width = max(patch.shape[1] for patch in patches)
    return np.vstack([np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0))) for p in patches])
