"""Comparison of two models on the same images: differences of AP with bootstrap intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from configs.errors import UserError
from detector.classes import ClassMap
from eval.scoring.bootstrap import RESAMPLES, Interval, difference_intervals
from eval.scoring.cautions import cautions
from eval.scoring.confusion import Judgement, judge_all
from eval.scoring.curves import advise, joined_curve
from eval.scoring.eval_set import EvalSet, in_classes
from eval.scoring.evaluator import FIGURES, Report, evaluate
from eval.scoring.matching import Outcomes, find_outcomes
from eval.scoring.scored_part import PART

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


@dataclass(frozen=True)
class Pair:
    """One figure of both models.

    Attributes:
        name: of the figure, or of the class whose AP it is.
        a: the first model's, 0 ... 1; -1 where there is no such object.
        b: the second's.
        interval: of the difference; None where it is not known.
    """

    name: str
    a: float
    b: float
    interval: Interval | None

    @property
    def difference(self) -> float | None:
        """B minus A; None where either figure does not exist."""
        return self.b - self.a if self.a >= 0 and self.b >= 0 else None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Differences are those of B minus A.

    Attributes:
        a: the first model.
        b: the second.
        figures: the 12 of COCO.
        per_class: AP of each class.
        left_out: names of classes that only one of them knows, or that one has merged others into.
    """

    a: Side
    b: Side
    figures: Sequence[Pair]
    per_class: Sequence[Pair]
    left_out: tuple[str, ...]


def compare(a: EvalSet, b: EvalSet) -> Comparison:
    """Compare two models on the images that both were run on, and the classes that both know.

    Raises:
        UserError: they share no class, or no object of a shared class is there.
    """
    a, b = _of_images(a, b), _of_images(b, a)
    objects = [_objects(one) for one in (a, b)]
    shared = objects[0].keys() & objects[1].keys()
    names = {name for name in shared if objects[0][name] == objects[1][name]}
    left_out = tuple(sorted({*a.classes.names, *b.classes.names} - names))
    if not names:
        raise UserError(f"{a.name} and {b.name} share no class, so they cannot be compared")
    first, second = (_restricted(one, names) for one in (a, b))
    if not any(image.is_counted.any() for image in first.images):
        shared = ", ".join(first.classes.names[:5])
        raise UserError(f"{a.data}: holds no object of the classes that both know ({shared})")
    outcomes = [find_outcomes(one) for one in (first, second)]
    intervals = difference_intervals(outcomes[1], outcomes[0])
    one, other = (_side(*pair) for pair in zip((first, second), outcomes, strict=True))
    known = {"AP": intervals.ap, "AP50": intervals.ap50}
    of_a, of_b = one.report.figures, other.report.figures
    figures = [Pair(name, of_a[name], of_b[name], known.get(name)) for name in FIGURES]
    pairs = zip(one.report.per_class.items(), other.report.per_class.values(), strict=True)
    per_class = [
        Pair(name, of_a.AP, of_b.AP, interval)
        for ((name, of_a), of_b), interval in zip(pairs, intervals.per_class, strict=True)
    ]
    return Comparison(one, other, figures, per_class, left_out)


def _objects(eval_set: EvalSet) -> dict[str, int]:
    """How many there are of each class, by name."""
    labels = Counter(label for one in eval_set.images for label in one.sample.labels.tolist())
    return {name: labels[label] for label, name in enumerate(eval_set.classes.names)}


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
    pairs = [(one.sample, one.detections) for one in eval_set.images]
    return replace(eval_set, classes=new, images=in_classes(pairs, old, old, new))


def _of_images(one: EvalSet, other: EvalSet) -> EvalSet:
    """One's images that the other has too: a file needs none of those that a model cannot read."""
    there = {(image.sample.image_id, image.sample.path) for image in other.images}
    images = [image for image in one.images if (image.sample.image_id, image.sample.path) in there]
    if len(images) == len(one.images):
        return one
    part = {key: other.settings[key] for key in ("images", *PART) if key in other.settings}
    return replace(one, images=images, settings={**one.settings, **part})


def in_words(comparison: Comparison) -> str:
    """The result in a sentence: which is better, and whether that is more than noise."""
    ap = comparison.figures[0]
    gain, interval = ap.b - ap.a, ap.interval
    if abs(gain) < _SHOWN:
        return f"A and B have the same AP to within {_SHOWN:g}"
    better, worse = ("B", "A") if gain > 0 else ("A", "B")
    start = f"{better} has {abs(gain):.3f} more AP than {worse}"
    if interval is None:
        return f"{start}, but there are too few images with objects to tell that from noise"
    judged = verdict(interval) if interval.excludes_zero else f"which {verdict(interval)}"
    return f"{start}, {judged} (95 % of resampled sets: {span(interval)} for B - A)"


def cautions_of_both(comparison: Comparison) -> Iterator[str]:
    """What to know beside the figures, in sentences, with the letters of whom it holds for."""
    of_a, of_b = (list(cautions(one.report.settings)) for one in (comparison.a, comparison.b))
    for one in dict.fromkeys((*of_a, *of_b)):
        letters = [letter for letter, own in (("A", of_a), ("B", of_b)) if one in own]
        yield f"{' and '.join(letters)}: {one}"


def about_left_out(comparison: Comparison) -> str:
    """Which classes are not compared, in words; empty where all are."""
    names = comparison.left_out
    if not names:
        return ""
    shown = ", ".join(names[:_NAMED]) + (f", ... ({len(names)})" if len(names) > _NAMED else "")
    return f"left out, known to one of them only or merged by one: {shown}"


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
    a, b = comparison.a, comparison.b
    objects = {name: {"objects": one.objects} for name, one in a.report.per_class.items()}
    return {
        "verdict": in_words(comparison),
        "data": a.eval_set.data,
        "a": {"name": a.eval_set.name, "settings": dict(a.report.settings)},
        "b": {"name": b.eval_set.name, "settings": dict(b.report.settings)},
        "figures": {pair.name: _entry(pair) for pair in comparison.figures},
        "per_class": {one.name: _entry(one) | objects[one.name] for one in comparison.per_class},
        "left_out": list(comparison.left_out),
        "resamples": RESAMPLES,
    }


def _entry(pair: Pair) -> dict[str, Any]:
    interval = pair.interval
    bounds = None if interval is None else [interval.low, interval.high]
    return {"a": pair.a, "b": pair.b, "difference": pair.difference, "interval": bounds}
