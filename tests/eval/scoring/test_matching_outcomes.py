import numpy as np
import pytest

from eval.scoring.matching import EVERYTHING, Slice, find_outcomes, ratios


def test_each_class_has_its_detections_best_first(set_of, sample_of, found_of):
    box = [10, 10, 60, 60]
    eval_set = set_of(
        (sample_of(1, [box], [0]), found_of([box, box], [0.3, 0.9], [0, 1])),
        (sample_of(2, [], []), found_of([box], [0.6], [0])),
    )
    cat, dog = find_outcomes(eval_set)
    assert cat.scores.tolist() == pytest.approx([0.6, 0.3])
    assert cat.images.tolist() == [1, 0]
    assert cat.is_true[0, 0].tolist() == [False, True]
    assert cat.objects.tolist() == [[1, 0]]
    assert dog.is_true[0, 0].tolist() == [False]
    assert dog.objects.tolist() == [[0, 0]]


def test_equal_scores_stand_in_the_order_of_image_ids(set_of, sample_of, found_of):
    found = found_of([[0, 0, 9, 9]], [0.5], [0])
    cat, _ = find_outcomes(set_of((sample_of(7, [], []), found), (sample_of(3, [], []), found)))
    assert cat.images.tolist() == [1, 0]


def test_detections_on_crowds_are_ignored(set_of, sample_of, found_of):
    sample = sample_of(1, [[0, 0, 100, 100]], [0], crowd=[0])
    cat, _ = find_outcomes(set_of((sample, found_of([[0, 0, 50, 50]], [0.5], [0]))))
    assert cat.is_ignored.all()
    assert not cat.is_true.any()
    assert cat.objects.sum() == 0


def test_outside_a_slice_objects_and_lone_detections_are_ignored(set_of, sample_of, found_of):
    large, small, lone = [0, 0, 100, 100], [200, 200, 210, 210], [300, 300, 309, 309]
    sample = sample_of(1, [large, small], [0, 0])
    eval_set = set_of((sample, found_of([large, small, lone], [0.9, 0.8, 0.7], [0] * 3)))
    cat, _ = find_outcomes(eval_set, slices=(EVERYTHING, Slice("large", "area", 1000, 1e10)))
    assert cat.objects[:, 0].tolist() == [2, 1]
    assert cat.is_true[:, 0].tolist() == [[True, True, False], [True, False, False]]
    assert cat.is_ignored[:, 0].tolist() == [[False] * 3, [False, True, True]]


def test_ratios_are_width_over_height():
    boxes_xywh = np.array([[0, 0, 20, 10], [5, 5, 1, 4], [0, 0, 10, 0]], np.float64)
    assert ratios(boxes_xywh).tolist() == [2, 0.25, np.inf]
