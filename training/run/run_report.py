"""The report of a run, `report.html`: its curves, and the evaluation of its best model."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.data.dataset import Dataset
from detector.files import write_text
from detector.predictor import Predictor
from detector.report.charts import plot
from detector.report.page import Facts, Plots, Section, render_page
from eval.report.analysis import analyse
from eval.report.model_report import report_sections, verdict
from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.evaluator import evaluate
from eval.scoring.inference import SCORE_THRESHOLD, predict_all
from eval.scoring.most_detections import MAX_DETECTIONS
from eval.scoring.scored_part import ToScore, part_settings
from training.run.plan import duration
from training.run.run import Run
from training.run.state import State

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[dict[str, Any]]


def write_run_report(run: Run, state: State) -> None:
    """Write the page of a run, with what its best model finds in the validation split.

    Raises:
        UserError: a file cannot be read or written.
    """
    data = run.validation.name
    scored = _detect(run.folder.path / "best", run.validation, data)
    analysis = analyse(scored, evaluate(scored, "fast"))
    sections = [Section("The run", [_facts(state.rows, state.seconds), _curves(state.rows)])]
    sections += report_sections(analysis)
    title = f"Training: {run.folder.path.name}"
    page = render_page(title, f"best model on {data}", sections, verdict(analysis))
    write_text(run.folder.report, page)


def _detect(model: Path, validation: Dataset, data: str) -> EvalSet:
    predictor = Predictor.load(
        str(model), score_threshold=SCORE_THRESHOLD, max_detections=MAX_DETECTIONS
    )
    found = predict_all(lambda: predictor, validation, on_unreadable=lambda _: None)
    settings = {
        "model": predictor.name,
        "data": data,
        "input_size": predictor.spec.model.input_size,
        "score_threshold": SCORE_THRESHOLD,
        "nms_iou_threshold": predictor.thresholds.iou_threshold,
        "max_detections": MAX_DETECTIONS,
        "images": len(found),
    }
    settings |= part_settings(ToScore(validation, len(validation)), len(found))
    counts = predictor.spec.training_objects
    images = [EvalImage(sample, detections) for sample, detections in found]
    return EvalSet(predictor.name, data, predictor.classes, images, settings, counts)


def _facts(rows: Rows, seconds: float) -> Facts:
    timed = [row for row in rows if row.get("images_per_second", "") != ""]
    rates, waiting = ([row[name] for row in timed] for name in ("images_per_second", "waiting"))
    count = max(len(timed), 1)
    return Facts(
        [
            (f"{len(rows):,}", "epochs"),
            (f"{int(rows[-1].get('step', 0)):,}", "steps"),
            (duration(seconds), "in all"),
            (f"{sum(rates) / count:.1f}", "images/s"),
            (f"{sum(waiting) / count:.0%}", "waiting for data"),
        ]
    )


def _curves(rows: Rows) -> Plots:
    drawn = [
        (("loss", "classification_loss", "box_loss"), "loss", "Losses, the mean of each epoch"),
        (("AP", "AP50", "AP_raw"), "AP", "AP on validation; AP_raw is without averaging"),
        (("learning_rate",), "learning rate", "Learning rate at the end of each epoch"),
        (("images_per_second",), "images/s", "Speed, measurements left out"),
    ]
    return Plots([(_curve(rows, names, label), caption) for names, label, caption in drawn])


def _curve(rows: Rows, names: Sequence[str], label: str) -> str:
    return plot(functools.partial(_draw, rows, names), "epoch", label)


def _draw(rows: Rows, names: Sequence[str], axes: Axes) -> None:
    styles = ("solid", "dashed", "dotted")
    for name, style in zip(names, styles, strict=False):
        known = [(row["epoch"], row[name]) for row in rows if row.get(name, "") != ""]
        if known:
            axes.plot(*zip(*known, strict=True), linestyle=style, label=name, marker=".")
    axes.set_ylim(bottom=0)
    if len(names) > 1:
        axes.legend()
