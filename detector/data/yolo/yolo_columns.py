"""What the numbers of YOLO's label lines mean, judged over all lines of a data set.

Tools write more than a class and a box, and say nowhere what: corners of a rotated box or an
outline in place of the box, or behind it keypoints (Ultralytics' pose), a confidence (of saved
predictions), or the id of a track (Ultralytics' `track`, CVAT). One line does not tell them apart:
seven numbers are a triangle, or a box with a confidence and a track. All lines together do.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from detector.data.findings import counted
from detector.data.yolo.yolo_lines import LabelLine

_SLACK = 0.02  # a keypoint or a box may lie this far outside its box or the image, in fractions
_MOST = 0.9  # of the lines must fit what they are taken for
_FEW = 10  # lines that may look like something by chance
_HALF = 0.5
_WIDE = 0.8  # of the way from the middle of a box to its side
_TOLERANCE = 1e-6
_ROUNDED = 2e-3  # fractions of three digits
_PREDICTED = "a confidence and a track id, so they are predictions of a model, not annotations"
_STRANGE = (
    "its numbers are no outline, nor a box with keypoints, a confidence or a track id; if they are "
    "keypoints, say kpt_shape: [count, 2 or 3] in data.yaml"
)


class Columns(NamedTuple):
    """What lines with a certain count of numbers hold."""

    is_box: bool = True  # a class, a box, and perhaps more; else a class and an outline
    rest: int = 0  # numbers at the end that do not belong to the box or the outline
    note: str = ""  # what the rest is; "" for nothing to say
    refused: str = ""  # why such lines cannot be read


def columns_of(
    lines: Iterable[LabelLine], keypoints: tuple[int, int] | None = None
) -> dict[int, Columns]:
    """What lines hold, by how many numbers they have.

    Args:
        lines: of all label files of a data set.
        keypoints: how many each object has, and of how many numbers, where `data.yaml` says it.
    """
    of_pose = 5 + keypoints[0] * keypoints[1] if keypoints else 0
    found = {5: Columns()}
    long: dict[int, np.ndarray] = {}
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that are no fractions at all
        for count, rows in _by_count(lines).items():
            if count == of_pose:
                note = "a box and its keypoints, which are not used"
                found[count] = Columns(rest=count - 5, note=note)
            elif count == 6:
                found[count] = _with_sixth(rows[:, 5])
            elif count > 6:
                long[count] = rows
        # Outlines differ in their number of points; what is added to a box does not.
        if len(long) <= 2:
            found |= {count: box for count, rows in long.items() if (box := _box_and_more(rows))}
        found |= _outlines({count: long[count] for count in long.keys() - found.keys()})
    return found


def _by_count(lines: Iterable[LabelLine]) -> dict[int, np.ndarray]:
    """The numbers of lines, float64 `(N, M)`, by M."""
    found: dict[int, list[Sequence[float]]] = defaultdict(list)
    for line in lines:
        found[len(line.values)].append(line.values)
    return {count: np.array(rows) for count, rows in sorted(found.items())}


def notes_on(columns: Mapping[int, Columns], lines: Iterable[LabelLine]) -> list[str]:
    """What was made of the lines of a data set, for the user; nothing of plain boxes."""
    counts: dict[str, int] = defaultdict(int)
    shapes = {"box": 0, "outline": 0}
    for line in lines:
        meaning = columns[len(line.values)]
        counts[meaning.note] += 1
        if not meaning.refused:
            shapes["box" if meaning.is_box else "outline"] += 1
    notes = [
        f"in {counted(count, 'label line')} there is {note}"
        for note, count in counts.items()
        if note
    ]
    if all(shapes.values()):
        boxes, outlines = (counted(shapes[kind], kind) for kind in ("box", "outline"))
        notes.append(f"its labels mix {boxes} and {outlines}, whose bounds are taken as boxes")
    return notes


def _with_sixth(sixth: np.ndarray) -> Columns:
    """A box and one number."""
    if note := _meaning(sixth):
        return Columns(rest=1, note=f"a box and {note}")
    return Columns(
        rest=1,
        refused=f"its sixth number (up to {np.abs(sixth).max():g} in this data set) is neither a "
        "confidence nor a track id: is it the angle of a rotated box? Write four corners instead",
    )


def _meaning(values: np.ndarray) -> str:
    """What a column behind a box or an outline is; "" for neither of what tools write."""
    if _are_ids(values):
        return "a track id, which is not used"
    if _are_confidences(values):
        return "a confidence, so they are predictions of a model, not annotations"
    return ""


def _are_ids(values: np.ndarray) -> bool:
    is_whole = bool(np.all((values >= 0) & (values % 1 == 0)))
    return is_whole and bool(values.max() > 1 or (len(values) >= _FEW and values.min() == 1))


def _are_confidences(values: np.ndarray) -> bool:
    return bool(np.all((values >= 0) & (values <= 1 + _TOLERANCE)))


def _box_and_more(rows: np.ndarray) -> Columns | None:
    """What lines of at least seven numbers hold, `(N, M)`, if they begin with a box."""
    more = rows.shape[1] - 5
    if more == 2 and _are_ids(rows[:, 6]) and _are_confidences(rows[:, 5]):
        return Columns(rest=2, note=f"a box, {_PREDICTED}")
    if _are_boxes_with_points(rows):
        note = (
            f"a box with {more} numbers behind it, which are taken for keypoints and not used "
            "(kpt_shape in data.yaml would say so)"
        )
        return Columns(rest=more, note=note)
    return None


def _outlines(by_count: Mapping[int, np.ndarray]) -> dict[int, Columns]:
    """What lines that do not begin with a box hold: outlines, perhaps with one or two numbers more.

    Args:
        by_count: their numbers, float64 `(N, M)`, by M >= 7.
    """
    found = {}
    for is_odd in (True, False):
        alike = {count: rows for count, rows in by_count.items() if count % 2 == is_odd}
        if not alike:
            continue
        ends = np.concatenate([rows[:, -2:] for rows in alike.values()])
        rest, note = 0, ""
        if not is_odd:
            rest, note = 1, (meaning := _meaning(ends[:, 1])) and f"an outline and {meaning}"
        elif _are_ids(ends[:, 1]) and _are_confidences(ends[:, 0]):
            rest, note = 2, f"an outline, {_PREDICTED}"
        near = [_second_is_near(rows[:, 1 : count - rest]) for count, rows in alike.items()]
        is_fine = (note or not rest) and np.mean(np.concatenate(near)) >= _HALF
        for count in alike:
            is_enough = is_fine and count - rest >= 7
            found[count] = Columns(False, rest, note) if is_enough else Columns(refused=_STRANGE)
    return found


def _are_boxes_with_points(rows: np.ndarray) -> bool:
    """Whether the first four numbers are boxes in the image, and what follows points in them."""
    middle, size = rows[:, 1:3], rows[:, 3:5]
    low, high = middle - size / 2, middle + size / 2
    is_box = np.all((size > 0) & (low >= -_SLACK) & (high <= 1 + _SLACK), axis=1)
    if is_box.mean() < _MOST:
        return False
    return any(
        _lie_in(points, low, high, is_box) and not _may_be_outlines(rows, points, size)
        for points in _points_behind(rows)
    )


def _points_behind(rows: np.ndarray) -> Iterator[np.ndarray]:
    """The points that may stand behind a box, `(N, K, 3)` (the third a flag) or `(N, K, 2)`.

    Saved predictions have a confidence and perhaps a track id behind the points.
    """
    for numbers, behind in itertools.product((3, 2), (0, 1, 2)):
        many, left = divmod(rows.shape[1] - 5 - behind, numbers)
        if not left and many >= (3 if behind else 1):
            yield rows[:, 5 : rows.shape[1] - behind].reshape(len(rows), many, numbers)


def _may_be_outlines(rows: np.ndarray, points: np.ndarray, size: np.ndarray) -> bool:
    """Whether what looks like boxes with points in them may be outlines of small objects.

    Taken for a box, the first two points of an outline in the upper left of an image make one that
    is much larger than the outline.
    """
    flags = points[:, :, 2:]
    if flags.size > 2 * len(rows) and np.all(flags % 1 == 0):  # coordinates are hardly ever whole
        return False
    if rows.shape[1] == 9 and np.mean(_are_parallelograms(rows[:, 1:])) >= _MOST:
        return True
    near = _second_is_near(rows[:, 1 : 1 + (rows.shape[1] - 1) // 2 * 2])
    if np.mean(near) < _HALF:
        return False
    reach = np.abs(points[..., :2] - rows[:, None, 1:3]).max(axis=1) / (size / 2)
    return len(rows) < _FEW or bool(np.median(reach.max(axis=1)) < _WIDE)


def _are_parallelograms(corners: np.ndarray) -> np.ndarray:
    """Whether four corners `(N, 8)` in a row are those of a box, turned or not: bool `(N,)`."""
    first, second, third, fourth = np.split(corners, 4, axis=1)
    return np.abs(first + third - second - fourth).max(axis=1) < _ROUNDED


def _lie_in(points: np.ndarray, low: np.ndarray, high: np.ndarray, is_box: np.ndarray) -> bool:
    """Whether points `(N, K, 2 or 3)` lie in the boxes of most lines; a third number is a flag."""
    places = points[..., :2]
    low, high = low[:, None] - _SLACK, high[:, None] + _SLACK
    is_inside = np.all((places >= low) & (places <= high), axis=2)
    fits = np.all(is_inside | np.all(places <= 0, axis=2), axis=1)  # absent ones lie at 0
    if points.shape[2] == 3:
        flags = points[:, :, 2]
        fits &= np.all((flags >= 0) & (flags <= 2) & ((flags <= 1) | (flags == 2)), axis=1)
    return bool(np.mean(fits & is_box) >= _MOST)


def _second_is_near(points: np.ndarray) -> np.ndarray:
    """Whether the second point is near the others, as the size of a box is not: bool `(N,)`.

    Args:
        points: x, y, x, y, ..., float64 `(N, 2 * P)`.
    """
    away = np.abs(points.reshape(len(points), -1, 2) - points[:, None, :2]).max(axis=2)
    return away[:, 1] <= 3 * away[:, 2:].max(axis=1, initial=0) + _SLACK
