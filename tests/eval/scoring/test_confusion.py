from dataclasses import replace

import numpy as np
import pytest

from eval.scoring.confusion import confusion_matrix, judge, judge_all, normalised
from eval.scoring.curves import at_threshold, joined_curve
from eval.scoring.eval_set import EvalImage
from eval.scoring.matching import find_outcomes

A, B, NOWHERE = [0, 0, 100, 100], [300, 300, 400, 400], [500, 0, 600, 100]
CAT, DOG, BACKGROUND = 0, 1, 2


@pytest.fixture
def image(sample_of, found_of):
    def make(labels, *found, crowd=()):
        """Objects A and B of these labels; detections as (box, score, label)."""
        boxes, scores, named = zip(*found, strict=True) if found else ((), (), ())
        return sample_of(1, [A, B], labels, crowd=crowd), found_of(boxes, scores, named)

    return make


def test_true_positives_misses_and_false_positives(image):
    one = judge(EvalImage(*image([CAT, DOG], (A, 0.9, CAT), (NOWHERE, 0.8, DOG))), 0.5)
    assert one.found.tolist() == [[0, 0]]
    assert one.missed.tolist() == [1]
    assert one.false_positives.tolist() == [1]
    assert one.misclassified.tolist() == []
    assert one.errors == 2


def test_a_misclassified_object_is_a_miss_and_a_false_positive(image):
    one = judge(EvalImage(*image([CAT, DOG], (A, 0.9, CAT), (B, 0.8, CAT))), 0.5)
    assert one.misclassified.tolist() == [[1, 1]]
    assert one.errors == 2


def test_the_threshold_itself_is_kept(image):
    one = EvalImage(*image([CAT, DOG], (A, 0.3, CAT)))
    assert len(judge(one, float(np.float32(0.3))).found) == 1
    assert len(judge(one, 0.31).found) == 0


def test_the_threshold_itself_is_kept_of_scores_in_float64(image):
    """As a file has them: 0.6 in float32 is a little more than 0.6."""
    sample, found = image([CAT, DOG], (A, 0.6, CAT))
    exact = replace(found, boxes=found.boxes.astype(float), scores=np.array([0.6]))
    assert len(judge(EvalImage(sample, exact), 0.6).found) == 1


def test_the_right_class_goes_before_a_better_box(image):
    slightly_off = [0, 0, 100, 80]
    one = judge(EvalImage(*image([CAT, DOG], (A, 0.9, DOG), (slightly_off, 0.5, CAT))), 0.4)
    assert one.found.tolist() == [[0, 1]]
    assert one.false_positives.tolist() == [0]
    assert one.misclassified.tolist() == []


def test_each_object_is_misclassified_once_only(image):
    close, closer = [300, 300, 400, 380], [300, 300, 400, 390]
    one = judge(EvalImage(*image([CAT, DOG], (close, 0.9, CAT), (closer, 0.8, CAT))), 0.5)
    assert one.misclassified.tolist() == [[1, 1]]


def test_ignored_objects_and_what_lies_on_them_do_not_appear(image):
    found = [(B, 0.9, DOG), ([310, 310, 320, 320], 0.8, DOG)]
    one = judge(EvalImage(*image([CAT, DOG], *found, crowd=[1])), 0.5)
    assert one.missed.tolist() == [0]
    assert one.errors == 1


def test_the_matrix_has_truth_in_rows(set_of, image):
    eval_set = set_of(
        image([CAT, DOG], (A, 0.9, CAT), (B, 0.8, CAT)),
        image([DOG, DOG], (A, 0.9, DOG), (NOWHERE, 0.9, CAT), (B, 0.1, DOG)),
    )
    counts = confusion_matrix(eval_set, judge_all(eval_set, 0.5))
    assert counts.tolist() == [[1, 0, 0], [1, 1, 1], [1, 0, 0]]
    assert normalised(counts)[DOG].tolist() == pytest.approx([1 / 3] * 3)
    assert normalised(np.zeros((2, 2), int)).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0, 0.4, 0.9])
def test_the_matrix_agrees_with_precision_and_recall(random_set_of, seed, threshold):
    eval_set = random_set_of(seed)
    counts = confusion_matrix(eval_set, judge_all(eval_set, threshold))
    joined = joined_curve(find_outcomes(eval_set))
    figures = at_threshold(joined, float(np.float32(threshold)))
    assert counts[:-1].sum() == joined.objects
    assert counts.trace() / joined.objects == pytest.approx(figures.recall)
    assert counts.trace() / max(1, counts[:, :-1].sum()) == pytest.approx(figures.precision)
    assert counts[BACKGROUND + 1, BACKGROUND + 1] == 0
