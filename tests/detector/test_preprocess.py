import numpy as np
import pytest

from detector.images import read_image
from detector.preprocess import resize, to_source_pixels


@pytest.mark.keras
def test_resize_agrees_with_tensorflow_bilinear_within_one_grey_level(test_data):
    """The rule by which the official model was trained, on real images."""
    import tensorflow as tf

    for path in sorted((test_data / "data/coco/val2017").glob("*.jpg"))[:5]:
        image = read_image(path)
        expected = tf.image.resize(image, (300, 300), method="bilinear", antialias=False)
        assert np.abs(resize(image, 300).astype(float) - expected.numpy()).max() <= 1.0


def test_resize_stretches_to_a_square():
    assert resize(np.zeros((10, 40, 3), np.uint8), 96).shape == (96, 96, 3)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((8, 8, 3), np.float32), id="float"),
        pytest.param(np.zeros((8, 8), np.uint8), id="no channels"),
        pytest.param(np.zeros((8, 8, 4), np.uint8), id="four channels"),
        pytest.param(np.zeros((0, 8, 3), np.uint8), id="empty"),
    ],
)
def test_anything_but_rgb_uint8_is_refused(image):
    with pytest.raises(ValueError, match=r"need a uint8 \(H, W, 3\) image"):
        resize(image, 96)


def test_fractions_become_pixels_inside_the_image():
    boxes = to_source_pixels(np.array([[-0.1, 0.25, 0.5, 1.2]]), height=200, width=100)
    assert boxes.dtype == np.float32
    np.testing.assert_allclose(boxes, [[0, 50, 50, 200]], atol=1e-5)
