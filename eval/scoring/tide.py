"""TIDE: detection errors by kind, and the AP that each kind costs.

Every detection that is not true has one error, the first of these that fits; an object that no
repair of a detection could win back is missed. What an error costs is AP50 with all errors of that
kind repaired by an oracle, minus AP50.

Source: Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection Errors", arXiv
2008.08115, section 2.2. The order of the tests, which the paper leaves open, and what happens to
detections on ignored regions are those of its authors' tidecv 1.0.1. Unlike there, a class without
objects is not averaged in, as in COCO's AP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eval.scoring.coco_form import image_ids
from eval.scoring.curves import Curve
from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.matching import match, overlaps
from eval.scoring.most_detections import most_scored

KINDS = {
    "classification": "a box that fits an object of another class; the oracle corrects the class",
    "localisation": "the right class, but IoU 0.1 ... 0.5; the oracle corrects the box",
    "both": "wrong class and box: IoU 0.1 ... 0.5 with an object of another class; removed",
    "duplicate": "an object that a better-scored detection has found; removed",
    "background": "on nothing: IoU under 0.1 with every object; removed",
    "missed": "an object without any detection that the above could correct; no longer asked for",
}
"""The kinds of errors, and what the oracle does about each."""

_FOREGROUND, _BACKGROUND = 0.5, 0.1  # IoU; the paper's t_f and t_b
_CLASSIFICATION, _LOCALISATION, _BOTH, _DUPLICATE, _NOTHING = range(5)
_TRUE = -1


@dataclass(frozen=True)
class ErrorSplit:
    """What each kind of error costs.

    Attributes:
        ap50: as it is, 0 ... 1.
        costs: AP50 to be gained, 0 ... 1, by kind.
        counts: detections, and objects for "missed", by kind.
        confident: detections that reach the score threshold asked about, by kind.
        false_positives: AP50 to be gained were every false detection ranked last.
        false_negatives: AP50 to be gained were no object asked for that is not found.
    """

    ap50: float
    costs: Mapping[str, float]
    counts: Mapping[str, int]
    confident: Mapping[str, int]
    false_positives: float
    false_negatives: float


class _Ranking(NamedTuple):
    """What AP50 is computed from: D detections, C classes."""

    labels: np.ndarray  # (D,)
    scores: np.ndarray  # (D,)
    is_true: np.ndarray  # bool (D,)
    counts: np.ndarray  # bool (D,); the other detections are left out
    asked: np.ndarray  # (C,), objects that recall is taken of


def split_errors(eval_set: EvalSet, threshold: float = 0.5) -> ErrorSplit:
    """Classify every error of a set; `threshold` is the score of `ErrorSplit.confident`."""
    from tqdm import tqdm

    most = most_scored(eval_set.settings)
    order = np.argsort(image_ids(eval_set), kind="stable").tolist()
    progress = tqdm(order, desc="classifying errors", unit="image", delay=2)
    parts = zip(*(_of_image(eval_set.images[index], most) for index in progress), strict=True)
    labels, scores, ignored, kinds, repaired, truth, missed = map(np.concatenate, parts)
    classes = len(eval_set.classes)
    objects, lost = (np.bincount(of_objects, minlength=classes) for of_objects in (truth, missed))
    now = _Ranking(labels, scores, kinds == _TRUE, ~ignored, objects)
    ap50 = _mean_ap(now, objects)
    aps, counts, confident = {}, {}, {}
    for kind, name in enumerate(list(KINDS)[:-1]):
        of_kind = kinds == kind
        fixed = of_kind & (repaired >= 0)
        repair = now._replace(
            labels=np.where(fixed, repaired, labels),
            is_true=now.is_true | fixed,
            counts=np.where(of_kind, fixed, now.counts),
        )
        aps[name] = _mean_ap(repair, objects)
        counts[name] = int((of_kind & now.counts).sum())
        confident[name] = int((of_kind & now.counts & (scores >= threshold)).sum())
    aps["missed"] = _mean_ap(now._replace(asked=objects - lost), objects)
    found = np.bincount(labels[now.is_true], minlength=classes)
    return ErrorSplit(
        ap50,
        # Where AP is read at 101 recalls, a repair may seem to cost a little.
        {name: max(0.0, ap - ap50) for name, ap in aps.items()},
        {**counts, "missed": int(lost.sum())},
        confident,
        _mean_ap(now._replace(scores=now.is_true * 1.0), objects) - ap50,
        _mean_ap(now._replace(asked=found), objects) - ap50,
    )


def _of_image(image: EvalImage, most: int) -> tuple[np.ndarray, ...]:
    """Labels, scores, whether ignored, kinds, repaired; labels of objects, and of those missed.

    `repaired` is the label in which the oracle makes a detection true, else -1.
    """
    compared = overlaps(image, most)
    regular = ~compared.ignored
    matched = match(compared, np.array([_FOREGROUND]))[0, 0]
    is_true = (matched >= 0) & np.append(regular, False)[matched]
    used = np.isin(np.arange(len(regular)), matched[is_true])[regular]
    kinds, targets = _classify(compared.iou[:, regular], compared.same_class[:, regular], used)
    kinds[is_true] = _TRUE
    # One repair per object that nothing found: by the best-scored detection that aims at it.
    aims = ~is_true & (targets >= 0) & ~np.append(used, True)[targets]
    winners, first = np.unique(np.where(aims, targets, -1), return_index=True)
    winners, first = winners[winners >= 0], first[winners >= 0]
    truth = image.sample.labels[regular]
    repaired = np.full(len(kinds), -1)
    repaired[first] = truth[winners]
    found = image.detections[compared.rows]
    on_ignored = (matched >= 0) & ~is_true
    missed = np.delete(truth, np.union1d(np.flatnonzero(used), winners))
    return found.labels, found.scores, on_ignored, kinds, repaired, truth, missed


def _classify(iou: np.ndarray, same: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kind of error of every detection, were it one, and the object it aims at, else -1.

    Args:
        iou: `(D, G)` with the objects that count.
        same: bool `(D, G)`, of the same class.
        used: bool `(G,)`, found by some detection.
    """
    if not iou.shape[1]:
        return np.full(len(iou), _NOTHING), np.full(len(iou), -1)
    of_class, of_other = iou * same, iou * ~same
    best = of_class.max(axis=1)
    tests = {
        _LOCALISATION: (best >= _BACKGROUND) & (best <= _FOREGROUND),
        _CLASSIFICATION: of_other.max(axis=1) >= _FOREGROUND,
        _DUPLICATE: (of_class * used).max(axis=1) >= _FOREGROUND,
        _NOTHING: iou.max(axis=1) <= _BACKGROUND,
    }
    kinds = np.select(list(tests.values()), list(tests), _BOTH)
    aims = {_LOCALISATION: of_class.argmax(axis=1), _CLASSIFICATION: of_other.argmax(axis=1)}
    targets = np.select([kinds == kind for kind in aims], list(aims.values()), -1)
    return kinds, targets


def _mean_ap(ranking: _Ranking, objects: np.ndarray) -> float:
    """AP50 over the classes that have some of the `objects` `(C,)`."""
    aps = []
    for label in np.flatnonzero(objects).tolist():
        rows = np.flatnonzero(ranking.counts & (ranking.labels == label))
        rows = rows[np.argsort(-ranking.scores[rows], kind="stable")]
        asked = int(ranking.asked[label])
        curve = Curve(ranking.scores[rows], np.cumsum(ranking.is_true[rows]), asked)
        # With nothing left to find, silence is perfect.
        aps.append(curve.ap if asked else float(not len(rows)))
    return float(np.mean(aps))
