import warnings
import xml.etree.ElementTree as ElementTree

import pytest

from detector.report.charts import name_rows, plot

pytestmark = pytest.mark.slow  # matplotlib


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


def test_names_of_any_script_stand_beside_their_rows_without_a_warning():
    names = ["人 & 犬", "$x_1$", "a" * 60]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = plot(lambda axes: (axes.barh(range(3), [3, 2, 1]), name_rows(axes, names)), "x", "")
    assert "$x_1$" in svg and "a" * 19 + "…" in svg
