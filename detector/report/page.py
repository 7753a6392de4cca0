"""HTML reports in one self-contained page: no script, and nothing loaded from outside.

A page is a title and sections; a section is a list of blocks: text, facts, a table, plots
(`detector.report.charts`), a gallery (`detector.report.gallery`). One style sheet serves them all,
in light and dark, on a phone and on paper. All text is escaped; images are data URIs; plots are
inline SVG in the page's own text colour.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import jinja2


@dataclass(frozen=True)
class Facts:
    """A few figures in a row."""

    kind: ClassVar[str] = "facts"
    items: Sequence[tuple[str, str]]  # figure and what it counts, such as ("364", "images")


@dataclass(frozen=True)
class Table:
    """A table; numbers are set to the right, with separators between thousands."""

    kind: ClassVar[str] = "table"
    header: Sequence[str]  # one per column
    rows: Sequence[Sequence[str | float | None]]  # as many cells as `header`; None: an empty one
    note: str = ""  # below the table


@dataclass(frozen=True)
class Plots:
    """Plots side by side, where the page is wide enough."""

    kind: ClassVar[str] = "plots"
    items: Sequence[tuple[str, str]]  # SVG (`charts.plot` makes it) and caption of each


@dataclass(frozen=True)
class Gallery:
    """Images side by side."""

    kind: ClassVar[str] = "gallery"
    items: Sequence[tuple[str, str]]  # data URI (`gallery.thumbnail` makes it) and caption of each
    label: str = ""  # what they show, in a few words
    is_wide: bool = False  # larger images, fewer in a row


Block = str | Facts | Table | Plots | Gallery


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; a str is a paragraph."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Verdict:
    """The result in one sentence."""

    level: Literal["good", "warning", "error"]  # sets the colour
    text: str


def render_page(
    title: str, subtitle: str, sections: Sequence[Section], verdict: Verdict | None = None
) -> str:
    """A whole HTML document."""
    page = {"title": title, "subtitle": subtitle, "sections": sections, "verdict": verdict}
    # A file name that is not UTF-8 carries lone surrogates, which no page can be written with.
    return _template().render(page).encode("utf-8", "replace").decode()


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
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = _cell
    environment.tests["numeric"] = _is_number
    return environment.get_template("template.html")
