import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from configs.schema import AugmentConfig
from detector.images import read_image
from detector.preprocess import resize
from training.batches.augment import Augmenter, filter_boxes, objects_of

OFF = {
    f"{change}_probability": 0.0 for change in ("flip", "crop", "expand", "photometric", "mosaic")
}
GREEN = np.array([20, 220, 30], np.uint8)


def augmenter(input_size=128, **changes):
    """With no change but those named."""
    return Augmenter(AugmentConfig(**(OFF | changes)), input_size)


def augmented(augmenter, image, sample, seed):
    """Image, boxes and rows in the sample of what is left, for samples labelled by their rows."""
    image, objects = augmenter.augment(image, objects_of(sample), seed)
    return image, objects[:, :4], objects[:, 4].tolist()


@pytest.fixture
def sample_of(sample_of):
    """Objects are labelled by their rows, by default."""

    def make(boxes, labels=None, *more, **rest):
        return sample_of(boxes, range(len(boxes)) if labels is None else labels, *more, **rest)

    return make


def painted(box, height=120, width=160, colour=GREEN):
    """A dark image with one rectangle."""
    image = np.full((height, width, 3), 60, np.uint8)
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = colour
    return image


def green_box(image):
    """Where the green is, as fractions; what is not green is grey."""
    red, green, blue = image.astype(int).transpose(2, 0, 1)
    excess = green - np.maximum(red, blue)
    y, x = np.nonzero(excess > excess.max() / 2)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1]) / len(image)


