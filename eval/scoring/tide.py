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

import numpy as np

from eval.scoring.coco_form import image_ids
from eval.scoring.curves import Curve
from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.matching import match, overlaps

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


@dataclass(frozen=True, eq=False)
class _Classified:
    """Detections, flat. `repaired` is the label in which the oracle makes one true, else -1."""

    labels: np.ndarray
    scores: np.ndarray
    kinds: np.ndarray
    ignored: np.ndarray
    repaired: np.ndarray

    @property
    def is_true(self) -> np.ndarray:
        return self.kinds == _TRUE

    @property
    def counts(self) -> np.ndarray:
        return ~self.ignored


def split_errors(eval_set: EvalSet, threshold: float = 0.5) -> ErrorSplit:
    """Classify every error of a set.

    Args:
        eval_set: with objects that count.
        threshold: score of `ErrorSplit.confident`.
    """
    from tqdm import tqdm

    order = np.argsort(image_ids(eval_set), kind="stable").tolist()
    progress = tqdm(order, desc="classifying errors", unit="image", delay=2)
    parts = [_of_image(eval_set.images[index]) for index in progress]
    names = ("labels", "scores", "kinds", "ignored", "repaired")
    rows = _Classified(
        *(np.concatenate([getattr(part, name) for part, _, _ in parts]) for name in names)
    )
    classes = len(eval_set.classes)
    objects = sum(np.bincount(labels, minlength=classes) for _, labels, _ in parts)
    missed = sum(np.bincount(labels, minlength=classes) for _, _, labels in parts)
    return _price(rows, np.asarray(objects), np.asarray(missed), threshold)


def _of_image(image: EvalImage) -> tuple[_Classified, np.ndarray, np.ndarray]:
    """Its detections, and the labels of its objects and of those that are missed."""
    compared = overlaps(image)
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
    rows = _Classified(found.labels, found.scores, kinds, on_ignored, repaired)
    return rows, truth, np.delete(truth, np.union1d(np.flatnonzero(used), winners))


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


def _price(
    rows: _Classified, objects: np.ndarray, missed: np.ndarray, threshold: float
) -> ErrorSplit:
    """Repair each kind of error by itself; `objects` and `missed` are int64 `(C,)`."""
    ap50 = _mean_ap(rows.labels, rows.scores, rows.is_true, rows.counts, objects)
    aps, counts, confident = {}, {}, {}
    for kind, name in enumerate(list(KINDS)[:-1]):
        of_kind = rows.kinds == kind
        fixed = of_kind & (rows.repaired >= 0)
        labels = np.where(fixed, rows.repaired, rows.labels)
        counting = np.where(of_kind, fixed, rows.counts)
        aps[name] = _mean_ap(labels, rows.scores, rows.is_true | fixed, counting, objects)
        counts[name] = int((of_kind & rows.counts).sum())
        confident[name] = int((of_kind & rows.counts & (rows.scores >= threshold)).sum())
    as_they_are = (rows.labels, rows.scores, rows.is_true, rows.counts, objects)
    aps["missed"] = _mean_ap(*as_they_are, asked=objects - missed)
    found = np.bincount(rows.labels[rows.is_true], minlength=len(objects))
    return ErrorSplit(
        ap50,
        # Where AP is read at 101 recalls, a repair may seem to cost a little.
        {name: max(0.0, ap - ap50) for name, ap in aps.items()},
        {**counts, "missed": int(missed.sum())},
        confident,
        _mean_ap(rows.labels, rows.is_true * 1.0, rows.is_true, rows.counts, objects) - ap50,
        _mean_ap(*as_they_are, asked=found) - ap50,
    )


def _mean_ap(
    labels: np.ndarray,
    scores: np.ndarray,
    is_true: np.ndarray,
    counts: np.ndarray,
    objects: np.ndarray,
    asked: np.ndarray | None = None,
) -> float:
    """AP50 over the classes that have objects.

    Args:
        labels: `(D,)`, likewise `scores`, `is_true` and `counts`.
        scores: of the detections.
        is_true: bool.
        counts: bool; the other detections are left out.
        objects: `(C,)`, that there are.
        asked: `(C,)`, objects that recall is taken of; all of them by default.
    """
    asked = objects if asked is None else asked
    aps = []
    for label in np.flatnonzero(objects).tolist():
        rows = np.flatnonzero(counts & (labels == label))
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        curve = Curve(scores[rows], np.cumsum(is_true[rows]), int(asked[label]))
        # With nothing left to find, silence is perfect.
        aps.append(curve.ap if asked[label] else float(not len(rows)))
    return float(np.mean(aps))
