import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from detector.report.page import (
    Facts,
    Gallery,
    Plots,
    Section,
    Table,
    Verdict,
    plot,
    render_page,
    thumbnail,
)


def page(*blocks, title="A page") -> str:
    return render_page(title, "made by a test", [Section("First", list(blocks))])


def test_every_block_is_on_the_page():
    image = thumbnail(np.zeros((4, 6, 3), np.uint8))
    svg = plot(lambda axes: axes.plot([1, 2]), "x", "y")
    html = page(
        "a paragraph",
        Facts([("364", "images")]),
        Table(("name", "count"), [("cat", 1234)], note="a note"),
        Plots([(svg, "a curve")]),
        Gallery([(image, "a caption")], "some images"),
    )
    for text in ("a paragraph", "364", "images", "1,234", "a note", "a curve", "some images"):
        assert text in html
    assert f'<img src="{image}" alt="a caption">' in html


def test_text_is_escaped_everywhere():
    evil = '"><script>alert(1)</script>'
    html = render_page(
        evil,
        evil,
        [
            Section(
                evil,
                [
                    evil,
                    Facts([(evil, evil)]),
                    Table((evil,), [(evil,)], evil),
                    Gallery([("data:,", evil)], evil),
                    Plots([("<svg></svg>", evil)]),
                ],
            )
        ],
        Verdict("error", evil),
    )
    assert "<script" not in html


def test_nothing_is_loaded_from_outside():
    svg = plot(lambda axes: axes.scatter([1, 2], [3, 4], rasterized=True), "x", "y")
    html = page(Plots([(svg, "points")]))
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    assert "default-src 'none'" in html


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("text", "<td>text</td>"),
        (None, "<td></td>"),
        (1234567, '<td class="number">1,234,567</td>'),
        (0.12345, '<td class="number">0.123</td>'),
        (0, '<td class="number">0</td>'),
    ],
)
def test_cells_are_shown_by_their_type(cell, shown):
    assert shown in page(Table(("what",), [(cell,)]))


def test_a_table_without_rows_is_a_header():
    assert "<th>what</th>" in page(Table(("what",), [])).replace("\n", "")


def test_the_verdict_has_its_colour():
    html = render_page("t", "s", [], Verdict("error", "3 problems"))
    assert '<p class="verdict error">3 problems</p>' in html


def test_a_name_that_is_no_utf8_can_be_written():
    page("photo\udcff.jpg").encode("utf-8")


def test_a_thumbnail_is_the_image():
    red = np.full((20, 30, 3), (200, 30, 30), np.uint8)
    head, data = thumbnail(red).split(",")
    assert head == "data:image/jpeg;base64"
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert decoded.shape == red.shape
    assert np.abs(decoded.astype(int) - red).max() < 6


def test_a_plot_is_svg_in_the_colour_of_the_page():
    svg = plot(lambda axes: axes.plot([1, 2, 3]), "time, s", "loss")
    ElementTree.fromstring(svg)
    assert "currentColor" in svg and "time, s" in svg
    assert "#000000" not in svg.lower()


def test_a_plot_is_the_same_in_every_run():
    def draw(axes):
        axes.bar([1, 2], [3, 4])

    assert plot(draw, "x", "y") == plot(draw, "x", "y")


def test_a_plot_leaves_matplotlibs_settings_alone():
    import matplotlib as mpl

    keys = ("font.size", "svg.fonttype", "axes.spines.top", "text.color")
    before = [mpl.rcParams[key] for key in keys]
    plot(lambda axes: axes.plot([1]), "x", "y")
    assert [mpl.rcParams[key] for key in keys] == before