def test_without_changes_an_image_is_resized_only(sample_of):
    image = np.random.default_rng(0).integers(0, 256, (100, 200, 3), np.uint8)
    sample = sample_of([[0, 0, 200, 100], [50, 25, 100, 75]])
    objects = objects_of(sample)
    for done in (augmenter().augment(image, objects, 0), augmenter().resize(image, objects)):
        np.testing.assert_array_equal(done[0], resize(image, 128))
        np.testing.assert_array_equal(done[1][:, :4], [[0, 0, 1, 1], [0.25, 0.25, 0.5, 0.75]])
        np.testing.assert_array_equal(done[1][:, 4:], [[0, 0], [1, 0]])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"flip_probability": 1.0}, id="mirror"),
        pytest.param({"crop_probability": 1.0, "crop_min_ious": ()}, id="crop"),
        pytest.param({"expand_probability": 1.0}, id="expand"),
        pytest.param({"photometric_probability": 1.0}, id="colours"),
    ],
)
def test_each_change_alone_shows_and_repeats(change, sample_of):
    image = np.random.default_rng(0).integers(0, 256, (100, 200, 3), np.uint8)
    sample = sample_of([[50, 25, 150, 75]])
    outputs = [augmented(augmenter(**change), image, sample, seed)[0] for seed in (1, 1, 2, 3, 4)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    plain = resize(image, 128)
    assert any((output != plain).any() for output in outputs)


@pytest.mark.parametrize("colour", ["brightness", "contrast", "saturation", "hue"])
def test_each_colour_change_alone_shows(colour, sample_of):
    others = dict.fromkeys({"brightness", "contrast", "saturation", "hue"} - {colour}, 0.0)
    changed = augmenter(photometric_probability=1.0, **others)
    image = painted((40, 30, 100, 90))
    objects = objects_of(sample_of([[40, 30, 100, 90]]))
    output = changed.augment(image, objects, 1)[0]
    assert (output != resize(image, 128)).any()
    still = augmenter(photometric_probability=1.0, **others, **{colour: 0.0})
    np.testing.assert_array_equal(still.augment(image, objects, 1)[0], resize(image, 128))


def test_a_mirrored_box_by_hand(sample_of):
    image = painted((0, 0, 40, 60))
    sample = sample_of([[0, 0, 40, 60]], height=120, width=160)
    output, boxes, _ = augmented(augmenter(flip_probability=1.0), image, sample, 0)
    np.testing.assert_array_equal(boxes, [[0.75, 0, 1, 0.5]])
    np.testing.assert_allclose(green_box(output), boxes[0], atol=0.01)


def test_an_upturned_box_by_hand(sample_of):
    image = painted((0, 0, 40, 60))
    sample = sample_of([[0, 0, 40, 60]], height=120, width=160)
    output, boxes, _ = augmented(augmenter(flip_vertical_probability=1.0), image, sample, 0)
    np.testing.assert_array_equal(boxes, [[0, 0.5, 0.25, 1]])
    np.testing.assert_allclose(green_box(output), boxes[0], atol=0.01)


@pytest.mark.parametrize("scale", [1, 3], ids=["as in its file", "a cached, smaller one"])
def test_boxes_follow_the_pixels(scale, sample_of):
    image = painted((40, 30, 100, 90))
    box = np.array([40, 30, 100, 90]) * scale  # the sample keeps the frame of its file
    sample = sample_of([box], height=120 * scale, width=160 * scale)
    full = Augmenter(AugmentConfig(), 128)
    seen = []
    for seed in range(150):
        output, boxes, _ = augmented(full, image, sample, seed)
        assert output.shape == (128, 128, 3) and output.dtype == np.uint8
        if len(boxes):
            np.testing.assert_allclose(green_box(output), boxes[0], atol=0.02)
            seen.append(boxes[0])
    assert len(seen) == 150  # a patch always holds the centre of an object
    sides = np.array(seen)[:, 2] - np.array(seen)[:, 0]
    assert sides.min() < 0.15 and sides.max() > 0.7  # zoomed out, and in


def test_changes_are_drawn_independently_of_each_other(sample_of):
    """One seed for each transform would make all of them come together."""
    image = painted((0, 0, 80, 120))
    both = augmenter(flip_probability=0.5, expand_probability=0.5, expand_max_ratio=3.0)
    sample = sample_of([[0, 0, 80, 120]], height=120, width=160)
    counts = np.zeros((2, 2), int)
    for seed in range(200):
        output, boxes, _ = augmented(both, image, sample, seed)
        is_expanded = (output == 127).all(axis=2).any()
        beside = int(boxes[0, 0] * 128) - 3  # the dark half lies left of the green one
        is_mirrored = beside > 0 and (output[:, beside] == 60).all(axis=1).any()
        counts[int(is_expanded), int(is_mirrored)] += 1
    assert counts.min() > 30, counts


def test_the_result_depends_on_the_seed_alone_in_any_thread(sample_of):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (12, 90, 70, 3), np.uint8)
    sample = sample_of([[10, 10, 60, 50], [0, 0, 70, 90]], height=90, width=70)
    full = Augmenter(AugmentConfig(), 64)
    objects = objects_of(sample)
    expected = [full.augment(image, objects, seed) for seed, image in enumerate(images)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: full.augment(images[i % 12], objects, i % 12), range(96)))
    for i, parts in enumerate(found):
        for part, other in zip(parts, expected[i % 12], strict=True):
            np.testing.assert_array_equal(part, other)
    assert len({part[0].tobytes() for part in expected}) == 12


def test_the_image_and_the_sample_are_left_alone(sample_of):
    image = painted((40, 30, 100, 90))
    sample = sample_of([[40, 30, 100, 90]], height=120, width=160)
    before = image.copy()
    image.flags.writeable = False  # as a cache gives it
    objects = objects_of(sample)
    for seed in range(20):
        Augmenter(AugmentConfig(), 64).augment(image, objects, seed)
    np.testing.assert_array_equal(objects, objects_of(sample))
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(sample.boxes, [[40, 30, 100, 90]])


