import cv2
import numpy as np
import pytest

from detector.shapes.background import Background
from detector.shapes.canvas import Canvas, legible
from detector.shapes.outlines import SHAPES, draw_outline
from detector.shapes.render import Pen, make_sprite

pytestmark = pytest.mark.slow  # hundreds of images are drawn

SIZE_HW = (240, 320)
TILTED = cv2.getPerspectiveTransform(
    np.float32([[0, 0], [320, 0], [320, 240], [0, 240]]),
    np.float32([[20, 30], [300, 5], [310, 230], [5, 200]]),
)


def canvas_of(plane, seed=0, most_covered=0.0):
    paper = np.full((*SIZE_HW, 3), 235, np.uint8)
    return Canvas(Background(paper, plane, SIZE_HW), np.random.default_rng(seed), most_covered)


def add(canvas, label, size, pen, seed=0, wobble=0.02, colour=(20.0, 20.0, 20.0)):
    rng = np.random.default_rng(seed)
    outline = draw_outline(label, rng, wobble, is_loose=wobble > 0)
    return canvas.add(lambda: make_sprite([outline], pen, size, rng), size, pen, label, colour)


@pytest.mark.parametrize("size", [20, 60, 120])
@pytest.mark.parametrize("fill", ["none", "full", "hatched", "scribbled"])
@pytest.mark.parametrize("label", range(len(SHAPES)), ids=SHAPES)
@pytest.mark.parametrize("plane", [np.eye(3), TILTED], ids=["flat", "tilted"])
def test_the_box_is_that_of_the_pixels_that_changed(plane, label, fill, size):
    canvas = canvas_of(plane)
    before = canvas.image.copy()
    assert add(canvas, label, size, Pen(fill, has_outline=fill != "full", width=0.08), seed=label)
    rows, columns = np.nonzero(np.any(canvas.image != before, axis=2))
    changed = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    boxes, labels, _ = canvas.shapes()
    np.testing.assert_array_equal(labels, [label])
    np.testing.assert_allclose(boxes, [changed], atol=1.5)


def test_an_outlined_shape_is_larger_by_its_stroke():
    thin, thick = canvas_of(np.eye(3)), canvas_of(np.eye(3))
    add(thin, 2, 100, Pen("none", True, 0.02), wobble=0)
    add(thick, 2, 100, Pen("none", True, 0.12), wobble=0)
    (box_thin,), (box_thick,) = thin.shapes()[0], thick.shapes()[0]
    wider = (box_thick[2] - box_thick[0]) - (box_thin[2] - box_thin[0])
    assert wider == pytest.approx(10, abs=2)


def test_shapes_keep_apart_unless_they_may_overlap():
    canvas = canvas_of(np.eye(3))
    for label in range(6):
        add(canvas, label, 70, Pen("full", False, 0.05), seed=label)
    boxes = canvas.shapes()[0]
    covered = np.zeros(SIZE_HW, int)
    for x1, y1, x2, y2 in boxes.astype(int):
        covered[y1:y2, x1:x2] += 1
    assert len(boxes) >= 3
    assert covered.max() == 1


def test_where_there_is_no_room_nothing_is_drawn():
    canvas = canvas_of(np.eye(3))
    add(canvas, 0, 200, Pen("full", False, 0.05))
    before = canvas.image.copy()
    assert not add(canvas, 1, 200, Pen("full", False, 0.05))
    np.testing.assert_array_equal(canvas.image, before)
    assert len(canvas.shapes()[0]) == 1


def test_what_would_hide_a_shape_is_not_laid_over_it():
    canvas = canvas_of(np.eye(3))
    add(canvas, 0, 100, Pen("full", False, 0.05))
    before = canvas.image.copy()
    canvas.cover(np.full(SIZE_HW, 255, np.uint8), (0, 0, 0))
    np.testing.assert_array_equal(canvas.image, before)


def test_a_half_hidden_shape_keeps_its_box_and_counts_as_difficult():
    canvas = canvas_of(np.eye(3))
    add(canvas, 0, 100, Pen("full", False, 0.05))
    ((x1, y1, x2, y2),), _, is_difficult = canvas.shapes()
    assert not is_difficult.any()
    mask = np.zeros(SIZE_HW, np.uint8)
    mask[int(y1) : int(y2), int(x1 + 0.45 * (x2 - x1)) :] = 255
    canvas.cover(mask, (200, 150, 120), least=0.3)
    boxes, _, is_difficult = canvas.shapes()
    np.testing.assert_array_equal(boxes, [[x1, y1, x2, y2]])
    assert is_difficult.all()


@pytest.mark.parametrize("paper", [0, 60, 128, 200, 255])
def test_ink_stands_out_from_any_paper(paper):
    under = np.full((50, 3), paper, np.uint8)
    for seed in range(20):
        colour = legible((paper, paper, paper), under, np.random.default_rng(seed))
        assert np.abs(np.array(colour) - paper).max() > 60


def test_a_colour_that_stands_out_is_kept():
    under = np.full((50, 3), 250, np.uint8)
    assert legible((10.0, 20.0, 30.0), under, np.random.default_rng(0)) == (10.0, 20.0, 30.0)
