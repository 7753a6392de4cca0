from dataclasses import replace

import pytest

from eval.scoring.curves import COCO_SIZES, RATIOS, figures_of, size_bins
from eval.scoring.eval_set import EvalImage
from eval.scoring.evaluator import evaluate
from eval.scoring.matching import find_outcomes


def test_by_cocos_sizes_the_figures_are_pycocotools(reference):
    found = figures_of(COCO_SIZES, find_outcomes(reference, slices=COCO_SIZES), 0)
    wanted = evaluate(reference).figures
    assert [one.ap for one in found] == pytest.approx([wanted[k] for k in ("APs", "APm", "APl")])
    assert [one.objects for one in found] == [352, 301, 219]


@pytest.mark.parametrize("seed", range(4))
def test_also_with_crowds_and_areas_that_are_not_the_boxs(random_set_of, seed):
    eval_set = random_set_of(seed)
    outlined = [
        EvalImage(replace(p.sample, areas=p.sample.areas * 0.6), p.detections)
        for p in eval_set.images
    ]
    eval_set = replace(eval_set, images=outlined)
    found = figures_of(COCO_SIZES, find_outcomes(eval_set, slices=COCO_SIZES), 0)
    wanted = evaluate(eval_set).figures
    assert [one.ap for one in found] == pytest.approx([wanted[k] for k in ("APs", "APm", "APl")])


def test_a_slice_without_objects_has_no_figure(set_of, sample_of, found_of):
    eval_set = set_of((sample_of(1, [[0, 0, 200, 200]], [0]), found_of()))
    small, _, large = figures_of(COCO_SIZES, find_outcomes(eval_set, slices=COCO_SIZES), 0)
    assert (small.objects, small.ap, small.ap50) == (0, -1, -1)
    assert (large.objects, large.ap) == (1, 0)


def squares(set_of, sample_of, found_of, sides):
    boxes = [[0, 0, side, side] for side in sides]
    return set_of((sample_of(1, boxes, [0] * len(boxes)), found_of()))


def test_bins_hold_as_many_objects_each(set_of, sample_of, found_of):
    eval_set = squares(set_of, sample_of, found_of, range(10, 110))
    bins = size_bins(eval_set)
    counts = [one.objects for one in figures_of(bins, find_outcomes(eval_set, slices=bins), 0)]
    assert counts == [20] * 5
    assert [one.name for one in bins][::4] == ["under 30", "over 90"]


@pytest.mark.parametrize(
    ("sides", "counts"),
    [
        pytest.param([50] * 9, [9], id="one size"),
        pytest.param([50] * 9 + [60], [9, 1], id="nearly one size"),
        pytest.param([20, 40], [1, 1], id="two objects"),
        pytest.param([20], [1], id="one object"),
    ],
)
def test_objects_of_one_size_stay_together(set_of, sample_of, found_of, sides, counts):
    eval_set = squares(set_of, sample_of, found_of, sides)
    bins = size_bins(eval_set)
    assert [s.objects for s in figures_of(bins, find_outcomes(eval_set, slices=bins), 0)] == counts


def test_by_shape(set_of, sample_of, found_of):
    boxes = [[0, 0, 10, 100], [200, 0, 300, 100], [0, 200, 100, 210]]
    eval_set = set_of((sample_of(1, boxes, [0] * 3), found_of(boxes[:1], [0.9], [0])))
    found = figures_of(RATIOS, find_outcomes(eval_set, slices=RATIOS), 0)
    assert [one.objects for one in found] == [1, 0, 1, 0, 1]
    assert [one.ap for one in found] == pytest.approx([1, -1, 0, -1, 0])


def test_every_object_of_the_reference_has_a_shape(reference):
    found = figures_of(RATIOS, find_outcomes(reference, slices=RATIOS), 0)
    on_an_edge = 2  # 10 x 30 and 46.22 x 69.33 px; bounds are inclusive
    assert sum(one.objects for one in found) == 872 + on_an_edge
