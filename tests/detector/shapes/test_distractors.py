import numpy as np
import pytest

from detector.shapes import distractors
from detector.shapes.distractors import draw_distractor, draw_word

pytestmark = pytest.mark.slow  # hundreds of images are drawn


@pytest.mark.parametrize("draw", distractors._DRAWERS)
def test_every_distractor_lies_in_the_unit_frame(draw):
    for seed in range(20):
        points = np.concatenate(draw(np.random.default_rng(seed)))
        assert points.ndim == 2 and points.shape[1] == 2
        assert np.abs(points).max() < 1.1


def test_only_what_is_closed_can_be_filled():
    drawn = [draw_distractor(np.random.default_rng(seed)) for seed in range(60)]
    assert 0 < sum(outline.polygon is None for outline in drawn) < len(drawn)
    for outline in drawn:
        if outline.polygon is not None:
            np.testing.assert_allclose(outline.sides[0][0], outline.sides[-1][-1], atol=1e-9)


@pytest.mark.parametrize("size", [8.0, 40.0, 300.0])
def test_a_word_is_not_cut_at_the_edge_of_its_mask(size):
    for seed in range(20):
        mask = draw_word(np.random.default_rng(seed), size).masks[..., 0]
        assert mask.any()
        assert not np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).any()
