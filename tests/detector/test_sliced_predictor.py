"""Images of plain rectangles, and a predictor that sees them exactly, or what a tile shows."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import UserError
from configs.schema import ModelConfig, PostprocessConfig
from detector.artefact import DetectorSpec
from detector.postprocess import FractionDetections
from detector.predictor import Predictor
from detector.sliced_predictor import BATCH, SlicedPredictor

SPEC = DetectorSpec(
    name="m", model=ModelConfig(input_size=96), class_names=("a", "b"), category_ids=(1, 2)
)
TILE = 100  # px; tiles overlap by 25


class Seeing(SlicedPredictor):
    """Sees every rectangle that `paint` made: parts at 90 %, whole ones at 60 %.

    So the worse box has the better score, whatever merges them.
    """

    sees_whole_image = True

    def _find(self, images):
        self.stage_ms = {"run": 1.0, "nms": 1.0}
        self.batches = [*getattr(self, "batches", []), len(images)]
        return [self._postprocess.suppress(self._seen(image)) for image in images]

    def _seen(self, image):
        boxes, scores, labels = [], [], []
        height, width = image.shape[:2]
        for number in set(np.unique(image[..., 0]).tolist()) - {0}:
            rows, columns = np.nonzero(image[..., 0] == number)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            painted = self.painted[number - 1]
            is_part = (box[2] - box[0], box[3] - box[1]) != (
                painted[2] - painted[0],
                painted[3] - painted[1],
            )
            boxes.append(np.array(box) / [width, height, width, height])
            scores.append(0.9 if is_part else 0.6)
            labels.append(self.labels[number - 1])
        if max(height, width) > TILE and not self.sees_whole_image:
            boxes, scores, labels = [], [], []
        return FractionDetections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.array(labels, np.int64),
        )


def seeing(boxes, labels=None, size=TILE, **thresholds):
    runtime = SimpleNamespace(name="fake")
    plain = Predictor(runtime, SPEC, PostprocessConfig(score_threshold=0.4, **thresholds))
    predictor = Seeing.of(plain, size)
    predictor.painted, predictor.labels = boxes, labels or [0] * len(boxes)
    return predictor


def paint(boxes, height=300, width=400):
    image = np.zeros((height, width, 3), np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(boxes, 1):
        image[y1:y2, x1:x2] = number
    return image


def found_in(predictor, image):
    found = predictor(image)
    return sorted(found.boxes.round().astype(int).tolist())


@pytest.mark.parametrize(
    "box",
    [
        pytest.param([90, 20, 110, 40], id="on a border"),
        pytest.param([70, 70, 85, 85], id="in the corner of four tiles"),
        pytest.param([75, 10, 95, 30], id="where the next tile begins"),
        pytest.param([0, 0, 20, 20], id="in the corner of the image"),
        pytest.param([380, 280, 400, 300], id="in the last one"),
        pytest.param([20, 20, 50, 50], id="in one tile alone"),
    ],
)
def test_an_object_is_found_once_and_whole(box):
    assert found_in(seeing([box]), paint([box])) == [box]


@pytest.mark.parametrize("sees_whole_image", [True, False])
@pytest.mark.parametrize(
    "box",
    [
        pytest.param([10, 20, 300, 60], id="over four tiles in a row"),
        pytest.param([40, 30, 330, 280], id="over most of the image"),
        pytest.param([0, 0, 400, 300], id="all of it"),
        pytest.param([90, 10, 110, 290], id="thin, on the border of two columns"),
    ],
)
def test_an_object_larger_than_a_tile_is_one_box(box, sees_whole_image):
    predictor = seeing([box])
    predictor.sees_whole_image = sees_whole_image
    assert found_in(predictor, paint([box])) == [box]


def test_neighbours_of_one_class_stay_apart():
    boxes = [[70, 20, 84, 40], [84, 20, 98, 40], [98, 20, 112, 40]]
    assert found_in(seeing(boxes), paint(boxes)) == boxes


def test_an_object_in_another_stays():
    large, small = [20, 20, 280, 280], [90, 90, 105, 105]
    assert found_in(seeing([large, small]), paint([large, small])) == [large, small]


def test_two_classes_on_one_spot_are_two_unless_suppression_is_across_classes():
    boxes, image = [[90, 20, 110, 40]], paint([[90, 20, 110, 40]])
    assert len(two_classed(boxes)(image)) == 2
    assert len(two_classed(boxes, class_agnostic=True)(image)) == 1


def two_classed(boxes, **thresholds):
    """Sees both classes wherever it sees anything."""
    predictor = seeing(boxes, **thresholds)
    once = predictor._seen

    def twice(image):
        boxes, scores, labels = once(image)
        both = np.concatenate([labels, 1 - labels])
        return FractionDetections(np.tile(boxes, (2, 1)), np.tile(scores, 2), both)

    predictor._seen = twice
    return predictor


def test_no_more_are_found_than_the_model_gives():
    boxes = [[x, y, x + 10, y + 10] for x, y in itertools.product(range(5, 390, 30), (5, 155))]
    assert len(seeing(boxes, max_detections=7)(paint(boxes))) == 7
    assert len(seeing(boxes, max_detections=100)(paint(boxes))) == len(boxes)


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 14)), min_size=1, unique=True))
def test_objects_smaller_than_the_overlap_are_found_exactly(cells):
    boxes = [[20 * x + 2, 20 * y + 3, 20 * x + 17, 20 * y + 18] for x, y in sorted(cells)[:200]]
    assert found_in(seeing(boxes, max_detections=300), paint(boxes)) == sorted(boxes)


def test_a_small_image_is_one_tile_and_as_ever():
    box = [10, 10, 30, 30]
    predictor = seeing([box], size="auto")
    assert found_in(predictor, paint([box], 90, 100)) == [box]
    assert predictor.batches == [1]


def test_tiles_go_through_the_runtime_in_batches():
    predictor = seeing([[10, 10, 30, 30]])
    told = []
    predictor.on_tiles = told.append
    predictor(paint([[10, 10, 30, 30]]))
    assert predictor.batches[0] == 1  # the whole image
    assert max(predictor.batches) == BATCH
    assert sum(told) == sum(predictor.batches[1:]) == 20


def test_stages_are_summed_over_the_tiles():
    predictor = seeing([[10, 10, 30, 30]])
    predictor(paint([[10, 10, 30, 30]]))
    assert predictor.stage_ms["run"] == len(predictor.batches)


def test_a_tile_larger_than_the_image_is_refused():
    with pytest.raises(UserError, match="smaller than a tile of 100 px"):
        seeing([])(paint([], 60, 80))
