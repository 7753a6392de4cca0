import numpy as np
import pytest

from detector.shapes.camera_effects import photograph

pytestmark = pytest.mark.slow  # hundreds of images are drawn

SQUARE = np.s_[40:90, 60:130]


@pytest.fixture
def page():
    image = np.full((150, 200, 3), 230, np.uint8)
    image[SQUARE] = 20
    return image


def test_without_strength_nothing_changes(page):
    np.testing.assert_array_equal(photograph(page, np.random.default_rng(0), 0.0, 50), page)


@pytest.mark.parametrize("seed", range(25))
def test_nothing_moves(page, seed):
    image = photograph(page, np.random.default_rng(seed), 1.0, 50).astype(float).mean(axis=2)
    assert image.shape == (150, 200)
    rows, columns = (image[45:85].mean(axis=0), image[:, 65:125].mean(axis=1))
    for profile, first, last in ((rows, 60, 130), (columns, 40, 90)):
        inner, outer = (
            profile[first + 12 : last - 12].mean(),
            profile[first - 25 : first - 12].mean(),
        )
        below = np.flatnonzero(profile[first - 12 : last + 12] < (inner + outer) / 2) + first - 12
        assert below[0] == pytest.approx(first, abs=2)


def test_a_poor_camera_changes_much_and_a_good_one_little(page):
    def change(strength):
        images = [photograph(page, np.random.default_rng(s), strength, 50) for s in range(20)]
        return np.mean([np.abs(image.astype(int) - page).mean() for image in images])

    assert change(0.1) < 0.35 * change(1.0)


def test_small_things_stay_legible():
    page = np.full((150, 200, 3), 230, np.uint8)
    page[60:64, 60:110] = 20
    for seed in range(25):
        image = photograph(page, np.random.default_rng(seed), 1.0, smallest=10).mean(axis=2)
        assert image[45:55, 70:100].mean() - image[61:63, 70:100].mean() > 20