def test_rows_tell_which_objects_are_left_and_crowds_stay_to_be_ignored(sample_of):
    image = np.zeros((100, 200, 3), np.uint8)
    boxes = [[10, 10, 30, 30], [120, 40, 190, 90], [0, 0, 200, 100], [60, 60, 90, 90]]
    sample = sample_of(boxes, crowd=[2])
    cropping = augmenter(crop_probability=1.0)
    found = [augmented(cropping, image, sample, seed)[2] for seed in range(100)]
    assert all(2 in rows and rows == sorted(rows) for rows in found)
    assert {len(rows) for rows in found} == {2, 3, 4}


def boxes_within(low, high):
    return hnp.arrays(
        np.float32,
        st.tuples(st.integers(0, 6), st.just(4)),
        elements=st.floats(low, high, width=32),
    )


@st.composite
def images(draw):
    """An image's size, and boxes: anywhere, at the very edge, tiny, or the whole image."""
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    boxes = draw(boxes_within(-0.25, 1.25))
    edges = st.sampled_from([0.0, 1e-7, 0.5, 0.5 + 1e-6, 1 - 1e-7, 1.0])
    on_edges = draw(st.lists(st.tuples(edges, edges, edges, edges), max_size=3))
    boxes = np.concatenate([boxes, np.array(on_edges, np.float32).reshape(-1, 4)])
    boxes = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), boxes[:, 2:]], axis=1)
    return height, width, boxes * np.array([width, height, width, height], np.float32)


