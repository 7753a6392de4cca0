"""The HTML report of one model on one data set, with its JSON and detections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from detector.data.findings import counted
from detector.files import make_folder, write_json, write_text
from detector.report.page import Facts, Gallery, Section, Table, Verdict, render_page
from eval.report.analysis import Analysis, analyse, to_json
from eval.report.error_gallery import LEGEND, all_in_one, missed_and_false
from eval.report.sections import (
    NONE,
    class_blocks,
    confusion_blocks,
    error_blocks,
    shown,
    slice_blocks,
    threshold_blocks,
    training_blocks,
)
from eval.scoring.coco_form import results
from eval.scoring.eval_set import EvalSet
from eval.scoring.evaluator import FIGURES, Report
from eval.scoring.scored_part import warnings_of

_WORST, _BEST = 9, 6  # images
_ABOUT_NONE = f"{NONE}: there is no such object in this data set. COCO's own tools write -1."


def write_report(folder: Path, eval_set: EvalSet, report: Report) -> Path:
    """Write `report.html`, which is returned, with `report.json` and `detections.json`.

    Raises:
        UserError: the folder cannot be written to.
    """
    make_folder(folder)
    analysis = analyse(eval_set, report)
    page = folder / "report.html"
    write_json(folder / "report.json", to_json(analysis))
    write_text(folder / "detections.json", json.dumps(results(eval_set, own_ids=True)))
    write_text(page, to_html(analysis))
    return page


def to_html(analysis: Analysis) -> str:
    """The page. Its size does not grow with the data set."""
    eval_set = analysis.eval_set
    title = f"Evaluation: {eval_set.name}"
    return render_page(title, f"on {eval_set.data}", report_sections(analysis), verdict(analysis))


def report_sections(analysis: Analysis) -> list[Section]:
    """All that there is to say, from the figures to the images."""
    eval_set = analysis.eval_set
    warned = [f"{warning}." for warning in warnings_of(analysis.report.settings)]
    sections = [
        Section(
            "Figures",
            [*warned, _facts(analysis), _figure_table(analysis.report), _about_ties(analysis)],
        ),
        Section("Where AP is lost", error_blocks(analysis)),
        Section("Score threshold", threshold_blocks(analysis)),
        Section("Classes", class_blocks(analysis)),
        Section("Confusions", confusion_blocks(analysis)),
        Section("Size and shape", slice_blocks(analysis)),
    ]
    if eval_set.training_objects is not None:
        sections.append(Section("Training objects", training_blocks(analysis)))
    images = list(_galleries(analysis))
    if images:
        sections.append(Section("Images", [LEGEND, *images]))
    settings = [(key, str(value)) for key, value in analysis.report.settings.items()]
    sections.append(Section("Settings", [Table(("setting", "value"), settings)]))
    return sections


def verdict(analysis: Analysis) -> Verdict:
    """The result in a sentence."""
    figures, costs = analysis.report.figures, analysis.errors.costs
    ranked = sorted(costs, key=lambda kind: -costs[kind])[:2]
    lost = " and ".join(f"{kind} ({costs[kind]:.3f})" for kind in ranked if costs[kind] > 0)
    most = f" What costs most AP50: {lost}." if lost else ""
    return Verdict("good", f"AP {shown(figures['AP'])}, AP50 {shown(figures['AP50'])}.{most}")


def _facts(analysis: Analysis) -> Facts:
    per_class = analysis.report.per_class.values()
    without = sum(one.objects == 0 for one in per_class)
    classes = f"classes ({without} without objects)" if without else "classes"
    return Facts(
        [
            (shown(analysis.report.figures["AP"]), "AP"),
            (shown(analysis.report.figures["AP50"]), "AP50"),
            (f"{len(analysis.eval_set.images):,}", "images"),
            (f"{sum(one.objects for one in per_class):,}", "objects"),
            (f"{len(analysis.eval_set.classes):,}", classes),
            (f"{sum(one.detections for one in per_class):,}", "detections"),
        ]
    )


def _figure_table(report: Report) -> Table:
    rows = [(name, shown(report.figures[name]), meaning) for name, meaning in FIGURES.items()]
    has_gap = any(value < 0 for value in report.figures.values())
    return Table(("figure", "", "meaning"), rows, _ABOUT_NONE if has_gap else "")


def _about_ties(analysis: Analysis) -> str:
    ties, order = analysis.ties, analysis.report.settings["equal_scores"]
    start = f"Of equal scores the first is taken {order}."
    if not ties.shuffles:
        return f"{start} No other order would change AP: none has true and false detections."
    spans = [
        f"{name} {low:.4f} … {high:.4f}"
        for name, (low, high) in (("AP", ties.AP), ("AP50", ties.AP50))
    ]
    return (
        f"{start} How far that can move the figures: in {ties.shuffles} random orders "
        f"{' and '.join(spans)}; {counted(ties.detections, 'detection')} of a score at which "
        "some are true and some false."
    )


def _galleries(analysis: Analysis) -> Iterator[Gallery]:
    pairs = list(zip(analysis.eval_set.images, analysis.judgements, strict=True))
    names = analysis.eval_set.classes.names
    at = f"at a score of {analysis.overall.threshold:.3f}"
    worst = [pair for pair in sorted(pairs, key=lambda pair: -pair[1].errors) if pair[1].errors]
    if items := missed_and_false(worst[:_WORST], names):
        label = f"Worst: the most missed and false positives together, {at}"
        yield Gallery(items, label, is_wide=True)
    ranked = sorted(pairs, key=lambda pair: (pair[1].errors, -len(pair[1].found)))
    best = [pair for pair in ranked if len(pair[1].found)]
    if items := all_in_one(best[:_BEST], names):
        yield Gallery(items, "Best: the fewest errors, then the most found", is_wide=True)
