"""Charts of a report: one pair of matplotlib axes as inline SVG, in the page's own text colour."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACCENT, SECOND, THIRD = "#3f83c8", "#d08a2e", "#5aa469"
"""Colours of the series: legible beside each other on the light ground and on the dark one."""

INK = "#010203"
"""In a drawing, stands for the page's text colour."""

_LONGEST = 20  # characters of a name


def plot(
    draw: Callable[[Axes], None], x: str, y: str, size: tuple[float, float] = (4.6, 3.0)
) -> str:
    """An SVG of one pair of axes.

    Args:
        draw: puts marks on the axes. Many of them (a scatter) should be `rasterized=True`.
        x: what the horizontal axis shows, with its unit.
        y: likewise.
        size: width and height, inches; a column of the page is 4.6 wide.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_PLOT_STYLE), warnings.catch_warnings():
        # Names may be in any script: the browser has the glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        axes.set(xlabel=x, ylabel=y)
        draw(axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None}, dpi=160)
    svg = stream.getvalue()
    return svg[svg.index("<svg") :].replace(INK, "currentColor")


_PLOT_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "page",  # the same plot has the same ids in every run
    "font.family": "sans-serif",
    "font.size": 9,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    "axes.prop_cycle": f"cycler('color', ['{ACCENT}'])",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


def short(name: str) -> str:
    """A name that fits beside an axis."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Names down the vertical axis, at 0, 1, ... with the first on top."""
    # A name may hold a dollar, which is mathematics to matplotlib.
    axes.set_yticks(range(len(names)), [short(name) for name in names], parse_math=False)
    axes.margins(y=0.02)
    axes.invert_yaxis()
