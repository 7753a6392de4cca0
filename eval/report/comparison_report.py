"""The page that shows two models side by side."""

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
    Side,
    about_left_out,
    difference,
    in_words,
    span,
    to_json,
    verdict,
)
from eval.scoring.evaluator import FIGURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from eval.scoring.bootstrap import Interval

_BARS = 40  # classes in a plot
_IMAGES = 6  # in each direction


def write_comparison(folder: Path, comparison: Comparison) -> Path:
    """Write the page and its data: `compare.html` and `compare.json`.

    Args:
        folder: is made.
        comparison: what to show.

    Returns:
        the page.

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
    sections = [
        Section("Figures", [_facts(comparison), _figure_table(comparison)]),
        Section("Classes", list(_class_blocks(comparison))),
    ]
    galleries = list(_galleries(comparison))
    if galleries:
        sections.append(Section("Images", [LEGEND, *galleries]))
    sections.append(Section("Settings", [_settings(comparison)]))
    interval = comparison.intervals.ap
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
    a, b = comparison.a.report.figures, comparison.b.report.figures
    known = {"AP": comparison.intervals.ap, "AP50": comparison.intervals.ap50}
    rows = [
        (name, *_cells(a[name], b[name], known.get(name)), meaning)
        for name, meaning in FIGURES.items()
    ]
    note = (
        "Intervals hold 95 % of the differences on 1,000 sets of images drawn anew from these; "
        "where one holds zero, the difference may be noise. -: there is no such object."
    )
    return Table(("figure", "A", "B", "B - A", "95 % interval", "meaning"), rows, note)


def _cells(a: float, b: float, interval: Interval | None) -> tuple[str, str, str, str]:
    gain = difference(a, b)
    unbroken = span(interval).replace(" ", "\N{NO-BREAK SPACE}")
    return shown(a), shown(b), "-" if gain is None else f"{gain:+.3f}", unbroken


def _class_blocks(comparison: Comparison) -> Iterator[Table | Plots | str]:
    a, b = comparison.a.report.per_class, comparison.b.report.per_class
    intervals = dict(zip(a, comparison.intervals.per_class, strict=True))
    gains = {name: difference(a[name].AP, b[name].AP) for name in a}
    known = {name: gain for name, gain in gains.items() if gain is not None}
    ranked = sorted(known, key=lambda name: -abs(known[name]))[:_BARS]
    ranked.sort(key=lambda name: -known[name])
    more = f"; the {_BARS} largest of {len(known)}" if len(known) > _BARS else ""
    caption = f"AP of B minus AP of A, with 95 % intervals{more}"
    gain_plot = _gains([(name, known[name], intervals[name]) for name in ranked])
    yield Plots([(gain_plot, caption), (_scatter(comparison), "AP of each class")])
    rows = [
        (
            name,
            a[name].objects,
            a[name].images,
            *_cells(a[name].AP, b[name].AP, intervals[name]),
            verdict(intervals[name]) if gains[name] is not None else "",
        )
        for name in a
    ]
    header = ("class", "objects", "images", "A", "B", "B - A", "95 % interval", "")
    note = (
        "AP of each class. Of twenty classes that do not differ, one interval leaves out zero by "
        "chance. A class in fewer than 10 images has no interval."
    )
    yield Table(header, rows, note)
    if comparison.left_out:
        yield f"Classes {about_left_out(comparison)}."


def _gains(rows: Sequence[tuple[str, float, Interval | None]]) -> str:
    def draw(axes: Axes) -> None:
        axes.axvline(0, color=INK, linewidth=0.6)
        for place, (_, gain, interval) in enumerate(rows):
            if interval:
                ends = (interval.low, interval.high)
                axes.plot(ends, (place, place), color=ACCENT, linewidth=4, alpha=0.35)
            axes.plot(gain, place, "o", color=ACCENT, markersize=5)
        name_rows(axes, [name for name, _, _ in rows])

    return plot(draw, "B - A", "", size=(4.6, max(1.2, 0.5 + 0.2 * len(rows))))


def _scatter(comparison: Comparison) -> str:
    pairs = [
        (one.AP, comparison.b.report.per_class[name].AP)
        for name, one in comparison.a.report.per_class.items()
        if one.objects
    ]

    def draw(axes: Axes) -> None:
        axes.plot((0, 1), (0, 1), color=INK, linewidth=0.6)
        axes.scatter(*np.array(pairs).T, s=20, color=ACCENT, linewidths=0)
        most = max(0.05, 1.08 * max(max(pair) for pair in pairs))
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
