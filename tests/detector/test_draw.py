import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.draw import class_colour, draw_annotations, draw_detections, draw_marked, ink_on
from detector.types import Detections

# Colours.


def test_a_class_has_the_same_colour_in_every_run():
    # Images and films of different versions can be laid side by side.
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


def draw_boxes(image, detections):
    """Boxes of one class without captions."""
    return draw_marked(image, detections.boxes, class_colour(int(detections.labels[0])))


def test_a_box_is_drawn_at_its_edges_and_nowhere_else(grey, found, is_colour):
    drawn = draw_boxes(grey(100, 200), found([40, 30, 120, 80]))
    line = is_colour(drawn, class_colour(0))
    for y, x in [(30, 80), (80, 80), (55, 40), (55, 120)]:
        assert line[y, x]
    untouched = is_colour(drawn, (128, 128, 128))
    assert untouched[34:77, 44:117].all(), "inside"
    assert untouched[:27].all() and untouched[84:].all(), "above and below"
    assert untouched[:, :37].all() and untouched[:, 124:].all(), "left and right"


@pytest.mark.parametrize("label", [0, 2, 11])
def test_a_box_stands_out_from_its_own_colour(label, found, is_colour):
    image = np.full((100, 100, 3), class_colour(label), np.uint8)
    drawn = draw_boxes(image, found([20, 20, 80, 80], label=label))
    rim = is_colour(drawn, ink_on(class_colour(label)))
    assert rim[50, :50].sum() == 2, "one pixel on either side of the line"


def test_the_best_detection_lies_on_top(grey, is_colour):
    detections = Detections(
        np.array([[20, 20, 80, 80], [20, 20, 80, 80]], np.float32),
        np.array([0.9, 0.8], np.float32),
        np.array([0, 1]),
    )
    drawn = draw_detections(grey(100, 100), detections, ["a", "a"])
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


def test_the_image_is_left_alone(grey, found):
    image = grey(60, 80)
    drawn = draw_detections(image, found([5, 5, 50, 50]), ["cat"])
    assert (image == 128).all() and (drawn != 128).any()


@pytest.mark.parametrize(
    "view", [lambda i: i[::-1], lambda i: i[:, ::2], lambda i: i.transpose(1, 0, 2)]
)
def test_a_view_of_an_image_can_be_drawn_on(view, grey, found):
    image = view(grey(60, 80))
    image.flags.writeable = False
    drawn = draw_detections(image, found([5, 5, 35, 50]), ["cat"])
    assert drawn.shape == image.shape and drawn.flags.writeable and drawn.flags.c_contiguous


def test_without_detections_the_image_is_copied(grey, found):
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
def test_boxes_anywhere_can_be_drawn(box, grey, found):
    drawn = draw_detections(grey(60, 80), found(box), ["cat"])
    assert (drawn.dtype, drawn.shape) == (np.uint8, (60, 80, 3))


def test_of_a_box_that_reaches_beyond_the_image_the_inner_edges_are_seen(grey, found, is_colour):
    drawn = draw_boxes(grey(60, 80), found([-3e38, 20, 40, 1e30]))
    line = is_colour(drawn, class_colour(0))
    assert line[20, :40].all() and line[20:, 40].all()
    assert not line[22:, :38].any()


def test_a_box_outside_the_image_is_not_seen(grey, found):
    image = grey(60, 80)
    drawn = draw_boxes(image, found([100, 10, 200, 50]))
    np.testing.assert_array_equal(drawn, image)


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), (1, 300), (300, 1), (2, 3), (120, 160), (480, 640), (1080, 1920), (2160, 3840)],
)
def test_any_size_of_image_can_be_drawn_on(height, width, grey, found):
    box = [0.1 * width, 0.4 * height, 0.8 * width, 0.9 * height]
    drawn = draw_detections(grey(height, width), found(box), ["traffic light"])
    assert drawn.shape == (height, width, 3)


# Annotations.


@pytest.fixture
def annotated(grey):
    """A grey 200x200 image with annotations drawn on it: `annotated(*boxes, ...)`."""

    def draw(*boxes, ignored=None, names=("cat", "dog"), labels=None) -> np.ndarray:
        rows = np.array(boxes, np.float32).reshape(-1, 4)
        labels = np.zeros(len(rows), int) if labels is None else np.array(labels)
        return draw_annotations(grey(200, 200), rows, labels, names, ignored)

    return draw


def test_annotations_bear_names_without_scores(annotated, grey, found, is_colour):
    alone = annotated([50, 100, 150, 180])
    scored = draw_detections(grey(200, 200), found([50, 100, 150, 180]), ["cat"])
    assert is_colour(alone[80:100], class_colour(0)).any()
    assert is_colour(alone, class_colour(0)).sum() < is_colour(scored, class_colour(0)).sum()


def test_no_annotation_leaves_the_image_as_it_is(annotated, grey):
    np.testing.assert_array_equal(annotated(), grey(200, 200))


def test_ignored_annotations_are_grey_dashes_without_a_name(annotated, is_colour):
    drawn = annotated([50, 100, 150, 180], ignored=np.array([True]))
    assert (drawn[..., 0] == drawn[..., 1]).all() and (drawn[..., 1] == drawn[..., 2]).all()
    assert (drawn[:95] == 128).all()
    edge = is_colour(drawn[100, 50:150], (160, 160, 160))
    assert edge.any() and not edge.all()


def test_small_annotations_lie_on_large_ones(annotated, is_colour):
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
def test_boxes_that_are_none_can_be_drawn(box, ignored, annotated):
    assert annotated(box, ignored=np.array([ignored])).shape == (200, 200, 3)
