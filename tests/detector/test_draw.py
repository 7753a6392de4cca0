import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.draw import (
    class_colour,
    draw_annotations,
    draw_boxes,
    draw_detections,
    draw_marked,
    font_size,
    ink_on,
    paste,
    text_patch,
)
from detector.types import Detections

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def grey(height: int, width: int, level: int = 128) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def found(*boxes, label: int = 0) -> Detections:
    """Detections of one class at the given boxes, best first."""
    count = len(boxes)
    scores = np.linspace(0.9, 0.5, count, dtype=np.float32)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), scores, np.full(count, label))


def is_colour(image: np.ndarray, colour) -> np.ndarray:
    return (image == colour).all(axis=-1)


# Colours.


def test_a_class_has_the_same_colour_in_every_run():
    # Pictures and films of different versions can be laid side by side.
    assert [class_colour(label) for label in (0, 1, 79)] == [
        (255, 25, 136),
        (25, 203, 255),
        (133, 25, 255),
    ]


def test_the_first_80_colours_can_be_told_apart():
    colours = np.array([[class_colour(label) for label in range(80)]], np.float32) / 255
    lab = cv2.cvtColor(colours, cv2.COLOR_RGB2LAB)[0]
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    assert distances[~np.eye(80, dtype=bool)].min() > 9


