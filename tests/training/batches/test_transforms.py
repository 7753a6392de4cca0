import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.boxes import area, pairwise_iou
from detector.preprocess import resize
from training.batches.crop import GREY, Crop
from training.batches.transforms import (
    GREY_OF_RGB,
    NEUTRAL,
    Colours,
    Expand,
    MinIoUCrop,
    ToInput,
    colour_matrix,
)

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def rows(boxes, ignored=()):
    """Boxes in fractions as the transforms want them, each with its row as its label."""
    boxes = np.array(boxes, np.float64).reshape(-1, 4)
    numbers = np.arange(len(boxes))
    return np.column_stack([boxes, numbers, np.isin(numbers, ignored)])


def apply(transform, boxes, seed, image=IMAGE):
    transform.set_random_seed(seed)
    given = image if isinstance(transform, Colours) else Crop.of(image)
    done = transform(image=given, bboxes=boxes)
    made = done["image"]
    return made.pixels() if isinstance(made, Crop) else made, done["bboxes"]


def crop(min_ious=(0.1, 0.3, 0.5, 0.7, 0.9), min_area=0.1, max_aspect_ratio=2.0):
    return MinIoUCrop(min_ious, min_area, max_aspect_ratio, p=1.0)


def window_of(transform):
    return np.array(transform.get_applied_params()["window"])


def test_a_window_shows_the_image_inside_and_grey_outside():
    pixels = Crop.of(IMAGE).cut((-2, -1, 3, 2)).pixels()
    assert pixels.shape == (3, 5, 3)
    np.testing.assert_array_equal(pixels[1:, 2:], IMAGE[:2, :3])
    assert (pixels[0] == GREY).all() and (pixels[:, :2] == GREY).all()


def test_a_window_beside_the_image_is_grey():
    assert (Crop.of(IMAGE).cut((70, 0, 80, 10)).pixels() == GREY).all()
    assert (Crop.of(IMAGE).cut((-9, -9, 0, 0)).pixels() == GREY).all()


def test_a_window_of_a_window_is_cut_from_the_image():
    view = Crop.of(IMAGE).cut((-10, -10, 50, 30)).cut((15, 20, 25, 32))
    np.testing.assert_array_equal(view.pixels(), IMAGE[10:22, 5:15])


@given(
    st.tuples(st.integers(-200, 39), st.integers(-200, 39)),
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.sampled_from([1, 16, 32]),
)
def test_what_is_rendered_is_the_resized_window_within_a_grey_level(corner, size, input_size):
    window = Crop.of(IMAGE).cut((*corner, corner[0] + size[0], corner[1] + size[1]))
    expected = resize(window.pixels(), input_size)
    assert np.abs(window.render(input_size).astype(int) - expected).max() <= 1


def test_to_input_is_the_resize_rule_and_leaves_boxes_alone():
    boxes = rows([[0.1, 0.2, 0.3, 0.4]])
    image, moved = apply(ToInput(32), boxes, 0)
    np.testing.assert_array_equal(image, resize(IMAGE, 32))
    np.testing.assert_array_equal(moved, boxes)


@given(st.integers(0, 2**32))
def test_the_canvas_holds_the_whole_image_where_its_box_says(seed):
    transform = Expand(4.0, p=1.0)
    image, boxes = apply(transform, rows([[0, 0, 1, 1]]), seed)
    height, width = image.shape[:2]
    assert 40 <= height <= 160 and 60 <= width <= 240
    x1, y1, x2, y2 = np.rint(boxes[0, :4] * [width, height, width, height]).astype(int)
    np.testing.assert_array_equal(image[y1:y2, x1:x2], IMAGE)
    image[y1:y2, x1:x2] = GREY
    assert (image == GREY).all()


def test_canvases_come_in_all_sizes_and_places():
    transform = Expand(4.0, p=1.0)
    boxes = np.array([apply(transform, rows([[0, 0, 1, 1]]), s)[1][0, :4] for s in range(300)])
    ratios = 1 / (boxes[:, 2] - boxes[:, 0])
    assert ratios.min() < 1.1 and ratios.max() > 3.9 and abs(np.mean(ratios) - 2.5) < 0.2
    places = (boxes[:, :2] / (1 - 1 / ratios)[:, None])[ratios > 1.5]
    assert np.abs(places.mean(axis=0) - 0.5).max() < 0.06 and places.min() < 0.05


