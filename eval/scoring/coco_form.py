"""COCO's JSON forms as they are written: results files, and ground truth for pycocotools.

Within, labels are indices of a class map; in these forms they are category ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detector.data.values import as_text
from detector.results import coco_results
from detector.types import Sample
from eval.scoring.eval_set import EvalSet


def result_ids(samples: Sequence[Sample]) -> list[int | str]:
    """By which a results file names the images: their own ids, or 1, 2, ... where those repeat.

    They do where each split of a data set counts from 1, or a name stands in two folders. Each is
    as JSON can hold it (`as_text`).
    """
    ids = (sample.image_id for sample in samples)
    own = [as_text(one) if isinstance(one, str) else one for one in ids]
    return own if len(set(own)) == len(own) else list(range(1, len(own) + 1))


def image_ids(eval_set: EvalSet) -> list[int]:
    """The data set's own ids where they are whole numbers that do not repeat.

    Own ids matter for more than looks: of equal scores pycocotools takes the lower id first. So
    texts are numbered in their order; ids of both kinds, which have none, as they come.
    """
    own = _own_ids(eval_set)
    if all(isinstance(one, int) for one in own):
        return [one for one in own if isinstance(one, int)]
    texts = [one for one in own if isinstance(one, str)]
    ranked = sorted(texts) if len(texts) == len(own) else own
    number = {one: rank for rank, one in enumerate(ranked, start=1)}
    return [number[one] for one in own]


def ground_truth(eval_set: EvalSet) -> dict[str, Any]:
    """The truth as the content of a COCO JSON.

    Difficult objects are written as crowds: COCO's protocol knows no other way to ignore.
    """
    images, annotations = [], []
    for image_id, image in zip(image_ids(eval_set), eval_set.images, strict=True):
        sample = image.sample
        images.append({"id": image_id, "height": sample.height, "width": sample.width})
        is_counted, areas = image.is_counted, image.truth_areas.tolist()
        for row, bbox in enumerate(image.truth_xywh.tolist()):
            annotations.append(
                {
                    "id": len(annotations) + 1,  # pycocotools takes 0 for "unmatched"
                    "image_id": image_id,
                    "category_id": eval_set.classes.category_ids[sample.labels[row]],
                    "bbox": bbox,
                    "area": areas[row],
                    "iscrowd": int(not is_counted[row]),
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
