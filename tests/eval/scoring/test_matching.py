import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from eval.scoring.coco_form import ground_truth, results
from eval.scoring.curves import COCO_SIZES
from eval.scoring.eval_set import EvalImage
from eval.scoring.matching import EVERYTHING, left_out, match, overlaps

IOUS = np.linspace(0.5, 0.95, 10)


def matches_of_pycocotools(eval_set):
    """(slice, threshold, detection's place in the results) -> object's place in the truth."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = ground_truth(eval_set)
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results(eval_set)), "bbox")
        evaluation.evaluate()
    ranges = evaluation.params.areaRng
    return {
        (ranges.index(one["aRng"]), level, detection - 1): int(one["dtMatches"][level, column]) - 1
        for one in evaluation.evalImgs
        if one is not None
        for column, detection in enumerate(one["dtIds"])
        for level in range(len(IOUS))
    }


def matches_of_ours(eval_set):
    found, objects, detections = {}, 0, 0
    for image in eval_set.images:
        compared = overlaps(image)
        matched = match(compared, IOUS, left_out(image, (EVERYTHING, *COCO_SIZES)))
        for (part, level, column), row in np.ndenumerate(matched):
            place = objects + int(row) if row >= 0 else -1
            found[part, level, detections + int(compared.rows[column])] = place
        objects += len(image.sample)
        detections += len(image.detections)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_every_match_equals_that_of_pycocotools(random_set_of, seed):
    eval_set = random_set_of(seed)
    assert matches_of_ours(eval_set) == matches_of_pycocotools(eval_set)


def test_on_real_detections_too(reference):
    some = replace(reference, images=reference.images[:40])
    assert matches_of_ours(some) == matches_of_pycocotools(some)


def matched(sample, detections, iou=0.5) -> list[int]:
    return match(overlaps(EvalImage(sample, detections)), np.array([iou]))[0, 0].tolist()


def test_the_better_score_chooses_first(sample_of, found_of):
    sample = sample_of(1, [[0, 0, 100, 100]], [0])
    found = found_of([[0, 0, 100, 100], [0, 0, 100, 90]], [0.5, 0.9], [0, 0])
    assert matched(sample, found) == [0, -1]


def test_a_detection_takes_the_greatest_iou_of_its_class(sample_of, found_of):
    sample = sample_of(1, [[0, 0, 100, 100], [0, 0, 100, 90], [0, 0, 100, 88]], [1, 0, 0])
    assert matched(sample, found_of([[0, 0, 100, 100]], [0.5], [0])) == [1]


def test_any_number_of_detections_may_fall_on_a_crowd(sample_of, found_of):
    sample = sample_of(1, [[0, 0, 400, 400]], [0], crowd=[0])
    found = found_of(
        [[0, 0, 10, 10], [50, 50, 60, 60], [395, 395, 415, 415]], [0.9, 0.8, 0.7], [0] * 3
    )
    assert matched(sample, found) == [0, 0, -1]  # the third lies outside by 15/16 of its area


def test_an_object_that_counts_goes_before_a_crowd(sample_of, found_of):
    sample = sample_of(1, [[0, 0, 400, 400], [0, 0, 100, 60]], [0, 0], crowd=[0])
    assert matched(sample, found_of([[0, 0, 100, 100]], [0.9], [0])) == [1]


def test_only_a_hundred_of_a_class_count(sample_of, found_of):
    count = 130
    found = found_of([[0, 0, 9, 9]] * count, np.linspace(1, 0.1, count), [0] * 120 + [1] * 10)
    rows = overlaps(EvalImage(sample_of(1, [], []), found)).rows
    assert rows.tolist() == [*range(100), *range(120, 130)]


@pytest.mark.parametrize("objects", [0, 2])
def test_nothing_matches_nothing(sample_of, found_of, objects):
    sample = sample_of(1, [[0, 0, 9, 9]] * objects, [0] * objects)
    assert matched(sample, found_of()) == []
    assert matched(sample_of(2, [], []), found_of([[0, 0, 9, 9]], [0.5], [0])) == [-1]
