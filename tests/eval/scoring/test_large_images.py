from types import SimpleNamespace

import pytest

from configs.errors import UserError
from detector.slicing.tiling import AUTO, Tiling
from eval.scoring.cautions import cautions
from eval.scoring.large_images import about_tiles, with_little_counted
from tests.eval.conftest import make_detections, make_sample, make_set


def predictor(tiling=None):
    post = SimpleNamespace(score_threshold=0.4)
    spec = SimpleNamespace(model=SimpleNamespace(input_size=100), postprocess=post)
    return SimpleNamespace(spec=spec, tiling=tiling)


def test_the_settings_say_how_images_are_cut():
    tiling = Tiling(300, 0.25, "as asked for", True)
    sample = make_sample(1, [], [], size=(480, 640))
    assert about_tiles(predictor(tiling), [sample]) == {"slice": tiling.in_words()}
    assert about_tiles(predictor(), [sample]) == {}


def test_a_tile_larger_than_an_image_is_refused_before_the_model_runs():
    tiling = Tiling(641, 0.25, "as asked for", True)
    with pytest.raises(UserError, match=r"1.jpg is 640x480 px, smaller than a tile of 641 px"):
        about_tiles(predictor(tiling), [make_sample(1, [], [], size=(480, 640))])


@pytest.mark.parametrize(
    ("scores", "is_told"),
    [
        pytest.param([0.3, 0.2, 0.1], True, id="all below the score that is shown"),
        pytest.param([0.9, 0.8, 0.7], False, id="three that are shown"),
    ],
)
def test_a_caution_says_where_large_images_show_little(scores, is_told):
    boxes = [[0, 0, 9, 9]] * len(scores)
    pair = make_sample(1, [], []), make_detections(boxes, scores, [0] * len(scores))
    counted = with_little_counted(make_set(pair), [pair], predictor())
    lines = [line for line in cautions(counted.settings) if f"--slice {AUTO}" in line]
    assert len(lines) == is_told
