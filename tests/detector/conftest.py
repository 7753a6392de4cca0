"""What the tests of more than one file share."""

import numpy as np
import pytest
from PIL import Image

from detector.types import Detections

# ---- reading and writing images: test_images*.py

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture
def corners() -> np.ndarray:
    """An image wider than high: red, green / blue, white, each a quarter; uint8 (32, 48, 3)."""
    quarters = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8)
    return quarters.repeat(16, axis=0).repeat(24, axis=1)


@pytest.fixture
def red() -> Image.Image:
    return Image.new("RGB", (8, 6), RED)


@pytest.fixture
def assert_image():
    """An RGB image of its own: `assert_image(image, height, width)`."""

    def check(image: np.ndarray, height: int, width: int) -> None:
        assert (image.dtype, image.shape) == (np.uint8, (height, width, 3))
        assert image.flags.writeable and image.flags.c_contiguous

    return check


@pytest.fixture
def assert_shows_corners(assert_image):
    """The four quarters of `corners` are where they were, and have their colours."""

    def check(image: np.ndarray, tolerance: int) -> None:
        assert_image(image, 32, 48)
        seen = [image[8, 12], image[8, 36], image[24, 12], image[24, 36]]
        np.testing.assert_allclose(seen, [RED, GREEN, BLUE, WHITE], atol=tolerance)

    return check


# ---- drawing: test_draw*.py


@pytest.fixture
def grey():
    """An image of one grey: `grey(height, width, level)`."""

    def make(height: int, width: int, level: int = 128) -> np.ndarray:
        return np.full((height, width, 3), level, np.uint8)

    return make


@pytest.fixture
def found():
    """Detections of one class at the given boxes, best first: `found(*boxes, label=0)`."""

    def make(*boxes, label: int = 0) -> Detections:
        count = len(boxes)
        scores = np.linspace(0.9, 0.5, count, dtype=np.float32)
        return Detections(np.array(boxes, np.float32).reshape(-1, 4), scores, np.full(count, label))

    return make


@pytest.fixture
def is_colour():
    """Which pixels have a colour: `is_colour(image, colour)`."""
    return lambda image, colour: (image == colour).all(axis=-1)