def relative_luminance(colour) -> float:
    """WCAG 2.1, "relative luminance"."""
    parts = [part / 255 for part in colour]
    red, green, blue = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other) -> float:
    """WCAG 2.1, "contrast ratio"."""
    dark, light = sorted([relative_luminance(one), relative_luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("label", range(200))
def test_captions_are_legible(label):
    colour = class_colour(label)
    assert contrast(ink_on(colour), colour) >= 4.5


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_the_ink_is_legible_on_any_paper(paper):
    assert contrast(ink_on(paper), paper) >= 4.5


# Boxes.


def test_a_box_is_drawn_at_its_edges_and_nowhere_else():
    drawn = draw_boxes(grey(100, 200), found([40, 30, 120, 80]))
    line = is_colour(drawn, class_colour(0))
    for y, x in [(30, 80), (80, 80), (55, 40), (55, 120)]:
        assert line[y, x]
    untouched = is_colour(drawn, (128, 128, 128))
    assert untouched[34:77, 44:117].all(), "inside"
    assert untouched[:27].all() and untouched[84:].all(), "above and below"
    assert untouched[:, :37].all() and untouched[:, 124:].all(), "left and right"


@pytest.mark.parametrize("label", [0, 2, 11])
def test_a_box_stands_out_from_its_own_colour(label):
    image = np.full((100, 100, 3), class_colour(label), np.uint8)
    drawn = draw_boxes(image, found([20, 20, 80, 80], label=label))
    rim = is_colour(drawn, ink_on(class_colour(label)))
    assert rim[50, :50].sum() == 2, "one pixel on either side of the line"


def test_the_best_detection_lies_on_top():
    detections = Detections(
        np.array([[20, 20, 80, 80], [20, 20, 80, 80]], np.float32),
        np.array([0.9, 0.8], np.float32),
        np.array([0, 1]),
    )
    drawn = draw_boxes(grey(100, 100), detections)
    assert is_colour(drawn, class_colour(0)).any()
    assert not is_colour(drawn, class_colour(1)).any()


def test_the_id_of_a_track_stands_behind_the_name_and_minus_one_does_not(monkeypatch):
    from detector import draw

    texts = []
    patch = draw._text_patch
    monkeypatch.setattr(draw, "_text_patch", lambda text, *a: texts.append(text) or patch(text, *a))
    boxes = np.array([[20, 40, 60, 80], [80, 40, 120, 80]], np.float32)
    found = Detections(boxes, np.array([0.9, 0.5], np.float32), np.array([0, 0]))
    draw_detections(np.zeros((120, 160, 3), np.uint8), found, ["cat"], np.array([7, -1]))
    assert sorted(texts) == ["cat #7 90%", "cat 50%"]


def test_the_picture_is_left_alone():
    image = grey(60, 80)
    drawn = draw_detections(image, found([5, 5, 50, 50]), ["cat"])
    assert (image == 128).all() and (drawn != 128).any()


@pytest.mark.parametrize(
    "view", [lambda i: i[::-1], lambda i: i[:, ::2], lambda i: i.transpose(1, 0, 2)]
)
def test_a_view_of_a_picture_can_be_drawn_on(view):
    image = view(grey(60, 80))
    image.flags.writeable = False
    drawn = draw_detections(image, found([5, 5, 35, 50]), ["cat"])
    assert drawn.shape == image.shape and drawn.flags.writeable and drawn.flags.c_contiguous


def test_without_detections_the_picture_is_copied():
    image = grey(60, 80)
    drawn = draw_detections(image, found(), ["cat"])
    np.testing.assert_array_equal(drawn, image)
    assert not np.shares_memory(drawn, image)


@pytest.mark.parametrize(
    "box",
    [
        pytest.param([-50, -50, 30, 30], id="top left"),
        pytest.param([50, 40, 500, 500], id="bottom right"),
        pytest.param([-10, -10, 90, 70], id="all around"),
        pytest.param([300, 300, 400, 400], id="beyond"),
        pytest.param([-400, -400, -300, -300], id="before"),
        pytest.param([-1e30, -3e38, 1e30, 3e38], id="huge"),
        pytest.param([20, 20, 20, 20], id="no area"),
        pytest.param([50, 50, 20, 20], id="corners exchanged"),
    ],
)
def test_boxes_anywhere_can_be_drawn(box):
    drawn = draw_detections(grey(60, 80), found(box), ["cat"])
    assert (drawn.dtype, drawn.shape) == (np.uint8, (60, 80, 3))


def test_of_a_box_that_reaches_beyond_the_picture_the_inner_edges_are_seen():
    drawn = draw_boxes(grey(60, 80), found([-3e38, 20, 40, 1e30]))
    line = is_colour(drawn, class_colour(0))
    assert line[20, :40].all() and line[20:, 40].all()
    assert not line[22:, :38].any()


def test_a_box_outside_the_picture_is_not_seen():
    image = grey(60, 80)
    drawn = draw_boxes(image, found([100, 10, 200, 50]))
    np.testing.assert_array_equal(drawn, image)


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), (1, 300), (300, 1), (2, 3), (120, 160), (480, 640), (1080, 1920), (2160, 3840)],
)
def test_any_size_of_picture_can_be_drawn_on(height, width):
    box = [0.1 * width, 0.4 * height, 0.8 * width, 0.9 * height]
    drawn = draw_detections(grey(height, width), found(box), ["traffic light"])
    assert drawn.shape == (height, width, 3)


# Annotations.


def annotated(*boxes, ignored=None, names=("cat", "dog"), labels=None) -> np.ndarray:
    """A grey 200x200 picture with annotations drawn on it."""
    rows = np.array(boxes, np.float32).reshape(-1, 4)
    labels = np.zeros(len(rows), int) if labels is None else np.array(labels)
    return draw_annotations(grey(200, 200), rows, labels, names, ignored)


def test_annotations_bear_names_without_scores():
    alone = annotated([50, 100, 150, 180])
    scored = draw_detections(grey(200, 200), found([50, 100, 150, 180]), ["cat"])
    assert is_colour(alone[80:100], class_colour(0)).any()
    assert is_colour(alone, class_colour(0)).sum() < is_colour(scored, class_colour(0)).sum()


def test_no_annotation_leaves_the_picture_as_it_is():
    np.testing.assert_array_equal(annotated(), grey(200, 200))


def test_ignored_annotations_are_grey_dashes_without_a_name():
    drawn = annotated([50, 100, 150, 180], ignored=np.array([True]))
    assert (drawn[..., 0] == drawn[..., 1]).all() and (drawn[..., 1] == drawn[..., 2]).all()
    assert (drawn[:95] == 128).all()
    edge = is_colour(drawn[100, 50:150], (160, 160, 160))
    assert edge.any() and not edge.all()


