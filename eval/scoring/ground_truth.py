"""COCO's form of ground truth and results, for pycocotools: here labels become category ids."""

from __future__ import annotations

from typing import Any

from detector.data.rounding import shortest
from detector.data.write_coco import from_xywh, to_xywh
from detector.results import coco_results
from eval.scoring.detections_file import result_ids
from eval.scoring.eval_set import EvalSet


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
        boxes_xywh = shortest(sample.boxes, to_xywh, from_xywh).tolist()
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

    Args:
        eval_set: whose.
        own_ids: name images by `result_ids`, for files; else as `ground_truth` does.
    """
    ids = _own_ids(eval_set) if own_ids else image_ids(eval_set)
    return [
        one
        for image_id, image in zip(ids, eval_set.images, strict=True)
        for one in coco_results(image_id, image.detections, eval_set.classes)
    ]


def _own_ids(eval_set: EvalSet) -> list[int | str]:
    return result_ids([image.sample for image in eval_set.images])
