"""The model that comes with the program, on scenes that it has never seen."""

import itertools
from collections import Counter

import pytest

from detector.models import BUILT_IN, find_model
from detector.predictor import Predictor
from detector.shapes.animation import moving_scene
from detector.shapes.outlines import SHAPES


def test_it_is_small_enough_to_ship():
    files = list(BUILT_IN["shapes"].iterdir())
    assert {file.name for file in files} == {"detector.json", "model.keras", "model_int8.tflite"}
    assert sum(file.stat().st_size for file in files) <= 4_500_000


def test_it_is_described():
    found = find_model("shapes", "auto")
    assert set(found.spec.class_names) == set(SHAPES)
    assert found.spec.licence == "Apache-2.0"
    assert found.spec.metrics["AP"] > 0
    assert found.in_words() == "shapes (tflite-int8)"


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["tflite-int8", pytest.param("keras", marks=pytest.mark.keras)])
def test_it_finds_the_shapes_of_the_clip(runtime):
    predictor = Predictor.load("shapes", runtime)
    frames = list(itertools.islice(moving_scene(1, 300), 0, None, 30))
    seen = Counter()
    for frame in frames:
        seen.update({predictor.classes.names[label] for label in predictor(frame).labels})
    assert {name for name, count in seen.items() if count >= len(frames) / 2} == set(SHAPES)
