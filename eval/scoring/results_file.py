"""A COCO results file, read as pycocotools scores it, with a count of what it takes by value."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from configs.errors import UserError
from detector.boxes import xywh_to_xyxy
from detector.data.dataset import Dataset
from detector.data.findings import counted
from detector.data.json_file import read_json
from detector.data.values import as_id, as_number
from detector.results import id_by_name
from detector.types import Detections, Sample
from eval.scoring.coco_form import result_ids
from eval.scoring.named_images import NamedImages

_NAMED = 3  # of the ids in a warning

Row = tuple[tuple[float, float, float, float], float, int]  # x, y, width, height; score; label


class _Detection(msgspec.Struct, gc=False):
    image_id: int | float | str
    category_id: int | float | str
    bbox: tuple[float, float, float, float]
    score: float
    file_name: Any = None  # a text of `detect --coco`, or what another program has there


class ResultsFile(NamedTuple):
    """What a results file holds.

    Attributes:
        detections: one per sample, best first, equal scores in the order of the file; labels are
            those of the data set.
        warnings: what the file says otherwise than it should, and what that means for figures.
    """

    detections: list[Detections]
    warnings: tuple[str, ...]


def read_detections(file: Path, dataset: Dataset) -> ResultsFile:
    """The detections of a COCO results file, image by image.

    Ids match by value: 1, 1.0 and "1" are one. As in pycocotools a detection of a category that
    the data set lacks is passed over, and a box of negative size stays: it fits no object.

    Args:
        file: a JSON list of `image_id`, `category_id`, `bbox` (x, y, width, height) and `score`.
        dataset: to which the ids belong (`result_ids`). Where its own are texts of digits, as
            names of files are, whole numbers will do: 1 for "000001". Where an entry names its
            image (`file_name`, as `detect --coco` does), that counts before the id.

    Raises:
        UserError: the file is no such list, an image is not the data set's, or no category is.
    """
    label_of = {number: label for label, number in enumerate(dataset.classes.category_ids)}
    index_of, named = _indices(dataset), NamedImages(dataset, file)
    of_image: dict[int, list[Row]] = defaultdict(list)
    counts: Counter[str] = Counter()
    unknown: Counter[Any] = Counter()
    found = _decode(file)
    for position, one in enumerate(found):
        index = named.index(one.file_name) if isinstance(one.file_name, str) else None
        if index is None:
            index = _look_up(index_of, one.image_id, "image_id", counts)
        elif _look_up(index_of, one.image_id, "image_id", Counter()) not in (index, None):
            counts["image_id of another image than file_name"] += 1
        if index is None:
            place = f"{file}: detection {position}"
            raise UserError(f"{place}: {dataset.name} has no image with the id {one.image_id!r}")
        label = _look_up(label_of, one.category_id, "category_id", counts)
        if label is None:
            unknown[one.category_id] += 1
            continue
        _check_box(one.bbox, f"{file}: detection {position}", counts)
        of_image[index].append((one.bbox, one.score, label))
    if unknown and not of_image:
        raise UserError(f"{file}: {dataset.name} has no category {_listed(unknown)}")
    return ResultsFile(
        [_detections(of_image.get(index, [])) for index in range(len(dataset))],
        tuple(_in_words(counts, unknown, len(found))),
    )


def _look_up(
    table: Mapping[Any, int], key: float | str, name: str, counts: Counter[str]
) -> int | None:
    """The entry of an id, or of its value; None without any. A key of another type is counted."""
    found = table.get(key)
    if type(key) is int or (found is not None and type(key) is str):
        return found
    number = as_number(as_id(key))
    if found is None and number is not None:
        found = table.get(number)
    if found is not None:
        counts[f"{name} written as {'1.0' if type(key) is float else 'text'}"] += 1
    return found


def _check_box(bbox: tuple[float, float, float, float], place: str, counts: Counter[str]) -> None:
    x, y, w, h = bbox
    if not math.isfinite(x + y + w + h):
        raise UserError(f"{place}: bbox {list(bbox)} is not x, y, width and height")
    if w < 0 or h < 0:
        counts["bbox with a negative width or height"] += 1


_MEANINGS = {
    "image_id written as 1.0": "taken by their value",
    "image_id written as text": "taken by their value, where pycocotools refuses the file",
    "image_id of another image than file_name": "file_name counts, where pycocotools goes by "
    "image_id",
    "category_id written as 1.0": "taken by their value",
    "category_id written as text": "taken by their value, where pycocotools passes them over",
    "bbox with a negative width or height": "kept: they fit no object, and count as pycocotools "
    "counts them",
}


def _in_words(counts: Counter[str], unknown: Counter[Any], total: int) -> list[str]:
    """What is said of the file, a line each."""
    said = []
    if unknown:
        lost = f"{sum(unknown.values()):,} of {counted(total, 'detection')}"
        said.append(
            f"{lost} passed over, of categories that the data set lacks ({_listed(unknown)})"
        )
    for what, meaning in _MEANINGS.items():
        if count := counts[what]:
            said.append(f"{what} in {count:,} of {counted(total, 'detection')}: {meaning}")
    return said


def _listed(ids: Counter[Any]) -> str:
    shown = ", ".join(repr(one) for one in list(ids)[:_NAMED])
    return f"{shown}, ... ({len(ids):,})" if len(ids) > _NAMED else shown


def _indices(samples: Sequence[Sample]) -> dict[int | str, int]:
    """Which sample an id names; a text of digits also as a number, if no other one is that."""
    index_of = {image_id: index for index, image_id in enumerate(result_ids(samples))}
    named = [(id_by_name(one), index) for one, index in index_of.items() if isinstance(one, str)]
    counts = Counter(number for number, _ in named)
    return {number: index for number, index in named if counts[number] == 1} | index_of


def _decode(file: Path) -> list[_Detection]:
    data = read_json(file)
    try:
        return msgspec.json.decode(data, type=list[_Detection])
    except msgspec.ValidationError as error:
        raise UserError(f"{file}: not a COCO results file ({error})") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if b"NaN" in data or b"Infinity" in data:
            reason = "NaN or Infinity is no number; leave such detections out"
            raise UserError(f"{file}: {reason}") from error
        raise UserError(f"{file}: damaged JSON ({error})") from error


def _detections(rows: list[Row]) -> Detections:
    ranked: Any = sorted(rows, key=lambda row: -row[1])
    boxes, scores, labels = zip(*ranked, strict=True) if ranked else ((), (), ())
    # In float64: the file's own digits decide ties, as in any other program that scores it.
    own_xywh = np.array(boxes, np.float64).reshape(-1, 4)
    return Detections(
        xywh_to_xyxy(own_xywh), np.array(scores, np.float64), np.array(labels, np.int64), own_xywh
    )
