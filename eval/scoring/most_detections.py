"""The most detections per image: what a model gives and COCO's protocol scores, and what it cuts.

Source: cocodataset.org, "Detection Evaluation": AR at 1, 10 and 100 detections per image, AP at
100. In pycocotools that is 100 of each class; a model gives so many of all classes together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from detector.data.findings import counted
from detector.types import Detections
from eval.scoring.eval_set import EvalImage, EvalSet

MAX_DETECTIONS = 100
"""Per image, COCO's own limit."""


def most_scored(settings: Mapping[str, Any]) -> int:
    """How many detections of a class are scored in an image of an `EvalSet` with such settings."""
    return settings.get("max_detections", MAX_DETECTIONS)


def with_cap_counted(eval_set: EvalSet, found: Sequence[Detections]) -> EvalSet:
    """The set, with settings that tell how many images the most detections of a model touch.

    Args:
        eval_set: of a model; its setting `max_detections` is the most that it gave.
        found: in each image, of all classes that the model knows.
    """
    most = most_scored(eval_set.settings)
    objects = np.array([np.count_nonzero(image.is_counted) for image in eval_set.images])
    told: dict[str, Any] = {"images_at_max_detections": sum(len(one) >= most for one in found)}
    if (objects > most).any():
        told["images_with_more_objects"] = int((objects > most).sum())
        told["most_objects"] = int(objects.max())
    return replace(eval_set, settings={**eval_set.settings, **told})


def count_unscored(images: Sequence[EvalImage], classes: int, most: int) -> int:
    """Detections that the protocol cuts: those of a class behind the best `most` of an image."""
    counts = (np.bincount(one.detections.labels, minlength=classes) for one in images)
    return int(sum(np.maximum(count - most, 0).sum() for count in counts))


def cap_lines(settings: Mapping[str, Any]) -> Iterator[str]:
    """What a user should know of the most detections, line by line; often nothing."""
    most = most_scored(settings)
    own = ", COCO's own" if most == MAX_DETECTIONS else ""
    if reached := settings.get("images_at_max_detections"):
        images = counted(settings["images"], "image")
        line = f"{reached:,} of {images} reached max_detections ({most}{own})"
        yield f"{line}; eval --max-dets N raises it"
    if more := settings.get("images_with_more_objects"):
        yield (
            f"{counted(more, 'image')} with more objects than that, up to "
            f"{settings['most_objects']:,}: not all of them can be found"
        )
    if unscored := settings.get("detections_not_scored"):
        yield (
            f"{counted(unscored, 'detection')} not scored, being behind the best {most} of a class "
            "in an image; eval --max-dets N scores more"
        )
