from pathlib import Path

import numpy as np

from detector.artefact import TrainingSizes
from detector.types import Sample
from training.run.training_sizes import training_sizes


def sample(boxes, size=(640, 480), difficult=()):
    rows = np.arange(len(boxes))
    return Sample(
        1,
        Path("a.jpg"),
        size[1],
        size[0],
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros(len(boxes), np.int64),
        np.zeros(len(boxes), bool),
        np.isin(rows, difficult),
    )


def square(side):
    return [10, 10, 10 + side, 10 + side]


def test_medians_of_images_and_objects():
    samples = [sample([square(30)], (300, 300)), sample([square(60), square(90)], (300, 300))]
    assert training_sizes(samples, None) == TrainingSizes(
        image_width=300, image_height=300, object_px=60, object_share=0.2, large_object_px=84
    )


def test_a_side_is_that_of_a_square_of_the_area():
    sizes = training_sizes([sample([[0, 0, 20, 80]], (400, 100))], 100)
    assert (sizes.object_px, sizes.object_share, sizes.large_object_px) == (40, 0.2, 80)
    assert sizes.tile == 100


def test_difficult_objects_and_boxes_of_no_area_do_not_count():
    boxes = [square(30), square(200), [5, 5, 5, 9]]
    assert training_sizes([sample(boxes, difficult=[1])], None).object_px == 30


def test_without_objects_there_is_nothing_to_tell():
    assert training_sizes([sample([]), sample([square(9)], difficult=[0])], None) is None
