"""What the figures of the docs share: colours, type, the image they draw on, small SVG files."""

from __future__ import annotations

import base64
import contextlib
import functools
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from detector.files import write_text
from detector.shapes.generator import Scene, draw_scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GREY, PALE = "#222222", "#777777", "#e8edf3"
BLUE, ORANGE, GREEN, PURPLE, RED = "#2f6db3", "#d9731a", "#2f9457", "#8a4fa8", "#c23b3b"
OLIVE = "#84781c"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, OLIVE)
"""Of things that must be told apart, such as the six forms; each is legible on white."""

_PIXELS_PER_POINT = 4 / 3  # of a page; SVG files of matplotlib are measured in points
_QUALITY = 85  # JPEG
_EMBEDDED = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+?)(?=\")")


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The look of all figures: text stays text, and nothing in the file depends on the day."""
    import matplotlib as mpl

    look: dict[Any, Any] = {
        "font.size": 9,
        "axes.edgecolor": GREY,
        "axes.labelcolor": INK,
        "axes.titlesize": 9,
        "svg.fonttype": "none",
        "svg.hashsalt": "figures",
        "text.color": INK,
        "xtick.color": GREY,
        "ytick.color": GREY,
    }
    with mpl.rc_context(look):
        yield


def new_figure(width: float, height: float) -> Figure:
    """A figure on white, legible on light and dark pages alike.

    Args:
        width: px on the page.
        height: likewise.
    """
    from matplotlib.figure import Figure

    inches = 1 / (72 * _PIXELS_PER_POINT)
    return Figure(figsize=(width * inches, height * inches), facecolor="white")


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with axes that fill it, in px from the top left, without anything drawn."""
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return figure, axes


def save(figure: Figure, file: Path) -> None:
    """Write an SVG file, with images as JPEG: a tenth of the PNG that matplotlib embeds.

    Raises:
        UserError: the file cannot be written.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = _EMBEDDED.sub(_as_jpeg, stream.getvalue())
    write_text(file, "\n".join(line.rstrip() for line in text.splitlines()) + "\n")


def _as_jpeg(embedded: re.Match[str]) -> str:
    image = Image.open(io.BytesIO(base64.b64decode(embedded[1]))).convert("RGB")
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


@functools.cache
def scene() -> Scene:
    """The image that most figures draw on: five forms on paper, 320x240 px."""
    return draw_scene(seed=7, index=800, size_hw=(240, 320))


def show_image(axes: Axes, image: np.ndarray, pale: float = 0.0) -> None:
    """Fill axes with an image, in its pixels; `pale` of it is white, so that lines stand out."""
    washed = (image * (1 - pale) + 255 * pale).round().astype(np.uint8)
    height, width = image.shape[:2]
    axes.imshow(washed, interpolation="none", extent=(0, width, height, 0))
    axes.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0))


def add_box(axes: Axes, box: np.ndarray | Sequence[float], colour: str, **look: Any) -> None:
    """Draw the outline of a box, xyxy in the units of the axes."""
    from matplotlib.patches import Rectangle

    x1, y1, x2, y2 = (float(value) for value in box)
    look = {"linewidth": 1.5, "fill": False, "edgecolor": colour, **look}
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, **look))


def add_arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = GREY
) -> None:
    """Draw an arrow from start to end, both xy in the units of the axes."""
    look = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=end, xytext=start, arrowprops=look)
