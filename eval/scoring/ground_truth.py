"""Truth and detections in the form that pycocotools takes: here labels become category ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detector.boxes import xywh_to_xyxy, xyxy_to_xywh
from detector.data.values import shortest
from detector.results import coco_results
from eval.scoring.detections_file import result_ids
from eval.scoring.eval_set import ScoredSet


def image_ids(scored: ScoredSet) -> list[int]:
    """The data set's own ids where they are whole numbers that do not repeat, else 1, 2, ...

    Own ids matter for more than looks: of equal scores pycocotools takes the lower id first.
    """
    own = _own_ids(scored)
    numbers = [one for one in own if isinstance(one, int)]
    return numbers if len(numbers) == len(own) else list(range(1, len(own) + 1))


def ground_truth(scored: ScoredSet) -> dict[str, Any]:
    """The truth as the content of a COCO JSON.

    Difficult objects are written as crowds: COCO's protocol knows no other way to ignore.
    """
    images, annotations = [], []
    for image_id, image in zip(image_ids(scored), scored.images, strict=True):
        sample = image.sample
        images.append({"id": image_id, "height": sample.height, "width": sample.width})
        boxes_xywh = shortest(sample.boxes, xyxy_to_xywh, xywh_to_xyxy).tolist()
        for row, bbox in enumerate(boxes_xywh):
            annotations.append(
                {
                    "id": len(annotations) + 1,  # pycocotools takes 0 for "unmatched"
                    "image_id": image_id,
                    "category_id": scored.classes.category_ids[sample.labels[row]],
                    "bbox": bbox,
                    "area": float(sample.areas[row]),
                    "iscrowd": int(sample.is_crowd[row] or sample.is_difficult[row]),
                }
            )
    return {"images": images, "annotations": annotations, "categories": _categories(scored)}


def results(scored: ScoredSet) -> list[dict[str, Any]]:
    """The detections as the content of a COCO results file, with the ids of `ground_truth`."""
    return [
        one
        for image_id, image in zip(image_ids(scored), scored.images, strict=True)
        for one in coco_results(image_id, image.detections, scored.classes)
    ]


def own_results(scored: ScoredSet) -> list[dict[str, Any]]:
    """The detections as the content of a COCO results file, with the ids of `result_ids`."""
    return [
        one
        for image_id, image in zip(_own_ids(scored), scored.images, strict=True)
        for one in coco_results(image_id, image.detections, scored.classes)
    ]


def _own_ids(scored: ScoredSet) -> list[int | str]:
    return result_ids([image.sample for image in scored.images])


def _categories(scored: ScoredSet) -> Sequence[dict[str, Any]]:
    named = zip(scored.classes.category_ids, scored.classes.names, strict=True)
    return [{"id": category_id, "name": name} for category_id, name in named]
