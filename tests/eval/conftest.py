"""Truth and detections made by hand, and the real reference detections."""

from pathlib import Path

import numpy as np
import pytest

from detector.classes import ClassMap
from detector.types import Detections, Sample
from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.inference import score_file

VOC_NAMES = (
    "person,bicycle,car,motorcycle,airplane,bus,train,boat,bird,cat,dog,horse,sheep,cow,bottle,"
    "chair,couch,potted plant,dining table,tv"
).split(",")


def make_sample(image_id, boxes, labels, crowd=(), difficult=(), size=(480, 640)) -> Sample:
    """Truth of one image; `crowd` and `difficult` are rows."""
    rows = np.arange(len(labels))
    return Sample(
        image_id,
        Path(f"{image_id}.jpg"),
        *size,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int64),
        np.isin(rows, crowd),
        np.isin(rows, difficult),
    )


def make_detections(boxes=(), scores=(), labels=()) -> Detections:
    order = np.argsort(-np.array(scores, np.float32), kind="stable")
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4)[order],
        np.array(scores, np.float32)[order],
        np.array(labels, np.int64)[order],
    )


def make_set(*images, names=("cat", "dog"), **more) -> EvalSet:
    """A eval_set set of `(sample, detections)` pairs."""
    eval_set = [EvalImage(sample, detections) for sample, detections in images]
    return EvalSet("model", "data", ClassMap(tuple(names)), eval_set, {"classes": 2}, **more)


def random_set(seed, images=20, classes=3, objects=8, found=30) -> EvalSet:
    """Truth with crowds and difficult objects; detections near it, beside it and doubled."""
    rng = np.random.default_rng(seed)
    made = []
    for image_id in range(1, images + 1):
        count = int(rng.integers(0, objects + 1))
        corners = rng.uniform(0, 400, (count, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(5, 200, (count, 2))], axis=1)
        labels = rng.integers(0, classes, count)
        marks = [np.flatnonzero(rng.random(count) < 0.1).tolist() for _ in range(2)]
        sample = make_sample(image_id, boxes, labels, *marks)
        near = rng.integers(0, max(count, 1), found if count else 0)
        jitter = rng.normal(0, 12, (len(near), 4))
        close = np.sort((boxes[near] + jitter).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
        # Few scores, so that there are ties.
        scores = rng.integers(1, 50, len(near)) / 50
        guesses = np.where(rng.random(len(near)) < 0.8, labels[near], 0)
        made.append((sample, make_detections(close, scores, guesses)))
    return make_set(*made, names=[f"class {i}" for i in range(classes)])


@pytest.fixture
def sample_of():
    return make_sample


@pytest.fixture
def found_of():
    return make_detections


@pytest.fixture
def set_of():
    return make_set


@pytest.fixture
def random_set_of():
    return random_set


@pytest.fixture(scope="session")
def voc_names() -> list[str]:
    """The 20 classes of VOC by their names in COCO."""
    return list(VOC_NAMES)


@pytest.fixture(scope="session")
def reference(test_data) -> EvalSet:
    """The independent reference's detections on 188 images of val2017, 20 classes."""
    file = test_data / "weights/reference_detections_val2017.json"
    return score_file(file, f"{test_data}/data/coco:val", classes=VOC_NAMES)
