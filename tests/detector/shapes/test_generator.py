import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.shapes.generator import draw_scene
from detector.shapes.outlines import SHAPES

pytestmark = pytest.mark.slow  # hundreds of images are drawn

SMALL = (120, 160)


def test_a_seed_and_a_number_make_an_image_in_any_process():
    code = (
        "import hashlib; from detector.shapes.generator import draw_scene; "
        "scene = draw_scene(3, 14); "
        "print(hashlib.sha256(scene.image.tobytes() + scene.boxes.tobytes()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = draw_scene(3, 14)
    digest = hashlib.sha256(here.image.tobytes() + here.boxes.tobytes()).hexdigest()
    assert there.stdout.strip() == digest


@pytest.mark.parametrize("other", [(1, 2, False), (2, 1, False), (1, 1, True)])
def test_another_seed_number_or_look_makes_another_image(other):
    seed, index, photo = other
    changed = draw_scene(seed, index, SMALL, photo).image
    assert (changed != draw_scene(1, 1, SMALL).image).mean() > 0.5


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    index=st.integers(0, 2**31),
    height=st.integers(96, 400),
    width=st.integers(96, 400),
    photo=st.booleans(),
)
def test_boxes_lie_in_the_image_and_labels_are_classes(seed, index, height, width, photo):
    image, boxes, labels, is_difficult = draw_scene(seed, index, (height, width), photo)
    assert image.shape == (height, width, 3)
    assert (image.dtype, boxes.dtype, labels.dtype, is_difficult.dtype) == (
        np.uint8,
        np.float32,
        np.int64,
        np.bool_,
    )
    assert len(boxes) == len(labels) == len(is_difficult) <= 10
    assert boxes.shape[1:] == (4,)
    assert np.all(boxes >= 0)
    assert np.all(boxes <= (width, height, width, height))
    assert np.all(boxes[:, 2:] - boxes[:, :2] >= 6)
    assert np.all((labels >= 0) & (labels < len(SHAPES)))


@pytest.mark.parametrize("photo", [False, True])
def test_images_hold_all_classes_alike_and_now_and_then_nothing(photo):
    scenes = [draw_scene(5, index, (96, 128), photo) for index in range(200)]
    counts = np.bincount(np.concatenate([scene.labels for scene in scenes]), minlength=6)
    assert counts.min() > 0.6 * counts.mean()
    assert 0.005 < np.mean([len(scene.boxes) == 0 for scene in scenes]) < 0.12
    assert np.mean(np.concatenate([scene.is_difficult for scene in scenes])) < 0.15
    sides = np.concatenate([scene.boxes[:, 2:] - scene.boxes[:, :2] for scene in scenes])
    largest = sides.max(axis=1) / 96
    assert largest.min() < 0.12
    assert largest.max() > 0.6
