import pytest

from configs.load import load_config
from training.model.object_limits import objects_per_image, over_limits

BOX = [20, 10, 180, 90]
FLAT = [20, 10, 20, 90]


def test_crowds_and_difficult_objects_are_not_to_be_found(sample_of):
    samples = [sample_of([BOX] * 4, crowd=[0], difficult=[1]), sample_of([]), sample_of([BOX])]
    assert objects_per_image(samples, 100).tolist() == [2, 0, 1]


def test_boxes_that_cannot_be_used_are_no_crowd(sample_of):
    samples = [sample_of([BOX] * 2 + [FLAT] * 200), sample_of([BOX] * 3)]
    assert objects_per_image(samples, 100).tolist() == [2, 3]
    assert list(over_limits([samples], load_config("finetune"))) == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        pytest.param([], ["postprocess.max_detections=200", "loader.max_objects=200"], id="both"),
        pytest.param(["postprocess.max_detections=200"], ["loader.max_objects=200"], id="learnt"),
        pytest.param(["loader.max_objects=101"], ["postprocess.max_detections=200"], id="given"),
        pytest.param(["loader.max_objects=101", "postprocess.max_detections=101"], [], id="none"),
    ],
)
def test_each_limit_that_is_passed_is_told_with_what_to_set(sample_of, settings, says):
    samples = [sample_of([BOX] * 101), sample_of([BOX] * 100)]
    lines = list(over_limits([samples], load_config("finetune", settings)))
    assert [line.partition("; set ")[2] for line in lines] == says
    assert all(line.startswith("1 image with more than 100 objects, up to 101: ") for line in lines)


def test_parts_of_a_data_set_are_counted_together(sample_of):
    crowded = [sample_of([BOX] * 300)]
    lines = list(over_limits((crowded, [], crowded * 2), load_config("finetune")))
    assert [line.split(":")[0] for line in lines] == [
        "3 images with more than 100 objects, up to 300"
    ] * 2
