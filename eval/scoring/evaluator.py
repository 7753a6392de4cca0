"""COCO's 12 metrics and those of each class, by pycocotools or faster-coco-eval."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from eval.scoring.coco_form import ground_truth, results
from eval.scoring.eval_set import EvalSet

Backend = Literal["pycocotools", "fast"]

FIGURES = {
    "AP": "average precision, mean over IoU 0.50 ... 0.95",
    "AP50": "average precision at IoU 0.50",
    "AP75": "average precision at IoU 0.75",
    "APs": "AP of small objects (area under 32 x 32 px)",
    "APm": "AP of medium objects (up to 96 x 96 px)",
    "APl": "AP of large objects",
    "AR1": "average recall with 1 detection per image",
    "AR10": "average recall with 10 detections per image",
    "AR100": "average recall with 100 detections per image",
    "ARs": "AR100 of small objects",
    "ARm": "AR100 of medium objects",
    "ARl": "AR100 of large objects",
}
"""The figures in the order of pycocotools, and what each is."""


@dataclass(frozen=True)
class ClassFigures:
    """Of one class; figures in 0 ... 1, -1 where there is no such object.

    Attributes:
        AP: as `FIGURES` has it, and so on.
        objects: that count: neither crowd nor difficult.
        images: with such an object.
        detections: of the class.
    """

    AP: float
    AP50: float
    AP75: float
    AR100: float
    APs: float
    APm: float
    APl: float
    objects: int
    images: int
    detections: int


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        figures: the 12, by the names of `FIGURES`; -1 where there is no such object.
        per_class: by class name.
        settings: everything that the figures depend on.
    """

    figures: Mapping[str, float]
    per_class: Mapping[str, ClassFigures]
    settings: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The form of `eval.coco --json`."""
        per_class = {name: asdict(figures) for name, figures in self.per_class.items()}
        return {**self.figures, "per_class": per_class, "settings": dict(self.settings)}


def evaluate(eval_set: EvalSet, backend: Backend = "pycocotools") -> Report:
    """Compute the figures.

    A class without objects is not averaged in. Detections on crowds and difficult objects count
    neither way.

    Args:
        eval_set: at least one object that counts.
        backend: "pycocotools" for figures to publish, "fast" (faster-coco-eval) during training.
    """
    truth, found = ground_truth(eval_set), results(eval_set)
    with contextlib.redirect_stdout(io.StringIO()):  # both print their progress
        evaluation = run_protocol(truth, found, backend)
    figures = dict(zip(FIGURES, map(float, evaluation.stats), strict=True))
    category_ids = sorted(eval_set.classes.category_ids)
    counts = _count(eval_set)
    per_class = {
        name: _of_class(evaluation.eval, category_ids.index(category_id), counts[label].tolist())
        for label, (name, category_id) in enumerate(
            zip(eval_set.classes.names, eval_set.classes.category_ids, strict=True)
        )
    }
    settings = {
        **eval_set.settings,
        "data": eval_set.data,
        "protocol": "COCO",
        "backend": backend,
        "equal_scores": order_of_equal_scores(eval_set, "by image id"),
    }
    return Report(figures, per_class, settings)


def order_of_equal_scores(eval_set: EvalSet, images: str) -> str:
    """Which of equal scores comes first, in words: by `images`, and then as they came."""
    came = "in the file" if "detections" in eval_set.settings else "the model gives them"
    return f"{images}, then as {came}"


def run_protocol(truth: dict[str, Any], found: list[dict[str, Any]], backend: Backend) -> Any:
    """Run COCO's protocol on two files' contents, to which the back ends add keys of their own.

    Returns:
        the back end's evaluation object: `stats` holds the 12 figures, `eval` the arrays.
    """
    if backend == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval as Evaluation
    else:
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as Evaluation

    def index(dataset: dict[str, Any]) -> Any:
        coco: Any = COCO()
        coco.dataset = dataset
        coco.createIndex()
        return coco

    coco = index(truth)
    # loadRes looks at the first of the results to learn their kind; no results have none.
    loaded = coco.loadRes(found) if found else index({**truth, "annotations": []})
    evaluation: Any = Evaluation(coco, loaded, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation


def _count(eval_set: EvalSet) -> np.ndarray:
    """Objects that count, images with such, and detections of each class: int `(C, 3)`."""
    counts = np.zeros((len(eval_set.classes), 3), np.int64)
    for image in eval_set.images:
        labels = image.sample.labels[image.is_counted]
        np.add.at(counts[:, 0], labels, 1)
        counts[np.unique(labels), 1] += 1
        np.add.at(counts[:, 2], image.detections.labels, 1)
    return counts


def _of_class(arrays: Mapping[str, Any], column: int, counts: Sequence[int]) -> ClassFigures:
    """Figures of one class from `precision` `(T, R, K, A, M)` and `recall` `(T, K, A, M)`."""
    precision = arrays["precision"][:, :, column, :, -1]  # at 100 detections
    parts = [precision[:, :, 0], precision[0, :, 0], precision[5, :, 0]]
    parts += [arrays["recall"][:, column, 0, -1], *(precision[:, :, size] for size in (1, 2, 3))]
    values: list[Any] = [*map(_mean, parts), *counts]
    return ClassFigures(*values)


def _mean(values: np.ndarray) -> float:
    """The mean of the figures that exist; -1 if none does."""
    there = values[values > -1]
    return float(np.mean(there)) if len(there) else -1.0
