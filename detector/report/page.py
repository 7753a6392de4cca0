"""Reports as one self-contained HTML page: no script, and nothing loaded from outside.

A page is a title and sections; a section is a list of blocks: text, facts, a table, plots, a
gallery. One style sheet serves them all, in light and dark, on a phone and on paper. All text is
escaped; images are data URIs; plots are inline SVG in the page's own text colour.
"""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import cv2
import numpy as np

from configs.errors import UserError
from detector.report.template import PAGE, STYLE

if TYPE_CHECKING:
    import jinja2
    from matplotlib.axes import Axes

ACCENT = "#3f83c8"
"""Of marks in plots: legible on the light ground and on the dark one."""

_INK = "#010203"  # in SVG, stands for the page's text colour until the plot is done
_QUALITY = 82  # JPEG


@dataclass(frozen=True)
class Facts:
    """A few figures in a row.

    Attributes:
        items: figure and what it counts, such as ("364", "images").
    """

    kind: ClassVar[str] = "facts"
    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """A table; numbers are set to the right, with separators between thousands.

    Attributes:
        header: one per column.
        rows: cells, as many as `header`; numbers, texts, or None for an empty one.
        note: below the table.
    """

    kind: ClassVar[str] = "table"
    header: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    note: str = ""


@dataclass(frozen=True)
class Plots:
    """Plots side by side, where the page is wide enough.

    Attributes:
        items: SVG (`plot` makes it) and caption of each.
    """

    kind: ClassVar[str] = "plots"
    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Gallery:
    """Images side by side.

    Attributes:
        items: data URI (`thumbnail` makes it) and caption of each.
        label: what they show, in a few words.
        is_wide: larger images, fewer in a row.
    """

    kind: ClassVar[str] = "gallery"
    items: Sequence[tuple[str, str]]
    label: str = ""
    is_wide: bool = False


Block = str | Facts | Table | Plots | Gallery


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; a str is a paragraph."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Verdict:
    """The result in one sentence.

    Attributes:
        level: sets the colour.
        text: the sentence.
    """

    level: Literal["good", "warning", "error"]
    text: str


def render_page(
    title: str, subtitle: str, sections: Sequence[Section], verdict: Verdict | None = None
) -> str:
    """A whole HTML document."""
    page = {"title": title, "subtitle": subtitle, "sections": sections, "verdict": verdict}
    # A file name that is not UTF-8 carries lone surrogates, which no page can be written with.
    return _template().render(page, style=STYLE).encode("utf-8", "replace").decode()


def thumbnail(image: np.ndarray) -> str:
    """An image as a JPEG data URI, in its own size: scale it before drawing on it.

    Args:
        image: uint8 `(H, W, 3)`, RGB.

    Raises:
        UserError: it is too large for a JPEG.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise UserError(f"cannot show an image of {image.shape[1]}x{image.shape[0]} px")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


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

    with mpl.rc_context(_PLOT_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        axes.set(xlabel=x, ylabel=y)
        draw(axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None}, dpi=160)
    svg = stream.getvalue()
    return svg[svg.index("<svg") :].replace(_INK, "currentColor")


_PLOT_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "page",  # the same plot has the same ids in every run
    "font.family": "sans-serif",
    "font.size": 9,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), _INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), _INK),
    "axes.prop_cycle": f"cycler('color', ['{ACCENT}'])",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.labelcolor": _INK,
}


def _cell(value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


@functools.cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = _cell
    environment.tests["numeric"] = _is_number
    return environment.from_string(PAGE)
