"""COCO's JSON forms: results files, read and written, and ground truth for pycocotools.

Within, labels are indices of a class map; in these forms they are category ids.
"""

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
from detector.boxes import xywh_to_xyxy, xyxy_to_xywh
from detector.data.dataset import Dataset
from detector.data.values import shortest
from detector.results import coco_results
from detector.types import Detections, Sample
from eval.scoring.eval_set import EvalSet
from eval.scoring.named_images import NamedImages

_DIGITS = re.compile("[0-9]{1,18}")


class _Detection(msgspec.Struct, gc=False):
    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float]
    score: float
    file_name: str | None = None  # of `detect --coco`


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
            names of files are, whole numbers will do: 1 for "000001". Where an entry names its
            image (`file_name`, as `detect --coco` does), that counts before the id.

    Returns:
        one per sample, best first, equal scores in the order of the file; labels are those of
        the data set.

    Raises:
        UserError: the file is no such list, an id is not the data set's, or a box is none.
    """
    label_of = {number: label for label, number in enumerate(dataset.classes.category_ids)}
    index_of, named = _indices(dataset), NamedImages(dataset)
    of_image: dict[int, list[tuple[list[float], float, int]]] = defaultdict(list)
    for position, one in enumerate(_decode(file)):
        place = f"{file}: detection {position}"
        index = named.index(one.file_name) if one.file_name else None
        index = index_of.get(one.image_id) if index is None else index
        if index is None:
            raise UserError(f"{place}: {dataset.name} has no image with the id {one.image_id!r}")
        if one.category_id not in label_of:
            raise UserError(f"{place}: {dataset.name} has no category {one.category_id}")
        x, y, w, h = one.bbox
        if w < 0 or h < 0 or not math.isfinite(x + y + w + h):
            raise UserError(f"{place}: bbox {list(one.bbox)} is not x, y, width and height")
        row = ([x, y, x + w, y + h], one.score, label_of[one.category_id])
        of_image[index].append(row)
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


def image_ids(eval_set: EvalSet) -> list[int]:
    """The data set's own ids where they are whole numbers that do not repeat, else 1, 2, ...

    Own ids matter for more than looks: of equal scores pycocotools takes the lower id first.
    """
    own = _own_ids(eval_set)
    numbers = [one for one in own if isinstance(one, int)]
    return numbers if len(numbers) == len(own) else list(range(1, len(own) + 1))


def ground_truth(eval_set: EvalSet) -> dict[str, Any]:
    """The truth as the content of a COCO JSON.

    Difficult objects are written as crowds: COCO's protocol knows no other way to ignore.
    """
    images, annotations = [], []
    for image_id, image in zip(image_ids(eval_set), eval_set.images, strict=True):
        sample = image.sample
        images.append({"id": image_id, "height": sample.height, "width": sample.width})
        boxes_xywh = shortest(sample.boxes, xyxy_to_xywh, xywh_to_xyxy).tolist()
        for row, bbox in enumerate(boxes_xywh):
            annotations.append(
                {
                    "id": len(annotations) + 1,  # pycocotools takes 0 for "unmatched"
                    "image_id": image_id,
                    "category_id": eval_set.classes.category_ids[sample.labels[row]],
                    "bbox": bbox,
                    "area": float(sample.areas[row]),
                    "iscrowd": int(sample.is_crowd[row] or sample.is_difficult[row]),
                }
            )
    named = zip(eval_set.classes.category_ids, eval_set.classes.names, strict=True)
    categories = [{"id": category_id, "name": name} for category_id, name in named]
    return {"images": images, "annotations": annotations, "categories": categories}


def results(eval_set: EvalSet, own_ids: bool = False) -> list[dict[str, Any]]:
    """The detections as the content of a COCO results file.

    With `own_ids`, as files have them, images are named by `result_ids`, else as `ground_truth`.
    """
    ids = _own_ids(eval_set) if own_ids else image_ids(eval_set)
    return [
        one
        for image_id, image in zip(ids, eval_set.images, strict=True)
        for one in coco_results(image_id, image.detections, eval_set.classes)
    ]


def _own_ids(eval_set: EvalSet) -> list[int | str]:
    return result_ids([image.sample for image in eval_set.images])
