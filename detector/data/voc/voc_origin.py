"""Whether VOC corners count from 1, as VOC's own do, or from 0, as most tools write them.

Taken wrongly, every box is a pixel too large or too small at its left and its top. What decides
is evidence, for all files of one writer together: a box that begins at 0 cannot count from 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from detector.data.voc.voc_file import OURS, VocAnnotation, from_voc_corners

_WRITERS = {
    OURS: 1,
    "VOC": 1,
    "supervision": 1,
    "labelImg": 0,
    "Label Studio": 0,
    "datumaro": 0,
    "FiftyOne": 0,
    "pylabel": 0,
}
"""Where the corners of each known writer begin, seen in files of their versions of 2026."""

_MANY = 10  # boxes that begin at 1, before they show where the edge of the image is
_SOME = 3  # likewise, to be set against fractions


class Origins(NamedTuple):
    """What was decided for the files of a data set."""

    of_writer: Mapping[str, int]
    one_means_zero: frozenset[str]  # those that never write a 0, but 1 in its place
    known: int | None  # 0 or 1 where that is known of the data set; None where it was guessed
    notes: tuple[str, ...]

    def boxes(self, read: Sequence[VocAnnotation]) -> list[np.ndarray]:
        """The boxes of each of the files that were decided on, float32 `(N, 4)`, xyxy in pixels."""
        # All at once, as most files hold one or two.
        corners = np.array([one.corners for file in read for one in file.objects]).reshape(-1, 4)
        counts = [len(file.objects) for file in read]
        zero = np.repeat([file.writer in self.one_means_zero for file in read], counts).astype(bool)
        first = corners[:, :2]
        first[zero[:, None] & (first == 1)] = 0
        origins = np.repeat([self.of_writer[file.writer] for file in read], counts)
        boxes = np.empty(corners.shape, np.float32)
        for origin in (0, 1):
            boxes[origins == origin] = from_voc_corners(corners[origins == origin], origin)
        return np.split(boxes, np.cumsum(counts)[:-1]) if read else []


def find_origins(
    read: Sequence[VocAnnotation], said: int | None = None, otherwise: int | None = None
) -> Origins:
    """Decide for all files of a data set.

    Args:
        read: the files.
        said: by the user, 0 or 1; nothing else counts then.
        otherwise: 0 or 1 where nothing decides; by default what is known of files by other
            writers, else 1.
    """
    groups: dict[str, list[VocAnnotation]] = defaultdict(list)
    for one in read:
        groups[one.writer].append(one)
    evidence = {writer: _Evidence.of(files) for writer, files in groups.items()}
    found = {
        writer: (said, "") if said is not None else _judge(writer, evidence[writer])
        for writer in groups
    }
    known = {origin for origin, _ in found.values() if origin is not None}
    sole = known.pop() if len(known) == 1 else None
    guess = next((one for one in (otherwise, sole) if one is not None), 1)
    origins = {writer: guess if origin is None else origin for writer, (origin, _) in found.items()}
    shifted = {
        writer
        for writer, origin in origins.items()
        if writer == "labelImg" and not origin and not evidence[writer].below
    }
    is_open = any(
        origin is None and evidence[writer].boxes for writer, (origin, _) in found.items()
    )
    notes = [f"VOC corners are {origin}-based: {why}" for origin, why in found.values() if why]
    if is_open:
        notes.append(_note(guess, is_guess=otherwise is None and sole is None))
    return Origins(
        origins, frozenset(shifted), None if is_open else sole, tuple(dict.fromkeys(notes))
    )


class _Evidence(NamedTuple):
    """Numbers of boxes."""

    boxes: int
    at_zero: int
    below: int  # that begin below 1, at the edge of the image
    at_one: int
    at_two: int
    from_edge_to_edge: int  # that begin at 1 and end with the image
    fractions: int
    odd_fractions: int  # that are not of the kind that VOC's own sets hold

    @classmethod
    def of(cls, files: Sequence[VocAnnotation]) -> _Evidence:
        straight = [(file, one) for file in files for one in file.objects if not one.is_rotated]
        corners = np.array([one.corners for _, one in straight]).reshape(-1, 4)
        sizes = np.array([(file.width, file.height) for file, _ in straight])
        is_box = np.all(corners[:, 2:] > corners[:, :2], axis=1)
        corners, sizes = corners[is_box], sizes.reshape(-1, 2)[is_box]
        begin, end = corners[:, :2], corners[:, 2:]
        # VOC2011 holds 45.70000076293945: a decimal that was a float32 once.
        near = np.abs(corners - np.round(corners, 1)) < 1e-5
        counts = (
            begin == 0,
            (begin < 1) & (begin > -2),  # further out a box is wrong, whatever it counts from
            begin == 1,
            begin == 2,
            (begin == 1) & (end == sizes),
            corners % 1 != 0,
            ~near,
        )
        return cls(len(corners), *(int(np.any(count, axis=1).sum()) for count in counts))


def _judge(writer: str, found: _Evidence) -> tuple[int | None, str]:
    """Where corners begin, None if nothing tells; and why, where that is to be told."""
    if not found.boxes:
        return None, ""
    if writer in (OURS, "supervision"):
        return 1, ""
    if found.below:
        place = "at 0" if found.at_zero else "below 1"
        return 0, f"{_boxes(found.at_zero or found.below, 'begins', 'begin')} {place}"
    if writer == "VOC" and not found.odd_fractions:
        return 1, ""
    if not _WRITERS.get(writer, 1):
        return 0, f"as {writer} writes them{', with 1 for 0' if writer == 'labelImg' else ''}"
    begins_at_one = found.at_one >= _SOME or found.from_edge_to_edge
    if found.fractions and not begins_at_one:
        return 0, f"{_boxes(found.fractions, 'has', 'have')} fractions"
    if begins_at_one and (found.from_edge_to_edge or found.at_one >= max(_MANY, 2 * found.at_two)):
        return 1, f"{_boxes(found.at_one, 'begins', 'begin')} at 1 and none at 0"
    return None, ""


def _boxes(count: int, singular: str, plural: str) -> str:
    return f"1 box {singular}" if count == 1 else f"{count:,} boxes {plural}"


def _note(origin: int, is_guess: bool) -> str:
    if not is_guess:
        return f"where nothing tells, VOC corners are taken as {origin}-based, as elsewhere in it"
    return (
        "nothing tells whether VOC corners are 1-based, as VOC has it, or 0-based: taken as "
        f"{origin}-based; --voc-origin 0 or voc_origin: 0 in a YAML of parts says otherwise"
    )
