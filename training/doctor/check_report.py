"""The data report: one page with counts, histograms, anchor coverage, samples and problems."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detector.data.findings import KINDS, Finding, is_error
from detector.report.charts import ACCENT, INK, name_rows, plot
from detector.report.page import Facts, Gallery, Plots, Section, Table, Verdict, render_page
from training.doctor.check_gallery import problem_galleries, sample_gallery
from training.doctor.examine import Examination, by_kind, verdict
from training.model.anchor_coverage import AnchorCoverage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROWS = 200  # of the table of findings
_BARS = 40  # classes in a plot
_POINTS = 4000  # objects in the scatter


def to_html(examination: Examination) -> str:
    """The page. Its size does not grow with the data set."""
    dataset = examination.dataset
    level = "error" if examination.errors else "warning" if examination.findings else "good"
    sections = [
        Section("What it holds", [_facts(examination), *_split_blocks(examination)]),
        Section("Classes and boxes", [_histograms(examination)]),
        Section(f"Anchors of {examination.coverage.config}", _anchor_blocks(examination.coverage)),
        Section("Samples", [sample_gallery(examination)]),
    ]
    if examination.findings:
        sections[1:1] = [Section("Problems", _problem_blocks(examination))]
        sections.append(Section("All findings", [_findings_table(examination)]))
    subtitle = f"{dataset.path.resolve()} · {dataset.form}"
    title = f"Data check: {dataset.path.name}"
    return render_page(
        title, subtitle, sections, Verdict(level, f"{_capital(verdict(examination))}.")
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _facts(examination: Examination) -> Facts:
    counts = examination.counts
    share = counts.negatives / max(counts.images, 1)
    items = {
        "images": counts.images,
        "objects": counts.objects,
        "classes": len(counts.per_class),
        f"negatives ({share:.1%})": counts.negatives,
        "crowds, ignored": counts.crowd,
        "difficult, ignored": counts.difficult,
    }
    return Facts([(f"{count:,}", what) for what, count in items.items()])


def _split_blocks(examination: Examination) -> list[Table | str]:
    notes: list[Table | str] = [f"{_capital(note)}." for note in examination.dataset.notes]
    if not examination.splits:
        return notes
    rows = [(name, *astuple(one)[:-1]) for name, one in examination.splits.items()]
    header = ("split", "images", "objects", "negatives", "crowds", "difficult")
    return [Table(header, rows), *notes]


def _problem_blocks(examination: Examination) -> list[Table | Gallery | str]:
    rows = [
        (KINDS[name].severity, KINDS[name].title, len(findings), KINDS[name].action)
        for name, findings in by_kind(examination.findings).items()
    ]
    table = Table(("", "problem", "findings", "what the loader does"), rows)
    single = [
        f"{_capital(findings[0].kind.title)}, {_place(findings[0])}: {findings[0].message}."
        for findings in by_kind(examination.findings).values()
        if is_error(findings[0]) and len(findings) == 1
    ]
    return [table, *single, *problem_galleries(examination)]


def _place(finding: Finding) -> str:
    return finding.element or finding.path.name


def _findings_table(examination: Examination) -> Table:
    findings = examination.findings
    rows = [
        (f.kind.severity, f.kind.title, f.path.name, f.element, f.message) for f in findings[:_ROWS]
    ]
    left = len(findings) - len(rows)
    note = f"and {left:,} more; `--json FILE` writes them all" if left else ""
    return Table(("", "problem", "file", "element", "what"), rows, note)


def _histograms(examination: Examination) -> Plots:
    coverage = examination.coverage
    side = f"side, px at {coverage.input_size} px"
    per_image = np.array([len(sample) for sample in examination.dataset.samples])
    counts = plot(lambda axes: _bars_of_counts(axes, per_image), "objects", "images")
    sizes = plot(lambda axes: _sizes(axes, coverage), side, "objects")
    ratios = plot(lambda axes: _ratios(axes, coverage), "width / height", "objects")
    return Plots(
        [
            (counts, "Objects per image"),
            (sizes, f"Box sizes, the square root of the area; the line is at {coverage.cell} px"),
            (ratios, "Aspect ratios at the input size, where images are stretched to squares"),
            _class_plot(examination),
        ]
    )


def _class_plot(examination: Examination) -> tuple[str, str]:
    per_class = examination.counts.per_class
    ranked = sorted(per_class.items(), key=lambda pair: -pair[1])[:_BARS]
    height = max(1.2, 0.5 + 0.17 * len(ranked))

    def draw(axes: Axes) -> None:
        axes.barh(range(len(ranked)), [count for _, count in ranked], color=ACCENT)
        name_rows(axes, [name for name, _ in ranked])

    more = f", the {_BARS} most frequent of {len(per_class)}" if len(per_class) > _BARS else ""
    return plot(draw, "objects", "", size=(4.6, height)), f"Objects per class{more}"


def _bars_of_counts(axes: Axes, counts: np.ndarray) -> None:
    most = int(counts.max(initial=1))
    bins = np.arange(most + 2) - 0.5 if most < 40 else np.linspace(-0.5, most + 0.5, 41)
    axes.hist(counts, bins=bins.tolist())
    axes.locator_params(axis="x", integer=True)


def _sizes(axes: Axes, coverage: AnchorCoverage) -> None:
    edges = np.geomspace(1, coverage.input_size, 41)
    axes.hist(np.clip(coverage.side, edges[0], edges[-1]), bins=edges.tolist())
    axes.axvline(coverage.cell, color="#c0504d", linewidth=1)
    _log_axis(axes, "x", coverage.input_size)


def _ratios(axes: Axes, coverage: AnchorCoverage) -> None:
    edges = np.geomspace(1 / 8, 8, 41)
    width, height = coverage.sides.T
    axes.hist(np.clip(width / height, edges[0], edges[-1]), bins=edges.tolist())
    axes.set_xscale("log", base=2)
    ticks = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8]
    axes.set_xticks(ticks, ["≤ 1/8", "1/4", "1/2", "1", "2", "4", "≥ 8"])


def _log_axis(axes: Axes, which: str, most: int) -> None:
    ticks = [2**power for power in range(12) if 2**power <= most]
    getattr(axes, f"set_{which}scale")("log", base=2)
    getattr(axes, f"set_{which}ticks")(ticks, [str(tick) for tick in ticks])


class _Words(NamedTuple):
    """Of the figures of anchors."""

    columns: tuple[str, ...]  # behind the objects
    unreached: str
    positives: str
    colour: str  # of a point


_BY_IOU = _Words(
    ("no anchor at IoU 0.5", "mean best IoU", "anchors per object"),
    "objects that no anchor reaches at IoU 0.5",
    "anchors matched to an object",
    "by IoU with its best anchor",
)
_BY_CENTRE = _Words(
    ("no anchor's centre", "anchors per object, at most"),
    "objects that no anchor's centre lies in or beside",
    "anchors of an object, at most",
    "by the most anchors that it gets",
)


def _anchor_blocks(coverage: AnchorCoverage) -> list[Table | Plots | Facts]:
    count = len(coverage)
    if not count:
        return [Facts([("0", "objects to train on")])]
    words = _BY_CENTRE if coverage.best_iou is None else _BY_IOU
    rows = [
        (
            one.name,
            one.objects,
            f"{one.unreached / one.objects:.1%}",
            *(mean for mean in astuple(one)[3:] if mean is not None),
        )
        for one in coverage.by_size()
        if one.objects
    ]
    header = (f"side, px at {coverage.input_size}", "objects", *words.columns)
    facts = [
        (f"{coverage.unreached.mean():.1%}", words.unreached),
        (f"{coverage.small.mean():.1%}", f"objects under {coverage.cell} px"),
        (f"{coverage.positives.mean():.1f}", words.positives),
    ]
    side = f"px at {coverage.input_size} px"
    svg = plot(
        lambda axes: _size_scatter(axes, coverage), f"width, {side}", f"height, {side}", (6.4, 4.6)
    )
    shown = f"{min(count, _POINTS):,} of {count:,} objects" if count > _POINTS else "every object"
    caption = f"Size of {shown}, {words.colour}; squares are the anchors' own sizes"
    return [Facts(facts), Table(header, rows), Plots([(svg, caption)])]


def _size_scatter(axes: Axes, coverage: AnchorCoverage) -> None:
    count = len(coverage)
    chosen = np.linspace(0, count - 1, min(count, _POINTS)).astype(int)
    sides = np.maximum(coverage.sides[chosen], 1)
    if coverage.best_iou is None:
        colours, most, label = coverage.positives, max(1, coverage.positives.max()), "anchors"
    else:
        colours, most, label = coverage.best_iou, 1, "best IoU"
    dots = axes.scatter(
        *sides.T,
        c=colours[chosen],
        cmap="coolwarm_r",
        vmin=0,
        vmax=most,
        s=7,
        linewidths=0,
        rasterized=True,
    )
    shapes = (coverage.anchors[:, 2:] - coverage.anchors[:, :2]) * coverage.input_size
    shapes = np.unique(shapes.round(1), axis=0)
    axes.scatter(*shapes.T, s=34, marker="s", facecolors="none", edgecolors=INK)
    low, high = 0.8 * min(sides.min(), shapes.min()), 1.25 * max(sides.max(), shapes.max())
    for which in "xy":
        _log_axis(axes, which, coverage.input_size)
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.figure.colorbar(dots, ax=axes, label=label)
