"""Images much larger than the model's input: how they are cut, and where too little is found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from detector.little_found import LittleFound
from detector.predictor import Predictor
from detector.slicing.tiling import Tiling
from detector.types import Detections, Sample
from eval.scoring.eval_set import EvalSet


def about_tiles(predictor: Predictor, samples: Iterable[Sample]) -> dict[str, str]:
    """The setting that says how a predictor cuts images; none where it does not.

    Raises:
        UserError: an image is smaller than a tile whose size was asked for. Of one whose size is
            not known before it is read, the predictor says so.
    """
    if predictor.tiling is None:
        return {}
    require_tiles_fit(predictor.tiling, samples)
    return {"slice": predictor.tiling.in_words()}


def require_tiles_fit(tiling: Tiling, samples: Iterable[Sample]) -> None:
    """Show that all images are as large as a tile, if their sizes are known before they are read.

    Raises:
        UserError: one is smaller than a tile whose size was asked for.
    """
    for sample in samples:
        if sample.height:
            tiling.require_fits(sample.path, sample.height, sample.width)


def with_little_counted(
    eval_set: EvalSet, found: Sequence[tuple[Sample, Detections]], predictor: Predictor
) -> EvalSet:
    """The set, with a setting that says where large images show little; often without.

    Detections count from the model's own score on, below which evaluation looks too.
    """
    little, least = LittleFound(predictor), predictor.spec.postprocess.score_threshold
    for sample, detections in found:
        little.add(sample.height, sample.width, int((detections.scores >= least).sum()))
    hint = little.in_words()
    return replace(eval_set, settings={**eval_set.settings, "hint": hint}) if hint else eval_set
