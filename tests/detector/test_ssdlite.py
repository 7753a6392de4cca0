import keras
import numpy as np
import pytest

from configs.schema import ModelConfig
from detector.anchors import model_anchors
from detector.ssdlite import build_ssdlite

pytestmark = pytest.mark.keras


def build(num_classes: int = 3, **config) -> keras.Model:
    return build_ssdlite(ModelConfig(**config), num_classes)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"input_size": 96, "width_multiplier": 0.35}, id="smallest"),
        pytest.param({"input_size": 300}, id="official"),
        pytest.param({"input_size": 333, "width_multiplier": 0.5}, id="odd size"),
        pytest.param({"input_size": 128, "backbone": "mobilenet_v1"}, id="v1"),
    ],
)
def test_there_is_one_output_row_per_anchor(config):
    model = build(num_classes=3, **config)
    count = len(model_anchors(ModelConfig(**config)))
    assert model.output["box_deltas"].shape == (None, count, 4)
    assert model.output["class_logits"].shape == (None, count, 4)


def test_raw_pixels_go_in_and_float32_comes_out():
    model = build(input_size=96, width_multiplier=0.35)
    image = np.zeros((2, 96, 96, 3), np.uint8)
    outputs = model(image, training=False)
    assert model.input.dtype == "uint8"
    assert {str(keras.backend.standardize_dtype(o.dtype)) for o in outputs.values()} == {"float32"}


def test_layer_names_do_not_depend_on_what_was_built_before():
    first = [layer.name for layer in build(input_size=96, width_multiplier=0.35).layers]
    second = [layer.name for layer in build(input_size=96, width_multiplier=0.35).layers]
    assert first == second


def test_extras_scale_with_the_width_but_keep_16_channels():
    model = build(input_size=96, width_multiplier=0.1)
    widths = [model.get_layer(f"extra_{i}_project").filters for i in (1, 2, 3, 4)]
    assert widths == [51, 25, 25, 16]


def test_a_cell_of_the_grid_answers_for_its_own_anchors():
    """A change of the image's top left corner moves the outputs of the first anchors most."""
    model = build(input_size=300, width_multiplier=0.35)
    image = np.full((1, 300, 300, 3), 128, np.uint8)
    changed = image.copy()
    changed[:, :16, :16] = 255
    before, after = (model(i, training=False)["class_logits"] for i in (image, changed))
    change = np.abs(np.asarray(after) - np.asarray(before)).sum(axis=(0, 2))[: 19 * 19 * 3]
    assert change.reshape(19, 19, 3).sum(axis=2).argmax() in (0, 1, 19, 20)
