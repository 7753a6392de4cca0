"""COCO results files: detections made elsewhere, read and checked against the data set."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from configs.errors import UserError
from detector.data.dataset import Dataset
from detector.types import Detections, Sample

_DIGITS = re.compile("[0-9]{1,18}")


class _Detection(msgspec.Struct, gc=False):
    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float]
    score: float


def result_ids(samples: Sequence[Sample]) -> list[int | str]:
    """By which a results file names the images: their own ids, or 1, 2, ... where those repeat.

    They do where each split of a data set counts from 1, or a name stands in two folders.
    """
    own = [sample.image_id for sample in samples]
    return own if len(set(own)) == len(own) else list(range(1, len(own) + 1))


def read_detections(file: Path, dataset: Dataset) -> list[Detections]:
    """The detections of a COCO results file, image by image.

    Args:
        file: a JSON list of `image_id`, `category_id`, `bbox` (x, y, width, height) and `score`.
        dataset: to which the ids belong (`result_ids`). Where its own are texts of digits, as
            names of files are, whole numbers will do: 1 for "000001".

    Returns:
        one per sample, best first, equal scores in the order of the file; labels are those of
        the data set.

    Raises:
        UserError: the file is no such list, an id is not the data set's, or a box is none.
    """
    label_of = {number: label for label, number in enumerate(dataset.classes.category_ids)}
    index_of = _indices(dataset)
    of_image: dict[int, list[tuple[list[float], float, int]]] = defaultdict(list)
    for position, one in enumerate(_decode(file)):
        place = f"{file}: detection {position}"
        if one.image_id not in index_of:
            raise UserError(f"{place}: {dataset.name} has no image with the id {one.image_id!r}")
        if one.category_id not in label_of:
            raise UserError(f"{place}: {dataset.name} has no category {one.category_id}")
        x, y, w, h = one.bbox
        if w < 0 or h < 0 or not math.isfinite(x + y + w + h):
            raise UserError(f"{place}: bbox {list(one.bbox)} is not x, y, width and height")
        row = ([x, y, x + w, y + h], one.score, label_of[one.category_id])
        of_image[index_of[one.image_id]].append(row)
    return [_detections(of_image.get(index, [])) for index in range(len(dataset))]


def _indices(samples: Sequence[Sample]) -> dict[int | str, int]:
    """Which sample an id names; a text of digits also as a number, if no other one is that."""
    index_of = {image_id: index for index, image_id in enumerate(result_ids(samples))}
    texts = [one for one in index_of if isinstance(one, str) and _DIGITS.fullmatch(one)]
    counts = Counter(map(int, texts))
    numbers = {int(text): index_of[text] for text in texts if counts[int(text)] == 1}
    return numbers | index_of


def _decode(file: Path) -> list[_Detection]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[_Detection])
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from error
    except msgspec.ValidationError as error:
        raise UserError(f"{file}: not a COCO results file ({error})") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{file}: damaged JSON ({error})") from error


def _detections(rows: list[tuple[list[float], float, int]]) -> Detections:
    ranked: Any = sorted(rows, key=lambda row: -row[1])
    boxes, scores, labels = zip(*ranked, strict=True) if ranked else ((), (), ())
    # In float64: the file's own digits decide ties, as in any other program that scores it.
    return Detections(
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(scores, np.float64),
        np.array(labels, np.int64),
    )
