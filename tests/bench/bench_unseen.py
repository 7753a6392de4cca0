"""AP of the official weights on images of val2017 that they were not trained on, and on the others.

The official models were trained on COCO's train2014 and val2014 but for a minival of 8,059 images
(`research/object_detection/data/mscoco_minival_ids.txt` of github.com/tensorflow/models, and the
remark on it in `g3doc/tf1_detection_zoo.md`). val2017 is 5,000 images of val2014, so that about
four of five of them were trained on.

    python -m tests.bench.bench_unseen WEIGHTS.npz coco:val
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from detector.data.findings import counted
from eval.scoring.bootstrap import RESAMPLES, WeightedAP
from eval.scoring.eval_set import EvalSet
from eval.scoring.evaluator import Report, evaluate
from eval.scoring.inference import score
from eval.scoring.matching import find_outcomes

UNSEEN = frozenset(
    map(
        int,
        (
            "10764 20992 22892 25603 55299 92660 117645 126107 151938 153797 173057 199681 205401 "
            "217285 223747 231125 241668 256518 261712 310200 318080 324614 343937 346638 348881 "
            "359219 397133 406129 407574 423617 453634 460229 480985 482585 522713 552775 555009 "
            "557172"
        ).split(),
    )
)
"""The ids of that minival among the 188 images of val2017 that figures here are of."""


def of_images(eval_set: EvalSet, is_kept: Callable[[int], bool]) -> EvalSet:
    """The images whose ids are kept."""
    kept = [image for image in eval_set.images if is_kept(int(image.sample.image_id))]
    return replace(eval_set, images=kept)


def interval(eval_set: EvalSet, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """Where AP lies on 95 % of the sets of images drawn anew from these."""
    weighted, images = WeightedAP(find_outcomes(eval_set)), len(eval_set.images)
    rng = np.random.default_rng(seed)
    draws = (
        np.bincount(rng.integers(0, images, images), minlength=images) for _ in range(resamples)
    )
    low, high = np.percentile([np.nanmean(weighted(draw)) for draw in draws], [2.5, 97.5])
    return float(low), float(high)


def with_objects(report: Report) -> frozenset[str]:
    """The classes that AP is averaged over."""
    return frozenset(name for name, one in report.per_class.items() if one.objects)


def lines(eval_set: EvalSet) -> Iterator[str]:
    """A line for all images, for those unseen and for the others."""
    unseen = of_images(eval_set, UNSEEN.__contains__)
    shared = with_objects(evaluate(unseen))
    for name, part in (
        ("all", eval_set),
        ("unseen", unseen),
        ("trained on", of_images(eval_set, lambda one: one not in UNSEEN)),
    ):
        report = evaluate(part)
        low, high = interval(part)
        of_shared = np.mean([report.per_class[one].AP for one in shared])
        objects = sum(one.objects for one in report.per_class.values())
        yield (
            f"{name:11} {counted(len(part.images), 'image')}, {objects:,} objects of "
            f"{counted(len(with_objects(report)), 'class')}: AP {report.figures['AP']:.3f} "
            f"({low:.3f} to {high:.3f}), AP50 {report.figures['AP50']:.3f}; of the "
            f"{len(shared)} classes among the unseen AP {of_shared:.3f}"
        )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("data")
    args = parser.parse_args()
    print("\n".join(lines(score(args.model, args.data))))


if __name__ == "__main__":
    main()
