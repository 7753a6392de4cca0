"""The bench of slices, small: nine drawn images, and the model that comes with the program."""

import pytest

from tests.bench.bench_slices import main

pytestmark = pytest.mark.slow


def test_tiles_find_in_a_mosaic_what_is_found_in_its_images():
    figures = main(
        ["shapes", "shapes", "--columns", "3", "--slice", "320", "--runtime", "tflite-int8"]
    )
    single, whole, tiles = (one["AP50"] for one in figures.values())
    assert whole < 0.5 * single
    assert tiles > single - 0.1