def test_a_ratio_of_one_changes_nothing():
    image, boxes = apply(Expand(1.0, p=1.0), rows([[0.1, 0.2, 0.3, 0.4]]), 0)
    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_array_equal(boxes[:, :4], [[0.1, 0.2, 0.3, 0.4]])


@given(st.integers(0, 2**32))
def test_patches_have_the_area_and_the_shape_that_are_asked_for(seed):
    transform = crop(min_ious=(), min_area=0.25, max_aspect_ratio=1.5)
    big = np.zeros((1000, 2000, 3), np.uint8)
    apply(transform, rows([]), seed, big)
    x1, y1, x2, y2 = window_of(transform) / [2000, 1000, 2000, 1000]
    assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1
    assert (x2 - x1) * (y2 - y1) >= 0.249
    assert 1 / 1.51 <= (x2 - x1) / (y2 - y1) <= 1.51


@pytest.mark.parametrize("min_iou", [0.1, 0.3, 0.7])
def test_a_patch_overlaps_its_best_object_by_the_minimum(min_iou):
    transform = crop(min_ious=(min_iou,) * 50)  # so that other choices are rare
    boxes = rows([[0.1, 0.1, 0.8, 0.9], [0.4, 0.4, 0.5, 0.5]])
    reached = []
    for seed in range(60):
        apply(transform, boxes, seed)
        patch = window_of(transform)[None] / [60, 40, 60, 40]
        reached.append(pairwise_iou(patch, boxes[:, :4]).max())
    assert np.mean(np.array(reached) >= min_iou) > 0.9
    assert len(set(reached)) > 10


def test_all_seven_choices_of_the_paper_are_drawn():
    boxes = rows([[0.2, 0.2, 0.9, 0.9]])
    transform = crop()
    ious, areas = [], []
    for seed in range(300):
        apply(transform, boxes, seed)
        patch = window_of(transform)[None] / [60, 40, 60, 40]
        ious.append(pairwise_iou(patch, boxes[:, :4])[0, 0])
        areas.append(area(patch)[0])
    whole = np.mean(np.array(areas) == 1)
    assert 1 / 7 < whole < 0.35  # besides its turn, where no patch had the IoU drawn
    assert min(ious) < 0.3 and max(ious) > 0.7


@given(st.integers(0, 2**32))
def test_a_patch_holds_the_centre_of_an_object_and_only_such_objects_stay(seed):
    boxes = rows([[0, 0, 0.2, 0.2], [0.5, 0.5, 1, 1], [0.3, 0.3, 0.32, 0.32]])
    transform = crop()
    _, kept = apply(transform, boxes, seed)
    x1, y1, x2, y2 = window_of(transform) / [60, 40, 60, 40]
    centres = (boxes[:, :2] + boxes[:, 2:4]) / 2
    inside = ((centres >= [x1, y1]) & (centres < [x2, y2])).all(axis=1)
    assert kept[:, 4].tolist() == np.flatnonzero(inside).tolist() and len(kept)


@given(st.integers(0, 2**32))
def test_a_crowd_stays_as_long_as_the_patch_shows_some_of_it(seed):
    boxes = rows([[0.7, 0.7, 0.9, 0.9], [0, 0, 0.6, 1]], ignored=[1])
    transform = crop()
    _, kept = apply(transform, boxes, seed)
    shows = window_of(transform)[0] < 0.6 * 60
    assert (1 in kept[:, 4]) == shows
    assert 0 in kept[:, 4]


def test_an_image_without_objects_is_cropped_too():
    transform = crop()
    shapes = {apply(transform, rows([]), seed)[0].shape for seed in range(20)}
    assert len(shapes) > 10


def test_a_patch_of_an_image_of_one_pixel_is_that_pixel():
    dot = IMAGE[:1, :1]
    image, kept = apply(crop(), rows([[0, 0, 1, 1]]), 0, dot)
    np.testing.assert_array_equal(image, dot)
    np.testing.assert_array_equal(kept, rows([[0, 0, 1, 1]]))


