import re

import numpy as np
import pytest

from detector.report.charts import plot
from detector.report.gallery import thumbnail
from detector.report.page import Facts, Gallery, Plots, Section, Table, Verdict, render_page


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
