from dataclasses import replace

import numpy as np
import pytest

from eval.scoring.bootstrap import WeightedAP, difference_intervals
from eval.scoring.eval_set import EvalImage
from eval.scoring.evaluator import evaluate
from eval.scoring.matching import find_outcomes


def with_unlike_scores(eval_set):
    """No two alike, so that no figure depends on how ties are broken."""
    rng = np.random.default_rng(1)
    images = []
    for image in eval_set.images:
        scores = np.sort(rng.random(len(image.detections)).astype(np.float32))[::-1]
        images.append(EvalImage(image.sample, replace(image.detections, scores=scores)))
    return replace(eval_set, images=images)


def each_once(eval_set) -> np.ndarray:
    return WeightedAP(find_outcomes(eval_set))(np.ones(len(eval_set.images), int))


def assert_equal_to_pycocotools(eval_set):
    ap, report = each_once(eval_set), evaluate(eval_set)
    assert np.nanmean(ap) == pytest.approx(report.figures["AP"], abs=1e-9)
    assert np.nanmean(ap[0]) == pytest.approx(report.figures["AP50"], abs=1e-9)
    assert np.nanmean(ap[5]) == pytest.approx(report.figures["AP75"], abs=1e-9)
    per_class = [one.AP if one.objects else np.nan for one in report.per_class.values()]
    assert ap.mean(axis=0) == pytest.approx(per_class, abs=1e-9, nan_ok=True)


def test_without_resampling_ap_is_that_of_pycocotools(reference):
    assert_equal_to_pycocotools(reference)


@pytest.mark.parametrize("seed", range(5))
def test_also_with_ties_and_crowds_and_a_class_without_objects(random_set_of, seed):
    eval_set = random_set_of(seed)
    more = replace(eval_set.classes, names=(*eval_set.classes.names, "absent"), category_ids=())
    assert_equal_to_pycocotools(replace(eval_set, classes=more))


@pytest.mark.parametrize("seed", range(5))
def test_a_weight_is_as_good_as_repeating_the_image(random_set_of, seed):
    eval_set = with_unlike_scores(random_set_of(seed))
    weights = np.random.default_rng(seed).integers(0, 4, len(eval_set.images))
    repeated = [
        image for image, times in zip(eval_set.images, weights, strict=True) for _ in range(times)
    ]
    renumbered = [
        EvalImage(replace(image.sample, image_id=number), image.detections)
        for number, image in enumerate(repeated, 1)
    ]
    weighted = WeightedAP(find_outcomes(eval_set))(weights)
    assert weighted == pytest.approx(each_once(replace(eval_set, images=renumbered)), abs=1e-9)


def test_a_class_that_is_not_drawn_has_no_figure(set_of, sample_of, found_of):
    box = [[0, 0, 50, 50]]
    eval_set = set_of(
        (sample_of(1, box, [0]), found_of(box, [0.9], [0])),
        (sample_of(2, box, [1]), found_of(box, [0.9], [1])),
    )
    ap = WeightedAP(find_outcomes(eval_set))(np.array([2, 0]))
    assert ap[:, 0].tolist() == pytest.approx([1] * 10)
    assert np.isnan(ap[:, 1]).all()


def test_detections_that_find_nothing_at_all(set_of, sample_of, found_of):
    eval_set = set_of(
        (sample_of(1, [[0, 0, 50, 50]], [0]), found_of([[99, 99, 150, 150]], [1], [0]))
    )
    assert each_once(eval_set)[:, 0].tolist() == [0] * 10


def test_equal_models_differ_by_nothing(random_set_of):
    outcomes = find_outcomes(random_set_of(0, images=30))
    intervals = difference_intervals(outcomes, outcomes, resamples=50)
    assert intervals.ap is not None
    assert (intervals.ap.low, intervals.ap.high) == (0, 0)
    assert not intervals.ap.excludes_zero


def of_half(eval_set):
    """Every second detection lost."""
    fewer = [EvalImage(p.sample, p.detections[::2]) for p in eval_set.images]
    return replace(eval_set, images=fewer)


def test_a_large_difference_is_more_than_noise(random_set_of):
    eval_set = random_set_of(0, images=40)
    blind = [EvalImage(p.sample, p.detections[:0]) for p in eval_set.images]
    better, worse = find_outcomes(eval_set), find_outcomes(replace(eval_set, images=blind))
    forth, back = (
        difference_intervals(*p, resamples=100) for p in ((better, worse), (worse, better))
    )
    assert forth.ap is not None
    assert back.ap is not None
    assert forth.ap.low > 0
    assert forth.ap.excludes_zero
    assert (back.ap.low, back.ap.high) == pytest.approx((-forth.ap.high, -forth.ap.low))


def test_the_interval_holds_the_difference_and_depends_on_the_seed_alone(reference):
    ours, theirs = find_outcomes(reference), find_outcomes(of_half(reference))
    first, again, other = (
        difference_intervals(ours, theirs, resamples=100, seed=seed) for seed in (0, 0, 1)
    )
    gain = np.nanmean(each_once(reference)) - np.nanmean(each_once(of_half(reference)))
    assert first == again
    assert first != other
    assert first.ap is not None
    assert first.ap.low < gain < first.ap.high


def test_with_few_images_there_is_no_interval(random_set_of):
    few = find_outcomes(random_set_of(0, images=5))
    intervals = difference_intervals(few, few, resamples=10)
    assert intervals.ap is intervals.ap50 is None
    assert intervals.per_class == (None,) * 3


def test_draws_without_any_object_are_left_out(set_of, sample_of, found_of):
    box = [[0, 0, 50, 50]]
    there = [(sample_of(i, box, [0]), found_of(box, [0.9], [0])) for i in range(1, 11)]
    empty = [(sample_of(i, [], []), found_of()) for i in range(11, 200)]
    outcomes = find_outcomes(set_of(*there, *empty))
    interval = difference_intervals(outcomes, outcomes, resamples=200).ap
    assert interval is not None
    assert interval.high == 0
