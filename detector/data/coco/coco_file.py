"""A COCO JSON parsed without what a detector does not need: its objects in flat arrays."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from configs.errors import UserError
from detector.boxes import xywh_to_xyxy
from detector.data.coco.coco_shapes import CocoAnnotation, make_upright
from detector.data.findings import FileFindings
from detector.data.json_file import parse_json
from detector.data.values import Id, as_id, as_number, flag, number, numbers

_PIECE = 8192  # annotations that are parsed at a time
_NOTHING = msgspec.Raw()


class CocoImage(msgspec.Struct, gc=False):
    """An entry of `images`; anything may be wrong with it."""

    id: Any = None
    file_name: Any = None
    height: Any = 0
    width: Any = 0


class CocoFile(msgspec.Struct):
    """The file; its annotations are parsed piece by piece, as they take more memory than it."""

    images: list[CocoImage]
    annotations: msgspec.Raw
    categories: list[Any] | dict[str, Any]


def decode(path: Path, data: Any, form: Any = CocoFile, first: int | None = None) -> Any:
    """Parse the content of a COCO JSON, or its annotations from the first one on.

    Raises:
        UserError: it is no JSON, or not of this form.
    """
    try:
        return parse_json(data, form)
    except msgspec.ValidationError as error:
        reason = str(error)
        if first is not None:
            reason = re.sub(r"`\$\[(\d+)", lambda m: f"`$.annotations[{int(m[1]) + first}", reason)
            reason += "" if " - at " in reason else " - at `$.annotations`"
        raise UserError(
            f"{path}: not a COCO data set ({reason}); it needs images, annotations and categories"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: damaged JSON ({error}); export it again") from error


def _pieces(path: Path, file: CocoFile) -> Iterator[tuple[int, bytes, list[CocoAnnotation]]]:
    """All annotations, once: some thousands at a time, with the number of the first of them.

    Beside them their text.
    """
    raw = decode(path, file.annotations, list[msgspec.Raw], 0)
    file.annotations = _NOTHING
    for start in range(0, len(raw), _PIECE):
        piece = b"[%b]" % b",".join(raw[start : start + _PIECE])
        raw[start : start + _PIECE] = [_NOTHING] * len(raw[start : start + _PIECE])
        yield start, piece, decode(path, piece, list[CocoAnnotation], start)


def used_ids(path: Path, file: CocoFile) -> set[Any]:
    """The category ids that annotations have."""
    annotations: list[CocoAnnotation] = decode(path, file.annotations, list[CocoAnnotation], 0)
    return {found for a in annotations if (found := as_id(a.category_id)) is not None}


@dataclass(frozen=True, eq=False)
class CocoObjects:
    """The objects of all images in flat arrays, in the order of the images."""

    rows: np.ndarray  # position in the file's annotations
    ends: np.ndarray  # of each image's objects
    boxes_xywh: np.ndarray  # float64, the file's own numbers
    labels: np.ndarray
    is_crowd: np.ndarray
    is_difficult: np.ndarray
    is_ignore: np.ndarray
    areas: np.ndarray
    ids: np.ndarray
    turned: Sequence[int]  # positions in the file's annotations of boxes that were made upright
    notes: tuple[str, ...]  # what was made of boxes, to be told to the user

    @classmethod
    def collect(
        cls,
        file: CocoFile,
        index_of: Mapping[Id, int],
        label_of: Mapping[Id, int],
        findings: FileFindings,
    ) -> CocoObjects:
        """Take the objects that can be read; report the others.

        Args:
            file: whose annotations are used up.
            index_of: index by id of each image; -1 of those that are listed, but left out.
            label_of: label by category id.
            findings: about this file; takes what is left out.
        """
        columns: list[tuple[np.ndarray, ...]] = [_columns([], index_of, label_of)]
        turned: list[int] = []
        counts: Counter[str] = Counter()
        for start, text, piece in _pieces(findings.path, file):
            parse = partial(decode, findings.path, text, first=start)
            turned += [start + row for row in make_upright(piece, parse, counts)]
            columns.append(_columns(piece, index_of, label_of))
            for row in np.flatnonzero(~_are_good(*columns[-1][:3])).tolist():
                _explain(piece[row], start + row, index_of, label_of, findings)
        images, labels, boxes, *others = map(np.concatenate, zip(*columns, strict=True))
        columns.clear()  # of train2017 as much memory as the arrays that are kept
        _report_twins(others[-1], findings)
        rows = np.flatnonzero(_are_good(images, labels, boxes))
        rows = rows[np.argsort(images[rows], kind="stable")]
        length = max(index_of.values(), default=-1) + 1
        ends = np.cumsum(np.bincount(images[rows], minlength=length))
        return cls(
            rows,
            ends,
            boxes[rows],
            labels[rows].astype(np.int64),
            *(column[rows] for column in others),
            turned=turned,
            notes=tuple(f"{what}: {count:,}" for what, count in counts.items()),
        )


def _columns(
    annotations: Sequence[CocoAnnotation],
    index_of: Mapping[Id, int],
    label_of: Mapping[Id, int],
) -> tuple[np.ndarray, ...]:
    """Image, label, box, crowd, difficult, ignore, area and id of annotations, a row each."""
    boxes = _boxes(annotations)
    is_difficult = _flags([a.difficult for a in annotations])
    is_ignore = _flags([a.ignore for a in annotations])
    return (
        _look_up(index_of, [a.image_id for a in annotations]),
        _look_up(label_of, [a.category_id for a in annotations]),
        boxes,
        _flags([a.iscrowd for a in annotations]),
        is_difficult | is_ignore,
        is_ignore & ~is_difficult,
        _areas(annotations, boxes),
        _ids([a.id for a in annotations]),
    )


def _are_good(images: np.ndarray, labels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    return (images >= 0) & (labels >= 0) & np.isfinite(boxes).all(axis=1)


def _entry(table: Mapping[Id, int], key: Any) -> int | None:
    """What a table has for an id, or else for the same number as text, or the same text as number.

    None where it has neither, or where the key is no id.
    """
    if (found := as_id(key)) is None:
        return None
    if found in table:
        return table[found]
    if isinstance(found, int):
        return table.get(str(found))
    number = as_number(found)
    return None if number is None else table.get(number)


def _look_up(table: Mapping[Id, int], keys: Sequence[Any]) -> np.ndarray:
    """The entry of each key, -1 where there is none."""
    if set(map(type, keys)) <= {int}:
        found = [table.get(key) for key in keys]
        if None not in found:
            return np.array(found, np.int32)
    found = [_entry(table, key) for key in keys]
    return np.array([-1 if one is None else one for one in found], np.int32)


def _boxes(annotations: Sequence[CocoAnnotation]) -> np.ndarray:
    """float64 `(N, 4)`, x, y, width, height; NaN where an annotation has no box."""
    given, edges = [a.bbox for a in annotations], None
    if set(map(type, given)) == {list} and set(map(len, given)) == {4}:
        edges = _plain_numbers(list(itertools.chain.from_iterable(given)))
    if edges is None:
        nothing = (np.nan,) * 4
        edges = np.array([numbers(bbox, 4) or nothing for bbox in given], np.float64)
    boxes = edges.reshape(-1, 4)
    with np.errstate(over="ignore"):  # what no float32 can hold becomes infinite, and is no box
        corners = xywh_to_xyxy(boxes).astype(np.float32)
    boxes[~np.isfinite(corners).all(axis=1)] = np.nan
    return boxes


def _plain_numbers(values: Sequence[Any]) -> np.ndarray | None:
    """float64 `(N,)`; None where a value is no number, or one that no float64 can hold."""
    if not set(map(type, values)) <= {int, float}:
        return None
    try:
        numbers = np.array(values, np.float64)
    except OverflowError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _flags(values: Sequence[Any]) -> np.ndarray:
    """What `flag` makes of each: bool `(N,)`."""
    if set(map(type, values)) <= {int}:  # nearly always, and nearly always zeros
        return np.array([value == 1 for value in values], bool)
    return np.array([flag(value) for value in values], bool)


def _areas(annotations: Sequence[CocoAnnotation], boxes: np.ndarray) -> np.ndarray:
    """float64 `(N,)`; of the box where an annotation gives none."""
    given = [a.area for a in annotations]
    areas = _plain_numbers(given)
    if areas is not None:
        return areas
    of_boxes = boxes[:, 2:].prod(axis=1).tolist()
    pairs = zip(map(number, given), of_boxes, strict=True)
    return np.array([box if one is None else one for one, box in pairs], np.float64)


def _ids(values: Sequence[Any]) -> np.ndarray:
    """`(N,)`, int64 where it can be."""
    if set(map(type, values)) <= {int}:
        with contextlib.suppress(OverflowError):
            return np.array(values, np.int64)
    ids = np.empty(len(values), object)
    ids[:] = values
    return ids


def _explain(
    annotation: CocoAnnotation,
    row: int,
    index_of: Mapping[Id, int],
    label_of: Mapping[Id, int],
    findings: FileFindings,
) -> None:
    """Say why an annotation is left out; nothing if its whole image was."""
    element = f"annotations[{row}]" if annotation.id is None else f"annotation {annotation.id}"
    if _entry(index_of, annotation.image_id) is None:
        findings.add("dangling-id", element, f"no image has the id {annotation.image_id!r}")
    elif _entry(label_of, annotation.category_id) is None:
        message = f"no category has the id {annotation.category_id!r}"
        findings.add("unknown-class", element, message)
    elif not np.isfinite(_boxes([annotation])).all():
        findings.add("bad-object", element, _fault(annotation.bbox))


def _fault(bbox: Any) -> str:
    if not bbox:
        return "has neither a bbox nor a polygon"
    if numbers(bbox, 5):
        return f"bbox is {bbox!r}, 5 numbers as of a turned box; export upright ones"
    return f"bbox is {bbox!r}, not x, y, width and height"


def _report_twins(ids: np.ndarray, findings: FileFindings) -> None:
    if ids.dtype == np.int64 and np.diff(np.sort(ids)).all():  # np.unique takes 20 times as long
        return
    counts = Counter(one for one in ids.tolist() if as_id(one) is not None)
    twins = [annotation_id for annotation_id, count in counts.items() if count > 1]
    if twins:
        total = sum(counts[one] for one in twins)
        message = f"{total:,} of {len(ids):,} share their id with another, such as {twins[0]!r}"
        findings.add("annotation-id-collision", "annotations", message)
