import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image

from configs.errors import UserError
from docs.draw_figures import layers as figures_layers
from docs.draw_figures.__main__ import draw_all, figures, main
from docs.draw_figures.style import canvas, save, style

pytestmark = pytest.mark.keras

_DOCS = Path(__file__).parents[2] / "docs"
_LARGEST = 150_000  # bytes


def _texts(file: Path) -> list[str]:
    """The words and numbers of an SVG file, in the order in which they are drawn."""
    root = ElementTree.parse(file).getroot()
    return ["".join(one.itertext()).strip() for one in root.iter() if one.tag.endswith("}text")]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw_all(tmp_path_factory.mktemp("figures"))


def test_the_docs_hold_every_figure_and_no_other():
    assert {file.stem for file in (_DOCS / "figures").glob("*.svg")} == set(figures())


def test_the_docs_show_every_figure():
    pages = "".join(file.read_text() for file in _DOCS.glob("*.md"))
    assert {name for name in figures() if f"(figures/{name}.svg)" not in pages} == set()


def test_figures_say_what_the_code_says_today(drawn):
    """After a change: python -m docs.draw_figures docs/figures."""
    committed = {file.name: _texts(_DOCS / "figures" / file.name) for file in drawn}
    assert {file.name: _texts(file) for file in drawn} == committed


def test_text_is_text(drawn):
    assert all(_texts(file) for file in drawn if file.stem != "linear-bottleneck")


def test_figures_are_small_and_their_images_jpeg(drawn):
    assert max(file.stat().st_size for file in drawn) < _LARGEST
    text = "".join(file.read_text() for file in drawn)
    assert set(re.findall(r"data:image/(\w+)", text)) == {"jpeg"}


def test_figures_stand_on_white(drawn):
    for file in drawn:
        assert "fill: #ffffff" in file.read_text(), file


def test_the_same_bytes_every_time(tmp_path):
    for name in ("a.svg", "b.svg"):
        with style():
            save(figures_layers.draw_linear_bottleneck(), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_canvas_is_measured_in_pixels_of_the_page(tmp_path):
    with style():
        figure, _ = canvas(400, 200)
        save(figure, tmp_path / "empty.svg")
    root = ElementTree.parse(tmp_path / "empty.svg").getroot()
    points = [float(root.attrib[side].removesuffix("pt")) for side in ("width", "height")]
    assert points == [300, 150]  # 4 px are 3 pt


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is not a folder"):
        main([str(tmp_path / "file")])


def test_the_readme_shows_the_animation_which_repeats():
    file = _DOCS / "figures" / "shapes.webp"
    assert f"(docs/figures/{file.name})" in (_DOCS.parent / "README.md").read_text()
    with Image.open(file) as animation:
        assert (animation.n_frames, animation.size, animation.info["loop"]) == (100, (640, 480), 0)
    assert file.stat().st_size < 3_000_000


def test_the_model_card_shows_photographed_sheets():
    file = _DOCS / "figures" / "photographed.webp"
    assert f"(figures/{file.name})" in (_DOCS / "models.md").read_text()
    with Image.open(file) as image:
        assert image.size == (1280, 640)
