"""Comparison of two models on the same images: differences of AP with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from configs.errors import UserError
from detector.classes import ClassMap
from eval.scoring.bootstrap import RESAMPLES, Interval, Intervals, difference_intervals
from eval.scoring.confusion import Judgement, judge_all
from eval.scoring.curves import advise, joined_curve
from eval.scoring.eval_set import EvalImage, EvalSet, detections_of, truth_of
from eval.scoring.evaluator import FIGURES, Report, evaluate
from eval.scoring.outcomes import Outcomes, find_outcomes

_SHOWN = 0.0005  # a smaller difference would be shown as 0.000
_NAMED = 8  # classes


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two models.

    Attributes:
        eval_set: its detections, of the classes that both know.
        report: its figures.
        threshold: the score threshold of its best F1 over all classes.
        judgements: of each image, at `threshold`.
    """

    eval_set: EvalSet
    report: Report
    threshold: float
    judgements: Sequence[Judgement]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Differences are those of B minus A.

    Attributes:
        a: the first model.
        b: the second.
        intervals: of the differences.
        left_out: names of classes that only one of them knows.
    """

    a: Side
    b: Side
    intervals: Intervals
    left_out: tuple[str, ...]


def compare(a: EvalSet, b: EvalSet) -> Comparison:
    """Compare two models on the classes that both know.

    Args:
        a: the first.
        b: the second, on the same images.

    Raises:
        UserError: they share no class, or no object of a shared class is there.
    """
    names = set(a.classes.names) & set(b.classes.names)
    left_out = tuple(sorted({*a.classes.names, *b.classes.names} - names))
    if not names:
        raise UserError(f"{a.name} and {b.name} share no class, so they cannot be compared")
    first, second = (_restricted(one, names) for one in (a, b))
    if not any(image.counts.any() for image in first.images):
        shared = ", ".join(first.classes.names[:5])
        raise UserError(f"{a.data}: holds no object of the classes that both know ({shared})")
    outcomes_a, outcomes_b = find_outcomes(first), find_outcomes(second)
    intervals = difference_intervals(outcomes_b, outcomes_a)
    return Comparison(_side(first, outcomes_a), _side(second, outcomes_b), intervals, left_out)


def _side(eval_set: EvalSet, classes: Sequence[Outcomes]) -> Side:
    threshold = advise(joined_curve(classes)).threshold
    return Side(eval_set, evaluate(eval_set), threshold, judge_all(eval_set, threshold))


def _restricted(eval_set: EvalSet, names: set[str]) -> EvalSet:
    """The set with some of its classes."""
    old = eval_set.classes
    kept = [i for i, name in enumerate(old.names) if name in names]
    if len(kept) == len(old):
        return eval_set
    new = ClassMap(tuple(old.names[i] for i in kept), tuple(old.category_ids[i] for i in kept))
    images = [
        EvalImage(truth_of(one.sample, old, new), detections_of(one.detections, old, new))
        for one in eval_set.images
    ]
    return replace(eval_set, classes=new, images=images)


def difference(a: float, b: float) -> float | None:
    """B minus A; None where either figure does not exist."""
    return b - a if a >= 0 and b >= 0 else None


def in_words(comparison: Comparison) -> str:
    """The result in a sentence: which is better, and whether that is more than noise."""
    a, b = comparison.a, comparison.b
    gain = b.report.figures["AP"] - a.report.figures["AP"]
    interval = comparison.intervals.ap
    if abs(gain) < _SHOWN:
        return f"A and B have the same AP to within {_SHOWN:g}"
    better, worse = ("B", "A") if gain > 0 else ("A", "B")
    start = f"{better} has {abs(gain):.3f} more AP than {worse}"
    if interval is None:
        return f"{start}, but there are too few images with objects to tell that from noise"
    judged = verdict(interval) if interval.excludes_zero else f"which {verdict(interval)}"
    return f"{start}, {judged} (95 % of resampled sets: {span(interval)} for B - A)"


def about_left_out(comparison: Comparison) -> str:
    """Which classes are not compared, in words; empty where all are."""
    names = comparison.left_out
    if not names:
        return ""
    shown = ", ".join(names[:_NAMED]) + (f", ... ({len(names)})" if len(names) > _NAMED else "")
    return f"left out, known to one of them only: {shown}"


def verdict(interval: Interval | None) -> str:
    """Whether a difference is more than noise, in a few words."""
    if interval is None:
        return "too few images"
    return "more than noise" if interval.excludes_zero else "may be noise"


def span(interval: Interval | None) -> str:
    """An interval as text, empty for None."""
    return "" if interval is None else f"{interval.low:+.3f} … {interval.high:+.3f}"


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The form of `eval.compare --json`."""
    a, b, intervals = comparison.a, comparison.b, comparison.intervals
    known = {"AP": intervals.ap, "AP50": intervals.ap50}
    figures = {
        name: _entry(a.report.figures[name], b.report.figures[name], known.get(name))
        for name in FIGURES
    }
    per_class = {
        name: {
            **_entry(one.AP, b.report.per_class[name].AP, intervals.per_class[label]),
            "objects": one.objects,
        }
        for label, (name, one) in enumerate(a.report.per_class.items())
    }
    return {
        "verdict": in_words(comparison),
        "data": a.eval_set.data,
        "a": {"name": a.eval_set.name, "settings": dict(a.report.settings)},
        "b": {"name": b.eval_set.name, "settings": dict(b.report.settings)},
        "figures": figures,
        "per_class": per_class,
        "left_out": list(comparison.left_out),
        "resamples": RESAMPLES,
    }


def _entry(a: float, b: float, interval: Interval | None) -> dict[str, Any]:
    bounds = None if interval is None else [interval.low, interval.high]
    return {"a": a, "b": b, "difference": difference(a, b), "interval": bounds}
