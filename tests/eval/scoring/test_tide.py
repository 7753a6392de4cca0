import numpy as np
import pytest

from eval.scoring.evaluator import evaluate
from eval.scoring.tide import KINDS, split_errors

A, B = [0, 0, 100, 100], [300, 300, 400, 400]
NEAR_B = [350, 300, 450, 400]  # IoU 1/3 with B
NOWHERE = [500, 0, 600, 100]
CAT, DOG = 0, 1
HALF = 51 / 101  # AP of one object of two, found without a false detection


@pytest.fixture
def split(set_of, sample_of, found_of):
    def make(labels, *found, crowd=()):
        """Objects A and B of these labels; detections as (box, score, label)."""
        boxes, scores, named = zip(*found, strict=True) if found else ((), (), ())
        sample = sample_of(1, [A, B], labels, crowd=crowd)
        return split_errors(set_of((sample, found_of(boxes, scores, named))), threshold=0.85)

    return make


def costs(errors) -> dict[str, float]:
    """Those that cost something."""
    return {kind: cost for kind, cost in errors.costs.items() if cost}


def test_a_detection_on_nothing(split):
    errors = split([CAT, CAT], (NOWHERE, 0.9, CAT), (A, 0.8, CAT), (B, 0.7, CAT))
    assert errors.ap50 == pytest.approx(2 / 3)  # the best precision at every recall
    assert costs(errors) == pytest.approx({"background": 1 / 3})
    assert errors.false_positives == pytest.approx(1 / 3)
    assert errors.false_negatives == 0


def test_a_duplicate(split):
    errors = split([CAT, CAT], (A, 0.9, CAT), ([0, 0, 100, 90], 0.8, CAT), (B, 0.7, CAT))
    assert errors.ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert costs(errors) == pytest.approx({"duplicate": 1 - errors.ap50})


def test_a_box_in_the_wrong_place(split):
    errors = split([CAT, CAT], (A, 0.9, CAT), (NEAR_B, 0.8, CAT))
    assert errors.ap50 == pytest.approx(HALF)
    # B is not missed: the repaired box finds it.
    assert costs(errors) == pytest.approx({"localisation": 1 - HALF})
    assert errors.false_negatives == pytest.approx(1 - HALF)


def test_a_wrong_class(split):
    errors = split([CAT, DOG], (A, 0.9, CAT), (B, 0.8, CAT))
    assert errors.ap50 == pytest.approx(0.5)  # 1 for cats, where the error comes last; 0 for dogs
    assert costs(errors) == pytest.approx({"classification": 0.5})


def test_wrong_class_and_wrong_place(split):
    errors = split([CAT, DOG], (NEAR_B, 0.9, CAT), (A, 0.8, CAT))
    assert errors.ap50 == pytest.approx(0.25)  # 1/2 for cats, 0 for dogs
    # Without that detection cats have 1; without the dog to be found dogs have 1.
    assert costs(errors) == pytest.approx({"both": 0.25, "missed": 0.5})


def test_a_missed_object(split):
    errors = split([CAT, CAT], (A, 0.9, CAT))
    assert costs(errors) == pytest.approx({"missed": 1 - HALF})
    assert errors.counts["missed"] == 1


def test_the_first_kind_that_fits_counts(split):
    # Near B as a cat would be "both", were it not over A at IoU 1/9 as well.
    errors = split([CAT, DOG], ([0, 80, 100, 180], 0.9, CAT))
    assert errors.counts["localisation"] == 1
    assert sum(errors.counts.values()) == 1 + 1  # and the dog is missed


def test_of_two_detections_for_one_object_the_better_is_repaired(split):
    errors = split([CAT, CAT], (A, 0.9, CAT), (NEAR_B, 0.8, CAT), ([250, 300, 350, 400], 0.7, CAT))
    assert errors.counts["localisation"] == 2
    assert errors.costs["localisation"] == pytest.approx(1 - HALF)  # the other one is gone


def test_a_detection_on_a_crowd_is_no_error(split):
    errors = split([CAT, CAT], (A, 0.9, CAT), ([310, 310, 350, 350], 0.95, CAT), crowd=[1])
    assert errors.ap50 == pytest.approx(1)
    assert costs(errors) == {}
    assert sum(errors.counts.values()) == 0


def test_a_perfect_detector_has_nothing_to_gain(split):
    errors = split([CAT, DOG], (A, 0.9, CAT), (B, 0.8, DOG))
    assert costs(errors) == {}
    assert (errors.ap50, errors.false_positives, errors.false_negatives) == pytest.approx((1, 0, 0))


def test_where_nothing_is_detected_everything_is_missed(split):
    errors = split([CAT, DOG])
    assert costs(errors) == {"missed": 1}
    assert errors.counts["missed"] == 2


def test_confident_errors_are_counted_apart(split):
    errors = split([CAT, CAT], (NOWHERE, 0.9, CAT), (NOWHERE, 0.8, CAT), (A, 0.7, CAT))
    assert errors.counts["background"] == 2
    assert errors.confident["background"] == 1


@pytest.mark.parametrize("seed", range(5))
def test_what_it_starts_from_is_ap50(random_set_of, seed):
    eval_set = random_set_of(seed)
    errors = split_errors(eval_set)
    assert errors.ap50 == pytest.approx(evaluate(eval_set).figures["AP50"], abs=1e-12)
    assert set(errors.costs) == set(KINDS)
    assert all(0 <= cost <= 1 - errors.ap50 for cost in errors.costs.values())


def test_the_split_of_the_reference_is_that_of_tidecv(reference):
    """Figures of tidecv 1.0.1 on the same detections, in percent."""
    errors = split_errors(reference)
    theirs = {
        "classification": 3.7999387426286475,
        "localisation": 8.50239074463125,
        "both": 0.28991857144471567,
        "duplicate": 0.47814915252887147,
        "background": 1.9795173077305108,
    }
    assert errors.ap50 == pytest.approx(0.5182171705128733, abs=1e-12)
    for kind, cost in theirs.items():
        assert errors.costs[kind] == pytest.approx(cost / 100, abs=1e-12)
    assert errors.false_positives == pytest.approx(0.11643629483366148, abs=1e-12)
    # tidecv reads precision at k / 100 where pycocotools has numpy's linspace, which differ in the
    # last bit: a recall of exactly 0.29 may count for one and not for the other.
    assert errors.costs["missed"] == pytest.approx(0.09520293892190729, abs=1e-4)
    assert errors.false_negatives == pytest.approx(0.2637035565470419, abs=1e-4)


def test_with_the_recalls_of_tidecv_all_of_its_figures_come_out(reference, monkeypatch):
    monkeypatch.setattr("eval.scoring.curves.RECALLS", np.arange(101) / 100)
    errors = split_errors(reference)
    assert errors.costs["missed"] == pytest.approx(0.09520293892190729, abs=1e-12)
    assert errors.false_negatives == pytest.approx(0.2637035565470419, abs=1e-12)