def test_cuts_of_pixels_and_of_crops_are_the_same():
    # after training.batches.transforms, which keeps it offline
    from albumentations import Compose, DualTransform

    class Fill(DualTransform):
        """Copies the window at once."""

        def apply(self, img, **_params):
            return Crop.of(img.pixels())

        def apply_to_bboxes(self, bboxes, **_params):
            return bboxes

    boxes = rows([[0.2, 0.2, 0.9, 0.9]])
    for seed in range(30):
        done = []
        for fills in ([Fill(p=1.0)], []):
            cuts = [Expand(3.0, p=1.0), *fills, crop(), *fills, ToInput(24)]
            pipeline = Compose(cuts, is_check_shapes=False)
            pipeline.set_random_seed(seed)
            done.append(pipeline(image=Crop.of(IMAGE), bboxes=boxes))
        eager, lazy = done
        np.testing.assert_array_equal(lazy["bboxes"], eager["bboxes"])
        assert np.abs(lazy["image"].astype(int) - eager["image"]).max() <= 1


def test_colours_are_changed_as_the_matrix_says_and_boxes_left_alone():
    transform = Colours((0.0, 0.5, 0.0, 0.0), each_probability=1.0)
    flat = np.full((8, 8, 3), 100, np.uint8)
    flat[:4] = 200
    boxes = rows([[0.1, 0.2, 0.3, 0.4]])
    image, same = apply(transform, boxes, 3, flat)
    factor = transform.get_applied_params()["colours"][1]
    assert (image[0, 0] == round(150 + 50 * factor)).all()
    assert (image[7, 7] == round(150 - 50 * factor)).all()
    np.testing.assert_array_equal(same, boxes)


def test_each_colour_change_is_drawn_on_its_own_and_in_its_range():
    transform = Colours((0.1, 0.2, 0.3, 0.4), each_probability=0.5)
    drawn = []
    for seed in range(400):
        apply(transform, rows([]), seed)
        drawn.append(np.array(transform.get_applied_params()["colours"]) - [1, 1, 1, 0])
    drawn = np.array(drawn)
    assert np.abs((drawn != 0).mean(axis=0) - 0.5).max() < 0.1
    assert np.abs(np.corrcoef((drawn != 0).T) - np.eye(4)).max() < 0.15
    reach = np.abs(drawn).max(axis=0)
    assert (reach <= [0.1, 0.2, 0.3, 0.4]).all() and (reach > [0.09, 0.19, 0.28, 0.38]).all()


def test_no_colour_change_leaves_the_image_as_it_is():
    image, _ = apply(Colours((0.5, 0.5, 0.5, 0.5), each_probability=0.0), rows([]), 0)
    np.testing.assert_array_equal(image, IMAGE)


RED, GREEN, EVEN = [200, 20, 20], [20, 200, 20], [90, 90, 90]


def recoloured(colour, brightness=1.0, contrast=1.0, saturation=1.0, hue=0.0, mean_grey=100.0):
    matrix = colour_matrix(brightness, contrast, saturation, hue, mean_grey)
    return matrix @ [*colour, 1]


def test_neutral_changes_nothing():
    matrix = colour_matrix(*NEUTRAL, mean_grey=77.0)
    np.testing.assert_allclose(matrix, np.eye(3, 4), atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"brightness": 0.5}, [100, 10, 10], id="half as bright"),
        pytest.param({"contrast": 0.0}, [100, 100, 100], id="no contrast: the mean grey"),
        pytest.param({"contrast": 0.5}, [150, 60, 60], id="half the distance to the mean grey"),
        pytest.param({"saturation": 0.0}, [73.82] * 3, id="no saturation: its own grey"),
        pytest.param({"saturation": 1.5}, [263.09, -6.91, -6.91], id="not clipped in between"),
        pytest.param({"brightness": 0.5, "contrast": 0.0}, [50, 50, 50], id="brightness first"),
    ],
)
def test_red_by_hand(changes, expected):
    np.testing.assert_allclose(recoloured(RED, **changes), expected, atol=1e-9)


@pytest.mark.parametrize("hue", [-0.3, 0.05, 0.5])
def test_a_turn_of_the_hue_keeps_each_pixels_grey(hue):
    np.testing.assert_allclose(recoloured(EVEN, hue=hue), EVEN, atol=0.1)
    assert GREY_OF_RGB @ recoloured(RED, hue=hue) == pytest.approx(GREY_OF_RGB @ RED, abs=0.1)


def test_a_third_of_a_turn_makes_the_largest_channel_another():
    turned = {int(np.argmax(recoloured(RED, hue=hue))) for hue in (0.0, 1 / 3, 2 / 3)}
    assert turned == {0, 1, 2}


def test_a_whole_turn_is_none():
    np.testing.assert_allclose(recoloured(GREEN, hue=1.0), GREEN, atol=1e-9)
