"""The HTML report of two models compared: figures, classes, images side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detector.files import make_folder, write_json, write_text
from detector.report.charts import ACCENT, INK, name_rows, plot
from detector.report.page import Facts, Gallery, Plots, Section, Table, Verdict, render_page
from eval.report.error_gallery import LEGEND, side_by_side
from eval.report.sections import shown
from eval.scoring.comparison import (
    Comparison,
    Pair,
    Side,
    about_left_out,
    cautions_of_both,
    in_words,
    span,
    to_json,
    verdict,
)
from eval.scoring.evaluator import FIGURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_BARS = 40  # classes in a plot
_IMAGES = 6  # in each direction


def write_comparison(folder: Path, comparison: Comparison) -> Path:
    """Write the page `compare.html`, which is returned, with its data `compare.json`.

    Raises:
        UserError: the folder cannot be written to.
    """
    make_folder(folder)
    page = folder / "compare.html"
    write_json(folder / "compare.json", to_json(comparison))
    write_text(page, to_html(comparison))
    return page


def to_html(comparison: Comparison) -> str:
    """The page. Its size does not grow with the data set."""
    a, b = comparison.a.eval_set, comparison.b.eval_set
    told = [f"{caution}." for caution in cautions_of_both(comparison)]
    sections = [
        Section("Figures", [*told, _facts(comparison), _figure_table(comparison)]),
        Section("Classes", list(_class_blocks(comparison))),
    ]
    galleries = list(_galleries(comparison))
    if galleries:
        sections.append(Section("Images", [LEGEND, *galleries]))
    sections.append(Section("Settings", [_settings(comparison)]))
    interval = comparison.figures[0].interval
    is_clear = interval is not None and interval.excludes_zero
    return render_page(
        f"{a.name} against {b.name}",
        f"A is {a.name}, B is {b.name}; on {a.data}",
        sections,
        Verdict("good" if is_clear else "warning", f"{in_words(comparison)}."),
    )


def _facts(comparison: Comparison) -> Facts:
    a, b = comparison.a, comparison.b
    items = [
        (f"{shown(side.report.figures[name])}", f"{name} of {letter}")
        for name in ("AP", "AP50")
        for letter, side in (("A", a), ("B", b))
    ]
    objects = sum(one.objects for one in a.report.per_class.values())
    counts = [(f"{len(a.eval_set.images):,}", "images"), (f"{objects:,}", "objects")]
    return Facts([*items, *counts])


def _figure_table(comparison: Comparison) -> Table:
    rows = [(one.name, *_cells(one), FIGURES[one.name]) for one in comparison.figures]
    note = (
        "Intervals hold 95 % of the differences on 1,000 sets of images drawn anew from these; "
        "where one holds zero, the difference may be noise. -: there is no such object."
    )
    return Table(("figure", "A", "B", "B - A", "95 % interval", "meaning"), rows, note)


def _cells(one: Pair) -> tuple[str, str, str, str]:
    gain = "-" if one.difference is None else f"{one.difference:+.3f}"
    return shown(one.a), shown(one.b), gain, span(one.interval).replace(" ", "\N{NO-BREAK SPACE}")


def _class_blocks(comparison: Comparison) -> Iterator[Table | Plots | str]:
    figures = comparison.a.report.per_class
    known = [one for one in comparison.per_class if one.difference is not None]
    most = sorted(known, key=lambda one: -abs(one.b - one.a))[:_BARS]
    more = f"; the {_BARS} largest of {len(known)}" if len(known) > _BARS else ""
    caption = f"AP of B minus AP of A, with 95 % intervals{more}"
    gain_plot = _gains(sorted(most, key=lambda one: one.a - one.b))
    yield Plots([(gain_plot, caption), (_scatter(known), "AP of each class")])
    rows = []
    for one in comparison.per_class:
        counts = figures[one.name].objects, figures[one.name].images
        judged = verdict(one.interval) if one.difference is not None else ""
        rows.append((one.name, *counts, *_cells(one), judged))
    header = ("class", "objects", "images", "A", "B", "B - A", "95 % interval", "")
    note = (
        "AP of each class. Of twenty classes that do not differ, one interval leaves out zero by "
        "chance. A class in fewer than 10 images has no interval."
    )
    yield Table(header, rows, note)
    if comparison.left_out:
        yield f"Classes {about_left_out(comparison)}."


def _gains(pairs: Sequence[Pair]) -> str:
    def draw(axes: Axes) -> None:
        axes.axvline(0, color=INK, linewidth=0.6)
        for row, one in enumerate(pairs):
            if one.interval:
                ends = (one.interval.low, one.interval.high)
                axes.plot(ends, (row, row), color=ACCENT, linewidth=4, alpha=0.35)
            axes.plot(one.b - one.a, row, "o", color=ACCENT, markersize=5)
        name_rows(axes, [one.name for one in pairs])

    return plot(draw, "B - A", "", size=(4.6, max(1.2, 0.5 + 0.2 * len(pairs))))


def _scatter(pairs: Sequence[Pair]) -> str:
    figures = np.array([(one.a, one.b) for one in pairs])

    def draw(axes: Axes) -> None:
        axes.plot((0, 1), (0, 1), color=INK, linewidth=0.6)
        axes.scatter(*figures.T, s=20, color=ACCENT, linewidths=0)
        most = max(0.05, 1.08 * figures.max())
        axes.set(xlim=(0, most), ylim=(0, most), aspect="equal")

    return plot(draw, "AP of A", "AP of B", size=(4.6, 4.0))


def _galleries(comparison: Comparison) -> Iterator[Gallery]:
    a, b = comparison.a, comparison.b
    pairs = zip(a.judgements, b.judgements, strict=True)
    gains = np.array([one.errors - other.errors for one, other in pairs])
    for better, gained in (("B", gains), ("A", -gains)):
        order = np.argsort(-gained, kind="stable")
        chosen = [
            [(side.eval_set.images[i], side.judgements[i]) for side in (a, b)]
            for i in order[:_IMAGES].tolist()
            if gained[i] > 0
        ]
        if items := side_by_side(chosen, ("A", "B"), a.eval_set.classes.names):
            label = f"{better} makes fewer errors: the largest differences, each at its best F1"
            yield Gallery(items, label, is_wide=True)


def _settings(comparison: Comparison) -> Table:
    def of(side: Side) -> dict[str, str]:
        values = {key: str(value) for key, value in side.report.settings.items()}
        return {"name": side.eval_set.name, **values, "best-F1 threshold": f"{side.threshold:.3f}"}

    a, b = of(comparison.a), of(comparison.b)
    rows = [(key, a.get(key, ""), b.get(key, "")) for key in {**a, **b}]
    return Table(("setting", "A", "B"), rows)
