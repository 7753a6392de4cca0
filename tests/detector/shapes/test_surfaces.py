import numpy as np
import pytest

from detector.shapes.surfaces import SURFACES, draw_surface, specks

pytestmark = pytest.mark.slow  # hundreds of images are drawn


@pytest.mark.parametrize("kind", SURFACES)
@pytest.mark.parametrize("size_hw", [(61, 97), (240, 320), (400, 96)])
def test_every_surface_fills_any_size(kind, size_hw):
    image = draw_surface(np.random.default_rng(0), size_hw, kind)
    assert image.shape == (*size_hw, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize("kind", SURFACES)
def test_no_two_surfaces_are_alike(kind):
    first, second = (draw_surface(np.random.default_rng(s), (60, 80), kind) for s in (0, 1))
    assert np.any(first != second)


def test_specks_are_normal():
    noise = specks(np.random.default_rng(0), (400, 500))
    assert noise.dtype == np.float32
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(1, abs=0.02)
