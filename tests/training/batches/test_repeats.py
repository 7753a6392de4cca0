import math

import numpy as np
import pytest

from configs.schema import Config
from detector.data.lazy_samples import Selection
from training.batches.repeats import (
    draw,
    images_shown,
    repeat_factors,
    repeats_in_words,
    steps_per_epoch,
)


def by_the_paper(samples, threshold) -> list[float]:
    """Gupta et al. 2019, appendix B.2, step by step."""
    learnt = [
        {
            int(label)
            for label, off in zip(s.labels, s.is_crowd | s.is_difficult, strict=True)
            if not off
        }
        for s in samples
    ]
    factors = []
    for classes in learnt:
        factor = 1.0
        for one in classes:
            share = sum(one in others for others in learnt) / len(samples)
            factor = max(factor, math.sqrt(threshold / share))
        factors.append(factor)
    return factors


@pytest.fixture
def shop(sample_of):
    """Ten images: bolts (0) in all but one, two with a nut (1) as well, one with a coin (2)."""
    box = [10, 10, 50, 50]
    return [
        *(sample_of([box, box], [0, 0]) for _ in range(6)),
        *(sample_of([box, box], [0, 1]) for _ in range(2)),
        sample_of([box, box], [0, 2]),
        sample_of([]),
    ]


def test_factors_by_hand(shop):
    factors = repeat_factors(shop, 0.4)
    np.testing.assert_allclose(factors, [1] * 6 + [math.sqrt(2)] * 2 + [2, 1])
    assert factors.dtype == np.float64


@pytest.mark.parametrize("threshold", [0.001, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_factors_are_those_of_the_paper(sample_of, threshold, seed):
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(40):
        count = int(rng.integers(0, 5))
        labels = np.minimum(rng.geometric(0.4, count) - 1, 6)
        crowd, difficult = (np.flatnonzero(rng.random(count) < 0.2) for _ in range(2))
        samples.append(sample_of([[1, 1, 9, 9]] * count, labels, crowd=crowd, difficult=difficult))
    expected = by_the_paper(samples, threshold)
    np.testing.assert_allclose(repeat_factors(samples, threshold), expected)
    lazy = Selection(samples, np.arange(40))
    np.testing.assert_allclose(repeat_factors(lazy, threshold), expected)


def test_without_a_threshold_every_image_is_shown_once(shop):
    np.testing.assert_array_equal(repeat_factors(shop, 0.0), np.ones(10))
    indices, before = draw(np.ones(10), np.random.default_rng(0))
    np.testing.assert_array_equal(indices, np.random.default_rng(0).permutation(10))
    assert not before.any()


def test_an_image_is_shown_as_often_as_its_factor_says(shop):
    """Its whole part in every epoch, and once more in a share of them."""
    factors = np.array([1, 1.25, 1.5, 2.9, 3, 1.1])
    epochs = 2000
    counts = np.array(
        [
            np.bincount(draw(factors, np.random.default_rng(i))[0], minlength=6)
            for i in range(epochs)
        ]
    )
    assert (counts >= np.floor(factors)).all() and (counts <= np.ceil(factors)).all()
    four_deviations = 4 * 0.5 / math.sqrt(epochs)
    np.testing.assert_allclose(counts.mean(axis=0), factors, atol=four_deviations)
    lengths = counts.sum(axis=1)
    assert images_shown(factors) == 11 and set(lengths.tolist()) == {10, 11}  # of 10.75


@pytest.mark.parametrize("seed", range(5))
def test_an_epoch_never_has_more_images_than_there_is_room_for(seed):
    rng = np.random.default_rng(seed)
    factors = 1 + 3 * rng.random(200) ** 4
    for epoch in range(50):
        assert len(draw(factors, np.random.default_rng(epoch))[0]) in (
            images_shown(factors) - 1,
            images_shown(factors),
        )


def test_an_epoch_of_factors_of_a_whole_sum_is_always_as_long():
    factors = np.full(8, 1.5)
    lengths = {len(draw(factors, np.random.default_rng(i))[0]) for i in range(200)}
    assert lengths == {images_shown(factors)} == {12}


def test_repetitions_are_counted_and_spread():
    factors = np.array([4.0, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    indices, before = draw(factors, np.random.default_rng(3))
    assert sorted(before[indices == 0].tolist()) == [0, 1, 2, 3]
    assert not before[indices != 0].any()
    places = {
        tuple(np.flatnonzero(draw(factors, np.random.default_rng(i))[0] == 0)) for i in range(9)
    }
    assert len(places) > 1


def test_the_effect_in_words(shop):
    names = ("bolt", "nut", "coin", "washer")
    assert repeats_in_words(shop, names, 0.0) == ""
    assert repeats_in_words(shop, names, 0.4) == (
        "12 images an epoch, as rare classes are shown more often: coin 2.00x, nut 1.41x, "
        "bolt 1.20x"
    )
    assert repeats_in_words(shop, names, 0.1) == (
        "every image is shown once: no class is in less than 10.00% of them"
    )


def test_of_many_rare_classes_the_rarest_are_named(sample_of):
    samples = [sample_of([[1, 1, 9, 9]], [label]) for label in range(8) for _ in range(label + 1)]
    said = repeats_in_words(samples, "abcdefgh", 1.0)
    assert said.endswith(": a 6.00x, b 4.24x, c 3.46x, d 3.00x, e 2.68x and 3 classes more")


def test_steps_hold_the_images_shown(shop):
    """Six, two at the square root of two, one twice, one: 11.8."""

    def steps(threshold, batch_size):
        loader = {"batch_size": batch_size, "repeat_threshold": threshold}
        return steps_per_epoch(shop, Config.model_validate({"loader": loader}))

    assert [steps(0.0, 5), steps(0.4, 5), steps(0.4, 6), steps(0.4, 11)] == [2, 3, 2, 2]
