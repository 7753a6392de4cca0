import numpy as np
import pytest

from configs.schema import PostprocessConfig
from detector.postprocess import FractionDetections, nms
from detector.slicing.merging import TileDetections, merge

LEFT, RIGHT = [0.0, 0.0, 0.6, 1.0], [0.4, 0.0, 1.0, 1.0]  # two tiles of an image
CUT = [0.45, 0.3, 0.6, 0.6]  # ends where the left tile does
WHOLE = [0.45, 0.3, 0.8, 0.6]  # what the right one makes of it


def found(*boxes_and_scores):
    boxes, scores = zip(*boxes_and_scores, strict=True) if boxes_and_scores else ((), ())
    return FractionDetections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.zeros(len(scores), np.int64),
    )


def suppress(candidates):
    limits = PostprocessConfig()
    keep = nms(*candidates, limits.iou_threshold, limits.max_detections)
    return FractionDetections(*(values[keep] for values in candidates))


def merged(parts, tiles, coarse=()):
    tiles = np.array(tiles, np.float32)
    result = merge(TileDetections(found(*parts), tiles), found(*coarse), suppress, False)
    return list(zip(result.boxes_fraction.tolist(), result.scores.tolist(), strict=True))


@pytest.mark.parametrize("score", [0.3, 0.9])
def test_a_box_that_a_border_cuts_gives_way_to_the_whole_one_though_its_score_be_lower(score):
    ((box, kept),) = merged([(CUT, 0.8), (WHOLE, score)], [LEFT, RIGHT])
    assert (box, kept) == (pytest.approx(WHOLE), pytest.approx(score))


def test_noise_takes_nothing_away():
    best, noise = merged([(CUT, 0.8), (WHOLE, 0.05)], [LEFT, RIGHT])
    assert (best[0], noise[0]) == (pytest.approx(CUT), pytest.approx(WHOLE))


def test_nor_does_noise_in_the_whole_image():
    best, _ = merged([(CUT, 0.8)], [LEFT], coarse=[([0.3, 0.25, 0.9, 0.65], 0.05)])
    assert best[0] == pytest.approx(CUT)
