import numpy as np
import pytest

from eval.scoring.curves import Curve, at_threshold, best_threshold, curve_of, joined_curve
from eval.scoring.evaluator import evaluate
from eval.scoring.matching import find_outcomes


def curve(is_true, objects, scores=None) -> Curve:
    scores = np.linspace(0.9, 0.1, len(is_true)) if scores is None else np.array(scores)
    return Curve(scores, np.cumsum(np.array(is_true, int)), objects)


def test_precision_and_recall_by_hand():
    one = curve([1, 0, 1], objects=4)
    assert one.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert one.recall.tolist() == [0.25, 0.25, 0.5]


def test_ap_reads_the_best_precision_at_101_recalls():
    # Recalls 0 ... 0.25 have precision 1, those up to 0.5 have 2/3, the rest is not reached.
    assert curve([1, 0, 1], objects=4).ap == pytest.approx((26 + 25 * 2 / 3) / 101)


@pytest.mark.parametrize(
    ("is_true", "objects", "ap"),
    [
        pytest.param([], 0, -1, id="nothing there"),
        pytest.param([0], 0, -1, id="no objects"),
        pytest.param([], 3, 0, id="no detections"),
        pytest.param([0, 0], 3, 0, id="none true"),
        pytest.param([1, 1], 2, 1, id="perfect"),
    ],
)
def test_ap_at_the_ends(is_true, objects, ap):
    assert curve(is_true, objects).ap == pytest.approx(ap)


@pytest.mark.parametrize("seed", range(4))
def test_the_ap_of_each_class_is_that_of_pycocotools(random_set_of, seed):
    eval_set = random_set_of(seed)
    for one, figures in zip(
        find_outcomes(eval_set), evaluate(eval_set).per_class.values(), strict=True
    ):
        assert curve_of(one).ap == pytest.approx(figures.AP50, abs=1e-12)
        assert curve_of(one, level=5).ap == pytest.approx(figures.AP75, abs=1e-12)


def test_the_best_threshold_by_hand():
    # F1 at the ends of each score: 2*1/(1+3), 2*1/(2+3), 2*3/(4+3).
    advice = best_threshold(curve([1, 0, 1, 1, 0], 3, [0.9, 0.8, 0.6, 0.6, 0.2]))
    assert advice is not None
    assert advice.threshold == 0.6
    assert advice.f1 == pytest.approx(6 / 7)
    assert advice.precision == pytest.approx(3 / 4)
    assert advice.recall == 1


def test_detections_of_one_score_are_kept_or_left_together():
    advice = best_threshold(curve([1, 0, 0, 0], 1, [0.5] * 4))
    assert advice is not None
    assert advice.precision == 0.25


@pytest.mark.parametrize(("is_true", "objects"), [([], 2), ([0, 0], 2), ([0], 0)])
def test_where_nothing_is_found_there_is_no_advice(is_true, objects):
    assert best_threshold(curve(is_true, objects)) is None


@pytest.mark.parametrize("seed", range(4))
def test_no_other_threshold_is_better(random_set_of, seed):
    joined = joined_curve(find_outcomes(random_set_of(seed)))
    best = best_threshold(joined)
    assert best is not None
    others = [at_threshold(joined, score) for score in np.linspace(0, 1, 101)]
    assert best.f1 >= max(other.f1 for other in others)
    assert at_threshold(joined, best.threshold) == best


def test_a_score_equal_to_the_threshold_is_kept():
    one = curve([1, 1], 2, [0.75, 0.5])
    assert at_threshold(one, 0.75).recall == 0.5
    assert at_threshold(one, 0.8).recall == 0


def test_all_classes_together_count_every_object_alike(set_of, sample_of, found_of):
    boxes = [[0, 0, 50, 50], [100, 0, 150, 50], [200, 0, 250, 50]]
    found = found_of(boxes, [0.9, 0.5, 0.7], [0, 1, 0])
    joined = joined_curve(find_outcomes(set_of((sample_of(1, boxes, [0, 1, 1]), found))))
    assert joined.objects == 3
    assert joined.true.tolist() == [1, 1, 2]
