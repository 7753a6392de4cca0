import numpy as np
import pytest

from detector.draw import (
    class_colour,
    draw_detections,
    draw_marked,
    font_size,
    ink_on,
    paste,
    text_patch,
)

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


# Captions.


@pytest.mark.parametrize(
    "box",
    [
        pytest.param([50, 60, 150, 110], id="room above"),
        pytest.param([50, 0, 150, 110], id="no room above"),
        pytest.param([180, 60, 199, 110], id="right edge"),
        pytest.param([-40, 60, 10, 110], id="left edge"),
        pytest.param([50, 118, 150, 119], id="bottom edge"),
    ],
)
def test_the_whole_caption_lies_inside_the_image(box, grey, found):
    image, detections = grey(120, 200), found(box)
    text = "cat 90%"
    patch = text_patch(text, font_size(image), ink_on(class_colour(0)), class_colour(0))
    drawn = draw_detections(image, detections, ["cat"])
    places = np.lib.stride_tricks.sliding_window_view(drawn, patch.shape)
    assert (places == patch).all(axis=(-3, -2, -1)).any()


def test_a_caption_stands_on_its_box(grey, found, is_colour):
    drawn = draw_detections(grey(200, 200), found([50, 100, 150, 180]), ["cat"])
    paper = is_colour(drawn, class_colour(0))
    assert paper[90, 55:70].any() and not paper[:70].any()


def test_a_caption_without_room_above_stands_in_its_box(grey, found, is_colour):
    drawn = draw_detections(grey(200, 200), found([50, 8, 150, 180]), ["cat"])
    assert (drawn[:6] == 128).all()
    assert is_colour(drawn[15:20, 55:70], class_colour(0)).any()


def test_boxes_alone_bear_no_caption(grey, found):
    detections = found([50, 100, 150, 180])
    plain = draw_marked(grey(200, 200), detections.boxes, class_colour(0))
    named = draw_detections(grey(200, 200), detections, ["cat"])
    assert (plain[:95] == 128).all() and not (named[:95] == 128).all()


@pytest.mark.parametrize(
    "name",
    [
        "Straßenbahn",
        "τραμ",
        "трамвай",
        "電車",
        "ترام",
        "🚋",
        "two\r\nlines",
        "\udcff",
        "\0",
        "",
        "x" * 300,
    ],
)
def test_any_class_name_can_be_written(name, grey, found, is_colour):
    drawn = draw_detections(grey(120, 160), found([20, 40, 100, 100]), [name])
    assert is_colour(drawn, ink_on(class_colour(0))).any()


def test_marked_boxes_have_one_colour_and_a_text_where_there_is_one(grey, is_colour):
    image, boxes = grey(120, 160), np.array([[20, 40, 70, 100], [90, 40, 140, 100]], np.float32)
    colour = (230, 40, 110)
    bare, named = draw_marked(image, boxes, colour), draw_marked(image, boxes, colour, ["a", "b"])
    assert is_colour(bare[70], colour)[[20, 70, 90, 140]].all()
    assert not is_colour(bare[25:38], colour).any()
    assert is_colour(named[25:38], colour).any(axis=0)[[24, 94]].all()
    assert (image == 128).all()
    np.testing.assert_array_equal(draw_marked(image, boxes[:0], colour), image)


@pytest.mark.parametrize(
    ("height", "width", "size"), [(1, 1, 11), (120, 160, 11), (480, 640, 15), (2160, 3840, 64)]
)
def test_the_font_grows_with_the_image(height, width, size, grey):
    assert font_size(grey(height, width)) == size


def test_a_patch_has_ink_on_paper_and_fits_its_text(is_colour):
    short, long = (text_patch(text, 20, WHITE, BLACK) for text in ("cat", "caterpillar"))
    assert (short.dtype, short.shape[2]) == (np.uint8, 3)
    assert short.shape[0] == long.shape[0] >= 20
    assert short.shape[1] < long.shape[1]
    assert is_colour(short, WHITE).any() and is_colour(short[:, [0, -1]], BLACK).all()


def test_a_patch_is_the_callers_own(is_colour):
    first = text_patch("cat", 20, WHITE, BLACK)
    first[:] = WHITE
    assert is_colour(text_patch("cat", 20, WHITE, BLACK), BLACK).any()


@pytest.mark.parametrize(
    ("x", "y", "corner"),
    [(3, 2, (2, 3)), (-5, -5, (0, 0)), (99, 99, (7, 6)), (3, 99, (7, 3))],
)
def test_a_patch_is_moved_inside(x, y, corner, grey):
    canvas = grey(10, 10, 0)
    paste(canvas, grey(3, 4, 255), x, y)
    expected = grey(10, 10, 0)
    top, left = corner
    expected[top : top + 3, left : left + 4] = 255
    np.testing.assert_array_equal(canvas, expected)


def test_a_patch_larger_than_the_image_is_cut(grey):
    canvas = grey(3, 4, 0)
    paste(canvas, grey(30, 40, 255), 2, 2)
    assert (canvas == 255).all()
