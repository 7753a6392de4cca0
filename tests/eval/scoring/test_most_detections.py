import numpy as np
import pytest

from eval.scoring.confusion import judge_all
from eval.scoring.evaluator import evaluate
from eval.scoring.matching import find_outcomes
from eval.scoring.most_detections import cap_lines, count_unscored, with_cap_counted
from eval.scoring.tide import split_errors
from eval.scoring.ties import tie_range


def boxes_of(count):
    left = np.arange(count) * 10.0
    return np.stack([left, left, left + 8, left + 8], axis=1)


@pytest.fixture
def image_of(sample_of, found_of):
    """An image of so many objects, in which so many were found."""

    def make(image_id, objects, found):
        truth = sample_of(image_id, boxes_of(objects), np.zeros(objects, int))
        return truth, found_of(boxes_of(found), np.full(found, 0.5), np.zeros(found, int))

    return make


def with_settings(eval_set, **settings):
    settings = {**eval_set.settings, "images": len(eval_set.images), **settings}
    return type(eval_set)(**{**vars(eval_set), "settings": settings})


def test_images_that_reach_the_most_and_those_with_more_objects_are_counted(set_of, image_of):
    images = [image_of(1, 144, 100), image_of(2, 3, 100), image_of(3, 3, 99)]
    eval_set = with_settings(set_of(*images), max_detections=100)
    settings = with_cap_counted(eval_set, [found for _, found in images]).settings
    assert settings["images_at_max_detections"] == 2
    assert settings["images_with_more_objects"] == 1
    reached, more = cap_lines(settings)
    assert reached == (
        "2 of 3 images reached max_detections (100, COCO's own); eval --max-dets N raises it"
    )
    assert more == ("1 image with more objects than that, up to 144: not all of them can be found")


def test_a_report_takes_as_many_as_are_scored(set_of, image_of):
    eval_set = with_settings(set_of(image_of(1, 144, 144)), max_detections=200)
    assert evaluate(eval_set).figures["AP50"] == pytest.approx(1)
    assert split_errors(eval_set).ap50 == pytest.approx(1)
    assert list(tie_range(eval_set, find_outcomes(eval_set)).AP50) == pytest.approx([1, 1])
    assert len(judge_all(eval_set, 0.1)[0].found) == 144


def test_nothing_is_said_where_no_image_comes_near(set_of, image_of):
    images = [image_of(1, 2, 3)]
    settings = with_cap_counted(set_of(*images), [found for _, found in images]).settings
    assert settings["images_at_max_detections"] == 0
    assert list(cap_lines(settings)) == []


def test_the_protocol_cuts_each_class_on_its_own(set_of, sample_of, found_of):
    labels = np.array([0] * 103 + [1] * 99)
    found = found_of(boxes_of(202), np.full(202, 0.5), labels)
    images = set_of((sample_of(1, boxes_of(1), [0]), found)).images
    assert count_unscored(images, 2, 100) == 3
    (line,) = cap_lines({"detections_not_scored": 3})
    assert line.startswith("3 detections not scored, being behind the best 100 of a class")
