import numpy as np
import pytest

from configs.schema import ModelConfig
from training.batches.candidates import candidates

CONFIG = ModelConfig(head="ssdlite_plus", input_size=96)


def some_boxes(count: int) -> np.ndarray:
    """Of all sizes, some as small as a pixel."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.9, (count, 2))
    sides = np.minimum(0.01 * 100 ** rng.uniform(0, 1, (count, 2)), 1 - corners)
    return np.concatenate([corners, corners + sides], axis=1).astype(np.float32)


def test_a_tiny_object_has_the_centres_beside_it():
    centre = (2.5 / 12, 3.5 / 12)  # of a cell of 8 px
    box = np.array([[*centre, *centre]], np.float32)
    found = np.flatnonzero(candidates(box, CONFIG)[0])
    assert 3 * 12 + 2 in found  # its own cell


def test_every_object_has_one():
    assert candidates(some_boxes(300), CONFIG).any(axis=1).all()


@pytest.mark.keras
def test_they_are_those_that_training_chooses_among():
    from training.model.assigners import Assigner

    boxes = some_boxes(300)
    theirs = Assigner("task_aligned", CONFIG)._inside(boxes[None])
    np.testing.assert_array_equal(candidates(boxes, CONFIG), np.asarray(theirs)[0])
