import numpy as np
import pytest

from configs.schema import ModelConfig
from detector.anchors import anchors_per_cell, feature_sizes, finest_stride, model_anchors
from detector.boxes import xyxy_to_cxcywh

DEFAULT = ModelConfig()


def centre_form(input_size: int) -> np.ndarray:
    return xyxy_to_cxcywh(model_anchors(ModelConfig(input_size=input_size)))


@pytest.mark.parametrize(
    ("input_size", "expected"),
    [
        pytest.param(96, (6, 3, 2, 1, 1, 1), id="smallest"),
        pytest.param(300, (19, 10, 5, 3, 2, 1), id="official model"),
        pytest.param(320, (20, 10, 5, 3, 2, 1), id="paper"),
    ],
)
def test_every_map_halves_rounding_up(input_size, expected):
    assert feature_sizes(ModelConfig(input_size=input_size)) == expected


def plus(input_size: int) -> ModelConfig:
    return ModelConfig(head="ssdlite_plus", input_size=input_size)


@pytest.mark.parametrize(
    ("input_size", "expected"),
    [
        pytest.param(96, (12, 6, 3, 2, 1), id="smallest"),
        pytest.param(300, (38, 19, 10, 5, 3), id="official size"),
        pytest.param(333, (42, 21, 11, 6, 3), id="odd size"),
    ],
)
def test_the_maps_of_ssdlite_plus_begin_at_stride_8(input_size, expected):
    assert feature_sizes(plus(input_size)) == expected
    assert finest_stride(plus(input_size)) == 8
    assert finest_stride(ModelConfig(input_size=input_size)) == 16


def test_ssdlite_plus_has_one_square_anchor_of_four_cells_in_a_cell():
    assert anchors_per_cell(plus(96)) == (1, 1, 1, 1, 1)
    anchors = xyxy_to_cxcywh(model_anchors(plus(96)))
    assert anchors.shape == (12 * 12 + 6 * 6 + 3 * 3 + 2 * 2 + 1, 4)
    np.testing.assert_allclose(anchors[1], [1.5 / 12, 0.5 / 12, 4 / 12, 4 / 12], atol=1e-6)
    np.testing.assert_allclose(anchors[-1], [0.5, 0.5, 4, 4], atol=1e-6)  # larger than the image


def test_the_anchors_of_ssdlite_plus_are_fixed():
    other = {"min_scale": 0.1, "aspect_ratios": (1.0,)}
    changed = ModelConfig(head="ssdlite_plus", anchors=other)
    np.testing.assert_array_equal(model_anchors(changed), model_anchors(plus(300)))


@pytest.mark.parametrize(("input_size", "count"), [(300, 1917), (320, 2034)])
def test_anchor_counts_are_those_of_the_official_models(input_size, count):
    # 1917 and 2034 box priors: tensorflow/tensorflow#31922
    assert model_anchors(ModelConfig(input_size=input_size)).shape == (count, 4)


def test_cells_hold_three_anchors_on_the_finest_map_and_six_elsewhere():
    assert anchors_per_cell(DEFAULT) == (3, 6, 6, 6, 6, 6)


def test_first_cell_of_the_finest_map_by_hand():
    # Centre of the first of 19 cells; half the scale 0.2, then 0.2 in 2:1 and in 1:2.
    half = 0.5 / 19
    expected = [[half, half, 0.1, 0.1], [half, half, 0.2828, 0.1414], [half, half, 0.1414, 0.2828]]
    np.testing.assert_allclose(centre_form(300)[:3], expected, atol=5e-5)


def test_first_cell_of_the_second_map_by_hand():
    # Widths and heights at scale 0.35 for 1, 2, 1/2, 3, 0.3333 and sqrt(0.35 * 0.5).
    sizes = centre_form(300)[19 * 19 * 3 :][:6, 2:]
    expected = [
        [0.35, 0.35],
        [0.4950, 0.2475],
        [0.2475, 0.4950],
        [0.6062, 0.2021],
        [0.2021, 0.6062],
        [0.4183, 0.4183],
    ]
    np.testing.assert_allclose(sizes, expected, atol=5e-5)


def test_cells_run_along_x_first():
    centres = centre_form(300)[:: anchors_per_cell(DEFAULT)[0], :2]
    np.testing.assert_allclose(centres[1] - centres[0], [1 / 19, 0], atol=1e-6)
    np.testing.assert_allclose(centres[19] - centres[0], [0, 1 / 19], atol=1e-6)


def test_the_last_anchor_covers_nearly_all_of_the_image():
    # sqrt(0.95 * 1) = 0.9747 in the middle of the only cell.
    np.testing.assert_allclose(centre_form(300)[-1], [0.5, 0.5, 0.9747, 0.9747], atol=5e-5)


def test_anchors_agree_with_the_reference_within_1e_6(test_data):
    golden = np.load(test_data / "weights/golden_heads.npz")["anchors_cycxhw"]
    np.testing.assert_allclose(centre_form(300)[:, [1, 0, 3, 2]], golden, atol=1e-6)
