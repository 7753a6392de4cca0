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
from detector.data.yolo_lines import LabelLine

_SLACK = 0.02  # a keypoint or a box may lie this far outside its box or the image, in fractions
_MOST = 0.9  # of the lines must fit what they are taken for
_FEW = 10  # lines that may look like something by chance
_TOLERANCE = 1e-6


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
    by_count: dict[int, list[Sequence[float]]] = defaultdict(list)
    for line in lines:
        by_count[len(line.values)].append(line.values)
    long = [count for count in by_count if count > 6]
    of_pose = 5 + keypoints[0] * keypoints[1] if keypoints else 0
    found: dict[int, Columns] = {}
    for count, rows in sorted(by_count.items()):
        if count == 5:
            found[count] = Columns()
        elif count == of_pose:
            found[count] = Columns(
                rest=count - 5, note="a box and its keypoints, which are not used"
            )
        elif count == 6:
            found[count] = _with_sixth(np.array(rows)[:, 5])
        else:
            # Outlines differ in their number of points, what is added to a box does not.
            found[count] = _of_many(np.array(rows), may_be_box=len(long) <= 2)
    return found


def notes_on(columns: Mapping[int, Columns], lines: Iterable[LabelLine]) -> list[str]:
    """What was made of the lines of a data set, for the user; nothing of plain boxes."""
    counts: dict[str, int] = defaultdict(int)
    shapes = {"box": 0, "outline": 0}
    for line in lines:
        meaning = columns[len(line.values)]
        counts[meaning.note] += 1
        if not meaning.refused:
            shapes["box" if meaning.is_box else "outline"] += 1
    notes = [f"{counted(counts[note], 'label line')} hold {note}" for note in counts if note]
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
        return "a confidence: they are predictions of a model, not annotations"
    return ""


def _are_ids(values: np.ndarray) -> bool:
    is_whole = bool(np.all((values >= 0) & (values % 1 == 0)))
    return is_whole and bool(values.max() > 1 or (len(values) >= _FEW and values.min() == 1))


def _are_confidences(values: np.ndarray) -> bool:
    return bool(np.all((values >= 0) & (values <= 1 + _TOLERANCE)))


def _of_many(rows: np.ndarray, may_be_box: bool) -> Columns:
    """A box and at least two numbers, or an outline and perhaps one or two.

    Args:
        rows: lines of one length, float64 `(N, M)`, M >= 7.
        may_be_box: whether their length does not show that they are outlines.
    """
    count = rows.shape[1]
    has_id = _are_ids(rows[:, -1])
    if may_be_box and count == 7 and has_id and _are_confidences(rows[:, 5]):
        note = (
            "a box, a confidence and a track id: they are predictions of a model, not annotations"
        )
        return Columns(rest=2, note=note)
    if may_be_box and _are_boxes_with_points(rows):
        note = (
            f"{count - 5} numbers behind a box; they are taken for keypoints, which are not used "
            "(kpt_shape in data.yaml would say so)"
        )
        return Columns(rest=count - 5, note=note)
    if count % 2:  # of an outline's last point both are fractions
        rest = 2 if has_id and _are_confidences(rows[:, -2]) else 0
        note = "an outline, a confidence and a track id: they are predictions of a model" * (
            rest > 0
        )
    else:
        rest = 1
        note = (meaning := _meaning(rows[:, -1])) and f"an outline and {meaning}"
    if count - rest < 7 or (rest and not note) or not _are_outlines(rows[:, 1 : count - rest]):
        refused = (
            f"it holds {count} numbers, and these are no outline, nor a box with keypoints, a "
            "confidence or a track id; say kpt_shape in data.yaml if they are keypoints"
        )
        return Columns(refused=refused)
    return Columns(is_box=False, rest=rest, note=note)


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
    if not _are_outlines(rows[:, 1 : 1 + (rows.shape[1] - 1) // 2 * 2]):
        return False
    if len(rows) < _FEW:
        return True
    spread = np.ptp(points[..., :2], axis=1) / size
    return points.shape[1] > 1 and bool(np.median(spread.max(axis=1)) < 0.5)


def _lie_in(points: np.ndarray, low: np.ndarray, high: np.ndarray, is_box: np.ndarray) -> bool:
    """Whether points `(N, K, 2 or 3)` lie in the boxes of most lines; a third number is a flag."""
    places = points[..., :2]
    is_inside = np.all(
        (places >= low[:, None] - _SLACK) & (places <= high[:, None] + _SLACK), axis=2
    )
    is_absent = np.all(places <= 0, axis=2)
    fits = np.all(is_inside | is_absent, axis=1)
    if points.shape[2] == 3:
        flags = points[..., 2]
        fits &= np.all((flags >= 0) & ((flags <= 1) | (flags == 2)), axis=1)
    return bool(np.mean(fits & is_box) >= _MOST)


def _are_outlines(points: np.ndarray) -> bool:
    """Whether in most lines the second point is near the others, as the size of a box is not.

    Args:
        points: x, y, x, y, ..., float64 `(N, 2 * P)`.
    """
    away = np.abs(points.reshape(len(points), -1, 2) - points[:, None, :2]).max(axis=2)
    return bool(np.mean(away[:, 1] <= 3 * away[:, 2:].max(axis=1) + _SLACK) >= 0.5)