def assert_sound(objects, count):
    boxes, rows = objects[:, :4], objects[:, 4]
    assert objects.dtype == np.float64 and objects.shape == (len(rows), 6)
    np.testing.assert_array_equal(boxes, boxes.astype(np.float32))
    assert ((boxes >= 0) & (boxes <= 1)).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert (np.diff(rows) > 0).all() and all(0 <= row < count for row in rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it keeps no state
@given(images(), st.integers(0, 2**63 - 1), st.booleans())
def test_no_image_and_no_box_makes_it_fail(sample_of, source, seed, is_ignored):
    height, width, boxes = source
    image = np.full((height, width, 3), 200, np.uint8)
    ignored = range(len(boxes)) if is_ignored else ()
    sample = sample_of(boxes, height=height, width=width, difficult=ignored)
    for full in (Augmenter(AugmentConfig(), 32), Augmenter(AugmentConfig(min_area=0), 32)):
        output, found = full.augment(image, objects_of(sample), seed)
        assert output.shape == (32, 32, 3)
        assert_sound(found, len(boxes))


@given(boxes_within(-3, 4), st.booleans(), st.floats(0, 1), st.floats(0, 0.5))
def test_the_filter_returns_boxes_inside_whatever_comes(boxes, is_ignored, visibility, min_area):
    bboxes = np.column_stack(
        [boxes.astype(np.float64), np.arange(len(boxes)), [is_ignored] * len(boxes)]
    )
    assert_sound(filter_boxes(bboxes, min_area, visibility), len(boxes))


@pytest.mark.parametrize(
    ("box", "ignored", "kept"),
    [
        pytest.param([0.2, 0.2, 0.4, 0.4], False, True, id="inside"),
        pytest.param([-0.1, 0.2, 0.1, 0.4], False, True, id="half of it"),
        pytest.param([-0.3, 0.2, 0.1, 0.4], False, True, id="a quarter, just enough"),
        pytest.param([-0.35, 0.2, 0.1, 0.4], False, False, id="less than a quarter"),
        pytest.param([-0.35, 0.2, 0.1, 0.4], True, True, id="less than a quarter, of a crowd"),
        pytest.param([0.2, 0.2, 0.21, 0.21], False, False, id="too small"),
        pytest.param([0.2, 0.2, 0.21, 0.21], True, True, id="too small, of a crowd"),
        pytest.param([0.2, 0.2, 0.2, 0.4], True, False, id="no width"),
        pytest.param([1.0, 0.2, 1.5, 0.4], True, False, id="beside the image"),
        pytest.param([np.nan, 0.2, 0.3, 0.4], True, False, id="not a number"),
    ],
)
def test_what_the_filter_keeps(box, ignored, kept):
    bboxes = np.array([[*box, 7, ignored]])
    left = filter_boxes(bboxes, min_area=0.001, min_visibility=0.25)
    assert left[:, 4:].tolist() == ([[7, ignored]] if kept else [])
    np.testing.assert_allclose(left[:, :4], np.clip([box], 0, 1)[: len(left)], rtol=1e-6)


COLOURS = np.array([[220, 20, 30], [20, 220, 30], [30, 20, 220], [210, 210, 20]], np.uint8)


def test_a_mosaic_shows_four_images_and_their_boxes_follow(sample_of):
    box = (40, 30, 130, 100)
    parts = [
        (painted(box, colour=colour), objects_of(sample_of([box], [label], height=120, width=160)))
        for label, colour in enumerate(COLOURS)
    ]
    sizes = set()
    for seed in range(20):
        image, objects = augmenter().mosaic(parts, np.random.default_rng(seed))
        assert image.shape == (128, 128, 3)
        sizes.add(len(objects))
        pixels = np.rint(objects[:, :4] * 128).astype(int).tolist()
        for (x1, y1, x2, y2), label in zip(pixels, objects[:, 4].astype(int), strict=True):
            near = np.abs(image.astype(int) - COLOURS[label]).max(axis=2) < 40
            assert near[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1].all()
            assert abs(int(near.sum()) - (x2 - x1) * (y2 - y1)) < 0.1 * near.sum() + 20
    assert sizes == {4}


def test_a_mosaic_is_large_enough_for_sharp_crops(sample_of):
    """Stripes of two pixels stay stripes in a crop of half of the sides."""
    stripes = np.zeros((192, 192, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    parts = [(stripes, objects_of(sample_of([[0, 0, 192, 192]], height=192, width=192)))] * 4
    for changes, side in (({}, 128), ({"crop_probability": 1.0}, 192)):
        image, objects = augmenter(**changes).mosaic(parts, np.random.default_rng(0))
        assert image.shape == (side, side, 3)
        assert len(objects) == 4 and objects[:, :4].max() == 1.0


def test_a_mosaic_keeps_what_is_known_of_each_object(sample_of):
    image = np.zeros((100, 200, 3), np.uint8)
    whole = [[0, 0, 200, 100]]
    samples = [
        sample_of(whole, [4]),
        sample_of([]),
        sample_of(whole, [6], crowd=[0]),
        sample_of(whole, [7], difficult=[0]),
    ]
    low = augmenter(min_visibility=0.0)
    parts = [(image, objects_of(one)) for one in samples]
    _, objects = low.mosaic(parts, np.random.default_rng(0))
    assert objects[:, 4].tolist() == [4, 6, 7]
    assert objects[:, 5].tolist() == [0, 1, 1]


def test_importing_and_using_it_makes_no_connection():
    code = """
import socket, sys
def refuse(*_, **__):
    sys.stderr.write("connected")
    raise AssertionError("a connection")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import numpy as np
from configs.schema import AugmentConfig
from training.batches.augment import Augmenter
assert "albumentations" not in sys.modules
Augmenter(AugmentConfig(), 32).augment(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 6)), 0)
import albumentations.check_version
assert "albumentations" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_real_images_of_every_kind_pass_through(test_data, sample_of):
    full = Augmenter(AugmentConfig(mosaic_probability=0.2), 300)
    for path in sorted((test_data / "data/coco/val2017").glob("*.jpg"))[:20]:
        image = read_image(path)
        height, width = image.shape[:2]
        boxes = [[0, 0, width, height], [width / 3, height / 3, width / 2, height / 2]]
        output, found = full.augment(image, objects_of(sample_of(boxes, None, height, width)), 1)
        assert output.shape == (300, 300, 3)
        assert_sound(found, 2)
