import numpy as np
import pytest

from demo.view.controls import KEYS
from demo.view.hud import draw_help, draw_hud, draw_notes


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_the_line_is_white_on_black_at_the_bottom_left_whatever_lies_beneath(grey):
    image = np.full((480, 640, 3), grey, np.uint8)
    draw_hud(image, 28.44, 0.031)
    changed = image[-20:, :100]
    assert changed.max() == 255
    assert changed.min() == 0
    assert (image[:-30] == grey).all()
    assert (image[:, 200:] == grey).all()


def test_nothing_is_drawn_before_the_figures_are_known():
    image = np.full((480, 640, 3), 90, np.uint8)
    draw_hud(image, None, 0.031)
    assert (image == 90).all()


def test_an_image_smaller_than_the_line_is_no_fault():
    draw_hud(np.zeros((8, 10, 3), np.uint8), 28.4, 0.031)


def test_notes_stand_at_the_top_right_and_recording_is_red():
    image = np.full((480, 640, 3), 90, np.uint8)
    draw_notes(image, ["paused"], recording=True)
    red = (image == (200, 0, 0)).all(-1)
    assert red[:20, 600:].mean() > 0.3
    assert not red[25:].any()
    assert image[25:40, 600:].max() == 255  # the note, below
    assert (image[:, :500] == 90).all()


@pytest.mark.parametrize("size_hw", [(480, 640), (2160, 3840)])
def test_the_help_fits_and_leaves_the_right_half_alone(size_hw):
    image = np.full((*size_hw, 3), 200, np.uint8)
    draw_help(image, {"resize": 0.4, "run": 5.5})
    height, width = size_hw
    assert image[: height // 10, : width // 6].min() < 60
    assert (image[:, -width // 6 :] == 200).all()


def test_the_help_names_every_key_and_every_stage(monkeypatch):
    from demo.view import hud

    texts = []
    patch = hud.text_patch
    monkeypatch.setattr(hud, "text_patch", lambda text, *a: texts.append(text) or patch(text, *a))
    draw_help(np.zeros((480, 640, 3), np.uint8), {"resize": 0.42, "run": 5.5})
    assert {key for key, _ in KEYS} <= set(texts)
    assert {"resize", "0.4 ms", "run", "5.5 ms"} <= set(texts)
