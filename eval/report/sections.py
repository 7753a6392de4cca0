"""Sections of the report: errors, thresholds, classes, confusions, slices, training objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple

import numpy as np

from detector.report.page import Block, Facts, Plots, Table
from eval.report.analysis import Analysis
from eval.report.plots import (
    bars,
    heat_map,
    precision_recall,
    slice_bars,
    threshold_sweep,
    training_scatter,
)
from eval.scoring.confusion import normalised
from eval.scoring.tide import KINDS

NONE = "-"
"""Stands for a figure that does not exist."""

_BARS = 40  # classes in a plot
_CURVES = 24  # classes with a curve of their own
_CELLS = 24  # classes in the confusion matrix
_CONFUSIONS = 12


def shown(value: float | None) -> str:
    """A figure in 0 ... 1 as text, a dash where there is none."""
    return NONE if value is None or value < 0 else f"{value:.3f}"


def error_blocks(analysis: Analysis) -> list[Block]:
    """What each kind of error costs."""
    errors, threshold = analysis.errors, analysis.overall.threshold
    rows = [
        (kind, f"{errors.costs[kind]:.3f}", errors.counts[kind], errors.confident.get(kind), what)
        for kind, what in KINDS.items()
    ]
    note = (
        "The parts do not add up to what AP50 lacks: one repair makes the next one worth more or "
        f"less. Counts are of detections down to the lowest score, and of those from "
        f"{threshold:.2f} on; of missed objects there is one count."
    )
    header = ("error", "AP50", "count", f"score ≥ {threshold:.2f}", "what it is")
    totals = {"false positives": errors.false_positives, "false negatives": errors.false_negatives}
    return [
        "How much AP50 would rise if an oracle repaired one kind of error and nothing else (TIDE, "
        "Bolya et al. 2020; a box fits from IoU 0.5, and is on nothing under 0.1).",
        Plots(
            [
                (_cost_bars(errors.costs), "What each kind of error costs"),
                (_cost_bars(totals), "Without any false positive; without any false negative"),
            ]
        ),
        Table(header, rows, note),
    ]


def _cost_bars(costs: Mapping[str, float]) -> str:
    notes = [f"{cost:.3f}" for cost in costs.values()]
    return bars(list(costs), list(costs.values()), "AP50 to be gained", notes=notes)


def threshold_blocks(analysis: Analysis) -> list[Block]:
    """Where to set the score threshold, and what that brings."""
    advice = analysis.overall
    if not advice.f1:
        return ["Nothing is found at any score, so there is no threshold to advise."]
    words = ("best single threshold", "precision there", "recall there", "F1 there")
    figures = (f"{figure:.3f}" for figure in astuple(advice))
    svg = threshold_sweep(analysis.joined, advice.threshold)
    mean = {"IoU 0.50": analysis.curves50, "IoU 0.75": analysis.curves75}
    return [
        "The threshold of the best F1 at IoU 0.5, every object counting alike. It is chosen on "
        "these very images; on others it will do a little worse. Lower it to miss less, raise "
        "it for fewer false positives. The table of classes has one for each.",
        Facts(list(zip(figures, words, strict=True))),
        Plots(
            [
                (svg, "All classes together, against the threshold; the dotted line is the best"),
                (precision_recall(mean), "Precision against recall, mean over the classes"),
            ]
        ),
    ]


def class_blocks(analysis: Analysis) -> list[Block]:
    """AP, threshold and curves of each class."""
    per_class = analysis.report.per_class
    ranked = [n for n in sorted(per_class, key=lambda n: -per_class[n].AP) if per_class[n].objects]
    blocks: list[Block] = []
    if len(ranked) > 1:
        few = ranked[:_BARS]
        aps, ap50s, counts = (
            [getattr(per_class[n], key) for n in few] for key in ("AP", "AP50", "objects")
        )
        more = f", the best {_BARS} of {len(ranked)}" if len(ranked) > _BARS else ""
        blocks.append(
            Plots(
                [
                    (bars(few, aps, "AP", ap50s), f"AP of each class{more}; the dot is AP50"),
                    (bars(few, counts, "objects"), "Objects: AP of few objects says little"),
                ]
            )
        )
    blocks.append(_class_table(analysis))
    return [*blocks, *_class_curves(analysis)]


def _class_table(analysis: Analysis) -> Table:
    rows = []
    advice = dict(zip(analysis.eval_set.classes.names, analysis.advice, strict=True))
    for name, one in analysis.report.per_class.items():
        figures = (shown(value) for value in (one.AP, one.AP50, one.AP75, one.AR))
        best = advice[name]
        there = (best.threshold, best.precision, best.recall) if best else (None,) * 3
        counts = (one.objects, one.images, one.detections)
        rows.append((name, *counts, *figures, *map(shown, there)))
    header = ("class", "objects", "images", "detections", "AP", "AP50", "AP75")
    recall = f"AR{analysis.report.most}"
    note = "Threshold of the best F1 at IoU 0.5, with precision and recall there."
    if any(one.objects == 0 for one in analysis.report.per_class.values()):
        note += f" {NONE}: no object of the class, which is not averaged in, or none found."
    return Table((*header, recall, "threshold", "precision", "recall"), rows, note)


def _class_curves(analysis: Analysis) -> list[Block]:
    per_class = list(analysis.report.per_class.items())
    found = [label for label, advice in enumerate(analysis.advice) if advice]
    if not found:
        return []
    chosen = sorted(found, key=lambda label: -per_class[label][1].objects)[:_CURVES]
    items = []
    for label in chosen:
        name, one = per_class[label]
        pair = {"0.50": [analysis.curves50[label]], "0.75": [analysis.curves75[label]]}
        svg = precision_recall(pair, analysis.advice[label], is_small=True)
        items.append((svg, f"{name}: AP50 {shown(one.AP50)}, AP75 {shown(one.AP75)}"))
    about = (
        "Precision against recall at IoU 0.50 (blue) and 0.75 (orange, dashed); the dot is the "
        "best F1."
    )
    if len(found) > len(chosen):
        about += f" The {_CURVES} classes with the most objects; report.json has all."
    return [about, Plots(items)]


def confusion_blocks(analysis: Analysis) -> list[Block]:
    """Which class is detected as which."""
    counts, background = analysis.confusion, len(analysis.eval_set.classes)
    names = [*analysis.eval_set.classes.names, "background"]
    weight = counts.sum(axis=0) + counts.sum(axis=1)
    best = np.argsort(-weight[:background], kind="stable")[:_CELLS]
    kept = [*sorted(best.tolist()), background]
    some = np.ix_(kept, kept)
    svg = heat_map(counts[some], normalised(counts)[some], [names[i] for i in kept])
    more = f" The {_CELLS} most frequent of {background} classes." if background > _CELLS else ""
    caption = (
        "Counts; the shade is the share of the row. Right: objects without a detection. "
        f"Bottom: detections on no object.{more}"
    )
    about = (
        f"At a score of {analysis.overall.threshold:.3f} and IoU 0.5. Within a class objects are "
        "matched as for AP; what is left over is matched across classes."
    )
    rows = _most_confused(counts, names)
    header = ("object is", "detected as", "times", "share of its objects")
    return [about, Plots([(svg, caption)]), *([Table(header, rows)] if rows else [])]


def _most_confused(counts: np.ndarray, names: Sequence[str]) -> list[tuple[str, str, int, str]]:
    """Pairs of classes, the most frequent first; the background is none."""
    shares = normalised(counts)
    between = counts[:-1, :-1] * ~np.eye(len(counts) - 1, dtype=bool)
    first, second = np.nonzero(between)
    order = np.argsort(-between[first, second], kind="stable")[:_CONFUSIONS]
    pairs = [(int(first[at]), int(second[at])) for at in order]
    return [(names[i], names[j], int(counts[i, j]), f"{shares[i, j]:.1%}") for i, j in pairs]


def slice_blocks(analysis: Analysis) -> list[Block]:
    """AP by size and by aspect ratio."""
    plots = {
        "coco_sizes": ("", "By COCO's sizes: 32 x 32 and 96 x 96 px part them"),
        "side_px": ("square root of the area, px", "By size, with as many objects in each part"),
        "width_over_height": ("width / height", "By aspect ratio, tall to wide"),
    }
    items = [
        (slice_bars(analysis.slices[key], axis), caption) for key, (axis, caption) in plots.items()
    ]
    about = (
        "AP of the objects of one size or shape; their number stands on the bar. Each part is "
        "averaged over the classes that have such objects."
    )
    return [about, Plots(items)]


def training_blocks(analysis: Analysis) -> list[Block]:
    """AP against the number of objects in training."""
    counts = analysis.eval_set.training_objects or {}
    per_class = analysis.report.per_class
    names = [n for n, one in per_class.items() if one.objects and counts.get(n, 0) > 0]
    if not names:
        return ["None of the classes that have objects here was in training."]
    svg = training_scatter(names, [counts[n] for n in names], [per_class[n].AP for n in names])
    return [Plots([(svg, "AP of each class against its number of objects in training")])]
