from dataclasses import replace

import numpy as np
import pytest

from eval.scoring.eval_set import EvalImage
from eval.scoring.evaluator import evaluate
from eval.scoring.matching import find_outcomes
from eval.scoring.ties import SHUFFLES, tie_range

HERE, THERE = [10, 10, 50, 50], [200, 200, 260, 260]


def range_of(eval_set, **more):
    return tie_range(eval_set, find_outcomes(eval_set), **more)


def test_a_true_and_a_false_detection_of_one_score_can_change_places(set_of, sample_of, found_of):
    """In two images: the true one first is AP 1, the false one first 1/2."""
    true = (sample_of(1, [HERE], [0]), found_of([HERE], [0.5], [0]))
    false = (sample_of(2, [], []), found_of([THERE], [0.5], [0]))
    found = range_of(set_of(true, false))
    assert list(found.AP) == pytest.approx([0.5, 1])
    assert list(found.AP50) == pytest.approx([0.5, 1])
    assert (found.detections, found.shuffles) == (2, SHUFFLES)


def test_so_can_two_of_one_image(set_of, sample_of, found_of):
    found = found_of([HERE, THERE], [0.5, 0.5], [0, 0])
    eval_set = set_of((sample_of(1, [HERE], [0]), found))
    assert list(range_of(eval_set).AP) == pytest.approx([0.5, 1])


def test_who_chooses_first_can_decide_what_the_other_finds(set_of, sample_of, found_of):
    """The long box fits either object; the short one, of the same score, only the first."""
    objects = [[0, 0, 100, 100], [0, 50, 100, 150]]
    found = found_of([[0, 20, 100, 120], [0, 0, 100, 90]], [0.5, 0.5], [0, 0])
    low, high = range_of(set_of((sample_of(1, objects, [0, 0]), found))).AP50
    assert low < high == pytest.approx(1)


@pytest.mark.parametrize(
    "detections",
    [
        pytest.param(([HERE, THERE], [0.5, 0.4], [0, 0]), id="unlike scores"),
        pytest.param(([HERE, THERE], [0.5, 0.5], [0, 1]), id="two classes"),
        pytest.param(([THERE, THERE], [0.5, 0.5], [0, 0]), id="both false"),
        pytest.param((), id="nothing found"),
    ],
)
def test_where_no_order_matters_none_is_tried(set_of, sample_of, found_of, detections):
    eval_set = set_of((sample_of(1, [HERE], [0]), found_of(*detections)))
    found = range_of(eval_set)
    assert (found.detections, found.shuffles) == (0, 0)
    assert found.AP[0] == found.AP[1] == pytest.approx(evaluate(eval_set).figures["AP"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_the_figure_itself_lies_in_the_range(random_set_of, seed):
    eval_set = random_set_of(seed)
    found = range_of(eval_set)
    assert found.AP[0] < found.AP[1]
    figures = evaluate(eval_set).figures
    for name, (low, high) in (("AP", found.AP), ("AP50", found.AP50)):
        assert low - 1e-12 <= figures[name] <= high + 1e-12


@pytest.mark.slow
def test_the_same_seed_gives_the_same_range(random_set_of):
    eval_set = random_set_of(3, images=6)
    assert range_of(eval_set) == range_of(eval_set)
    assert range_of(eval_set, shuffles=3) != range_of(eval_set, shuffles=3, seed=1)


@pytest.mark.slow
def test_coarser_scores_have_a_wider_range(random_set_of):
    """As those of int8 models: the fewer values they have, the more ties."""
    eval_set = random_set_of(5)
    widths = []
    for values in (1000, 10, 2):
        images = []
        for image in eval_set.images:
            scores = np.round(image.detections.scores * values) / np.float32(values)
            images.append(EvalImage(image.sample, replace(image.detections, scores=scores)))
        low, high = range_of(replace(eval_set, images=images)).AP
        widths.append(high - low)
    assert widths == sorted(widths)
    assert widths[2] > 0.01
