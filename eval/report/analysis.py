"""The analysis behind a report: curves, thresholds, TIDE errors, confusions, AP by size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eval.scoring.confusion import Judgement, confusion_matrix, judge_all, normalised
from eval.scoring.curves import (
    COCO_SIZES,
    RATIOS,
    RECALLS,
    Advice,
    Curve,
    SliceFigures,
    advise,
    best_threshold,
    curve_of,
    figures_of,
    joined_curve,
    size_bins,
)
from eval.scoring.eval_set import EvalSet
from eval.scoring.evaluator import Report
from eval.scoring.matching import COCO_THRESHOLDS, EVERYTHING, find_outcomes
from eval.scoring.tide import ErrorSplit, split_errors
from eval.scoring.ties import TieRange, tie_range

_AT_75 = int(np.flatnonzero(np.isclose(COCO_THRESHOLDS, 0.75))[0])


@dataclass(frozen=True, eq=False)
class Analysis:
    """A model on a data set; lists are by label.

    Attributes:
        eval_set: images, truth and detections.
        report: the figures.
        curves50: precision and recall at IoU 0.50.
        curves75: at IoU 0.75.
        advice: best-F1 threshold of each class; None where nothing of it is found.
        joined: the curve of all classes together, at IoU 0.50.
        overall: the one threshold to use for all classes.
        errors: TIDE's split.
        confusion: int64 `(C + 1, C + 1)`, at `overall`.
        slices: by COCO's sizes, by size with as many objects in each, and by aspect ratio.
        judgements: of each image, at `overall`.
        ties: how far the order of equal scores can move AP.
    """

    eval_set: EvalSet
    report: Report
    curves50: Sequence[Curve]
    curves75: Sequence[Curve]
    advice: Sequence[Advice | None]
    joined: Curve
    overall: Advice
    errors: ErrorSplit
    confusion: np.ndarray
    slices: Mapping[str, Sequence[SliceFigures]]
    judgements: Sequence[Judgement]
    ties: TieRange


def analyse(eval_set: EvalSet, report: Report) -> Analysis:
    """Analyse a set whose figures are known."""
    bins = size_bins(eval_set)
    classes = find_outcomes(eval_set, slices=(EVERYTHING, *COCO_SIZES, *bins, *RATIOS))
    curves = [curve_of(one) for one in classes]
    joined = joined_curve(classes)
    overall = advise(joined)
    judgements = judge_all(eval_set, overall.threshold)
    first_bin = 1 + len(COCO_SIZES)
    return Analysis(
        eval_set,
        report,
        curves,
        [curve_of(one, level=_AT_75) for one in classes],
        [best_threshold(curve) for curve in curves],
        joined,
        overall,
        split_errors(eval_set, overall.threshold),
        confusion_matrix(eval_set, judgements),
        {
            "coco_sizes": figures_of(COCO_SIZES, classes, 1),
            "side_px": figures_of(bins, classes, first_bin),
            "width_over_height": figures_of(RATIOS, classes, first_bin + len(bins)),
        },
        judgements,
        tie_range(eval_set, classes),
    )


def to_json(analysis: Analysis) -> dict[str, Any]:
    """What `report.json` holds."""
    names = list(analysis.eval_set.classes.names)
    advice = [None if one is None else asdict(one) for one in analysis.advice]
    return {
        "model": analysis.eval_set.name,
        "data": analysis.eval_set.data,
        **analysis.report.as_json(),
        "threshold": asdict(analysis.overall),
        "thresholds": dict(zip(names, advice, strict=True)),
        "errors": asdict(analysis.errors),
        "confusion": {
            "classes": [*names, "background"],
            "counts": analysis.confusion.tolist(),
            "shares": normalised(analysis.confusion).round(5).tolist(),
        },
        "equal_scores": asdict(analysis.ties),
        "slices": {key: list(map(asdict, figures)) for key, figures in analysis.slices.items()},
        "curves": {
            "recall": RECALLS.round(2).tolist(),
            "precision50": _precisions(names, analysis.curves50),
            "precision75": _precisions(names, analysis.curves75),
        },
        "images": [
            {
                "image_id": image.sample.image_id,
                "file": image.sample.path.name,
                "found": len(judgement.found),
                "missed": len(judgement.missed),
                "false_positives": len(judgement.false_positives),
                "invented": len(judgement.false_positives),  # of version 0.1; it goes in 0.3
            }
            for image, judgement in zip(analysis.eval_set.images, analysis.judgements, strict=True)
        ],
    }


def _precisions(names: Sequence[str], curves: Sequence[Curve]) -> dict[str, list[float] | None]:
    return {
        name: curve.at_recalls().round(5).tolist() if curve.objects else None
        for name, curve in zip(names, curves, strict=True)
    }