def test_small_annotations_lie_on_large_ones():
    drawn = annotated([90, 90, 110, 110], [50, 50, 150, 150], [90, 40, 95, 160], labels=[1, 0, 0])
    assert (
        is_colour(drawn, class_colour(1)).sum()
        == is_colour(annotated([90, 90, 110, 110], labels=[1]), class_colour(1)).sum()
    )


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize(
    "box",
    [
        pytest.param([150, 180, 50, 100], id="inverted"),
        pytest.param([50, 100, 50, 100], id="flat"),
        pytest.param([-1e9, -1e9, 1e9, 1e9], id="vast"),
        pytest.param([500, 500, 600, 600], id="outside"),
    ],
)
def test_boxes_that_are_none_can_be_drawn(box, ignored):
    assert annotated(box, ignored=np.array([ignored])).shape == (200, 200, 3)


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
def test_the_whole_caption_lies_inside_the_picture(box):
    image, detections = grey(120, 200), found(box)
    text = "cat 90%"
    patch = text_patch(text, font_size(image), ink_on(class_colour(0)), class_colour(0))
    drawn = draw_detections(image, detections, ["cat"])
    places = np.lib.stride_tricks.sliding_window_view(drawn, patch.shape)
    assert (places == patch).all(axis=(-3, -2, -1)).any()


def test_a_caption_stands_on_its_box():
    drawn = draw_detections(grey(200, 200), found([50, 100, 150, 180]), ["cat"])
    paper = is_colour(drawn, class_colour(0))
    assert paper[90, 55:70].any() and not paper[:70].any()


def test_a_caption_without_room_above_stands_in_its_box():
    drawn = draw_detections(grey(200, 200), found([50, 8, 150, 180]), ["cat"])
    assert (drawn[:6] == 128).all()
    assert is_colour(drawn[15:20, 55:70], class_colour(0)).any()


def test_boxes_alone_bear_no_caption():
    detections = found([50, 100, 150, 180])
    plain = draw_boxes(grey(200, 200), detections)
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
def test_any_class_name_can_be_written(name):
    drawn = draw_detections(grey(120, 160), found([20, 40, 100, 100]), [name])
    assert is_colour(drawn, ink_on(class_colour(0))).any()


def test_marked_boxes_have_one_colour_and_a_text_where_there_is_one():
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
def test_the_font_grows_with_the_picture(height, width, size):
    assert font_size(grey(height, width)) == size


def test_a_patch_has_ink_on_paper_and_fits_its_text():
    short, long = (text_patch(text, 20, WHITE, BLACK) for text in ("cat", "caterpillar"))
    assert (short.dtype, short.shape[2]) == (np.uint8, 3)
    assert short.shape[0] == long.shape[0] >= 20
    assert short.shape[1] < long.shape[1]
    assert is_colour(short, WHITE).any() and is_colour(short[:, [0, -1]], BLACK).all()


def test_a_patch_is_the_callers_own():
    first = text_patch("cat", 20, WHITE, BLACK)
    first[:] = WHITE
    assert is_colour(text_patch("cat", 20, WHITE, BLACK), BLACK).any()


@pytest.mark.parametrize(
    ("x", "y", "corner"),
    [(3, 2, (2, 3)), (-5, -5, (0, 0)), (99, 99, (7, 6)), (3, 99, (7, 3))],
)
def test_a_patch_is_moved_inside(x, y, corner):
    canvas = grey(10, 10, 0)
    paste(canvas, grey(3, 4, 255), x, y)
    expected = grey(10, 10, 0)
    top, left = corner
    expected[top : top + 3, left : left + 4] = 255
    np.testing.assert_array_equal(canvas, expected)


def test_a_patch_larger_than_the_picture_is_cut():
    canvas = grey(3, 4, 0)
    paste(canvas, grey(30, 40, 255), 2, 2)
    assert (canvas == 255).all()
