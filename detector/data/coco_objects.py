"""The objects of a COCO JSON in flat arrays, and the samples made from them when asked for."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import area
from detector.data.coco_file import CocoAnnotation, CocoFile
from detector.data.findings import FileFindings
from detector.data.values import Id, as_id, flag, number
from detector.types import Sample

Image = tuple[int, Path, int, int]  # position in the file, path, height, width

_OURS = frozenset(
    {"image_id", "category_id", "bbox", "area", "iscrowd", "ignore", "difficult"}
)  # what a Sample says by itself; everything else of an annotation goes to its details
_ABOUT_IMAGE = frozenset({"id", "file_name", "height", "width"})
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")  # as text, in the one way to write it


@dataclass(frozen=True, eq=False)
class CocoObjects:
    """The objects of all images in flat arrays, in the order of the images."""

    rows: np.ndarray  # position in the file's annotations
    ends: np.ndarray  # of each image's objects
    boxes: np.ndarray
    labels: np.ndarray
    is_crowd: np.ndarray
    is_difficult: np.ndarray
    areas: np.ndarray
    ids: np.ndarray

    @classmethod
    def collect(
        cls,
        file: CocoFile,
        image_ids: Sequence[Id],
        label_of: Mapping[Id, int],
        findings: FileFindings,
    ) -> CocoObjects:
        """Take the objects that can be read; report the others."""
        annotations = file.annotations
        # -1 for an image that is listed, but left out.
        listed = {found: -1 for one in file.images if (found := as_id(one.id)) is not None}
        index_of = listed | {image_id: index for index, image_id in enumerate(image_ids)}
        index_of, label_of = _by_either_type(index_of), _by_either_type(label_of)
        images = _look_up(index_of, (a.image_id for a in annotations), len(annotations))
        labels = _look_up(label_of, (a.category_id for a in annotations), len(annotations))
        boxes = _boxes(annotations)
        good = (images >= 0) & (labels >= 0) & np.isfinite(boxes).all(axis=1)
        for row in np.flatnonzero(~good).tolist():
            _explain(annotations[row], row, index_of, label_of, findings)
        _report_twins(annotations, findings)
        rows = np.flatnonzero(good)
        rows = rows[np.argsort(images[rows], kind="stable")]
        chosen = [annotations[row] for row in rows.tolist()]
        return cls(
            rows,
            np.cumsum(np.bincount(images[rows], minlength=len(image_ids))),
            boxes[rows],
            labels[rows],
            np.fromiter((flag(a.iscrowd) for a in chosen), bool, len(chosen)),
            np.fromiter((flag(a.difficult) or flag(a.ignore) for a in chosen), bool, len(chosen)),
            _areas(chosen, boxes[rows]),
            np.array([a.id for a in chosen], dtype=object),
        )


def _by_either_type(table: Mapping[Id, int]) -> dict[Id, int]:
    """The table with 1 under "1" as well, and "1" under 1; where it has both, each is itself."""
    return {_other_type(key): value for key, value in table.items()} | dict(table)


def _other_type(key: Id) -> Id:
    if isinstance(key, int):
        return str(key)
    return int(key) if _WHOLE_NUMBER.fullmatch(key) else key


def _look_up(table: Mapping[Id, int], keys: Iterable[Any], count: int) -> np.ndarray:
    """The entry of each key, -1 where there is none."""
    return np.fromiter((table.get(key, -1) if _is_id(key) else -1 for key in keys), int, count)


def _is_id(key: Any) -> bool:
    # 1.0 equals 1, as a key too.
    return type(key) is int or type(key) is str or (type(key) is float and key.is_integer())


def _boxes(annotations: Sequence[CocoAnnotation]) -> np.ndarray:
    """float32 `(N, 4)`, xyxy; NaN where an annotation has no box."""
    nothing = (np.nan,) * 4
    edges = itertools.chain.from_iterable(_xywh(a.bbox) or nothing for a in annotations)
    boxes = np.fromiter(edges, np.float64, 4 * len(annotations)).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    with np.errstate(over="ignore"):  # what no float32 can hold becomes infinite, and is no box
        return boxes.astype(np.float32)


def _xywh(bbox: Any) -> Sequence[float] | None:
    if type(bbox) is not list or len(bbox) != 4:
        return None
    if all(type(edge) is float for edge in bbox):
        return bbox
    parsed = [edge for edge in map(number, bbox) if edge is not None]
    return parsed if len(parsed) == 4 else None


def _areas(annotations: Sequence[CocoAnnotation], boxes: np.ndarray) -> np.ndarray:
    """float64 `(N,)`; of the box where an annotation gives none."""
    of_boxes = area(boxes.astype(np.float64))
    given = (number(a.area) for a in annotations)
    pairs = zip(given, of_boxes.tolist(), strict=True)
    return np.fromiter((box if one is None else one for one, box in pairs), float, len(boxes))


def _explain(
    annotation: CocoAnnotation,
    row: int,
    listed: Collection[Id],
    label_of: Collection[Id],
    findings: FileFindings,
) -> None:
    """Say why an annotation is left out; nothing if its whole image was."""
    element = f"annotations[{row}]" if annotation.id is None else f"annotation {annotation.id}"
    if not _is_id(annotation.image_id) or annotation.image_id not in listed:
        findings.add("dangling-id", element, f"no image has the id {annotation.image_id!r}")
    elif not _is_id(annotation.category_id) or annotation.category_id not in label_of:
        message = f"no category has the id {annotation.category_id!r}"
        findings.add("unknown-class", element, message)
    elif not np.isfinite(_boxes([annotation])).all():
        message = f"bbox is {annotation.bbox!r}, not x, y, width and height"
        findings.add("bad-object", element, message)


def _report_twins(annotations: Sequence[CocoAnnotation], findings: FileFindings) -> None:
    ids = [a.id for a in annotations if _is_id(a.id)]
    if len(set(ids)) == len(ids):
        return
    for annotation_id, count in Counter(ids).items():
        if count > 1:
            message = f"{count} annotations have this id; all are kept"
            findings.add("id-collision", f"annotation {annotation_id}", message)


class CocoSamples(Sequence[Sample]):
    """The samples of a COCO JSON, made when asked for."""

    def __init__(
        self,
        source: Path,
        images: Mapping[Id, Image],
        objects: CocoObjects,
        raw: Mapping[str, Any],
    ) -> None:
        self._source = source
        self._ids = list(images)
        self._images = list(images.values())
        self._objects = objects
        self._raw = raw

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: Any) -> Any:
        index = range(len(self))[index]
        position, path, height, width = self._images[index]
        start = self._objects.ends[index - 1] if index else 0
        mine = slice(start, self._objects.ends[index])
        objects = self._objects
        return Sample(
            self._ids[index],
            path,
            height,
            width,
            objects.boxes[mine],
            objects.labels[mine],
            objects.is_crowd[mine],
            objects.is_difficult[mine],
            objects.areas[mine],
            self._source,
            tuple(f"annotation {annotation_id}" for annotation_id in objects.ids[mine]),
            tuple(self._details("annotations", row, _OURS) for row in self._rows(mine)),
            self._details("images", position, _ABOUT_IMAGE) if self._raw else {},
        )

    def _rows(self, mine: slice) -> list[int]:
        return self._objects.rows[mine].tolist() if self._raw else []

    def _details(self, part: str, row: int, known: Collection[str]) -> dict[str, Any]:
        return {key: value for key, value in self._raw[part][row].items() if key not in known}
