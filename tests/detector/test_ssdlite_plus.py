import keras
import numpy as np
import pytest

from configs.schema import ModelConfig
from detector.anchors import feature_sizes, model_anchors
from detector.costs import layer_costs
from detector.network import BEHIND_BACKBONE, build_detector, tap_names
from detector.ssdlite import build_ssdlite
from detector.ssdlite_plus import build_ssdlite_plus

pytestmark = pytest.mark.keras


def config_of(**config) -> ModelConfig:
    return ModelConfig(head="ssdlite_plus", **config)


SMALLEST = config_of(input_size=96, width_multiplier=0.35)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"input_size": 96, "width_multiplier": 0.35}, id="smallest"),
        pytest.param({"input_size": 300}, id="official size"),
        pytest.param({"input_size": 333, "width_multiplier": 0.5}, id="odd size"),
        pytest.param({"input_size": 97, "width_multiplier": 0.1}, id="odd and thin"),
        pytest.param({"input_size": 128, "backbone": "mobilenet_v1"}, id="v1"),
        pytest.param(
            {"input_size": 200, "backbone": "mobilenet_v1", "width_multiplier": 0.25}, id="thin v1"
        ),
    ],
)
def test_there_is_one_output_row_per_anchor(config):
    model = build_ssdlite_plus(config_of(**config), 3)
    count = len(model_anchors(config_of(**config)))
    assert model.output["box_deltas"].shape == (None, count, 4)
    assert model.output["class_logits"].shape == (None, count, 4)


def test_raw_pixels_go_in_and_float32_comes_out():
    model = build_ssdlite_plus(SMALLEST, 3)
    outputs = model(np.zeros((2, 96, 96, 3), np.uint8), training=False)
    assert model.input.dtype == "uint8"
    assert {str(keras.backend.standardize_dtype(o.dtype)) for o in outputs.values()} == {"float32"}


def test_layer_names_do_not_depend_on_what_was_built_before():
    first = [layer.name for layer in build_ssdlite_plus(SMALLEST, 3).layers]
    second = [layer.name for layer in build_ssdlite_plus(SMALLEST, 3).layers]
    assert first == second


@pytest.mark.parametrize("backbone", ["mobilenet_v1", "mobilenet_v2"])
def test_the_backbone_and_the_first_heads_are_those_of_ssdlite(backbone):
    """Of the same names and shapes, so that weights of the one start the other."""

    def shapes(network) -> dict[str, list[tuple[int, ...]]]:
        return {one.name: [w.shape for w in one.weights] for one in network.layers if one.weights}

    size = {"input_size": 96, "width_multiplier": 0.35, "backbone": backbone}
    plus, ssdlite = (
        shapes(build(config, 3))
        for build, config in (
            (build_ssdlite_plus, config_of(**size)),
            (build_ssdlite, ModelConfig(**size)),
        )
    )
    alike = plus.keys() & ssdlite.keys()
    assert alike >= {name for name in ssdlite if not name.startswith(BEHIND_BACKBONE)}
    assert {name for name in alike if plus[name] != ssdlite[name]} == {
        f"head_{level}_{kind}_conv" for level in range(4) for kind in ("box", "class")
    }
    assert {"extra_2_project", "head_3_box_depthwise"} <= alike


def test_at_first_the_shared_head_adds_nothing():
    """Whatever the pyramid has: only what is learnt of it changes what SSDLite's heads say."""
    model = build_ssdlite_plus(SMALLEST, 3)
    image = np.full((1, 96, 96, 3), 90, np.uint8)
    before = model(image, training=False)
    changed = [one for one in model.layers if one.name.startswith(("neck", "head_shared"))]
    for layer in changed:
        layer.set_weights([weight + 1 for weight in layer.get_weights()])
    after = model(image, training=False)
    assert changed
    for name in before:
        assert np.asarray(before[name]).any(axis=(0, 2)).all()
        np.testing.assert_array_equal(after[name], before[name])


def test_the_rows_of_a_cell_answer_for_its_place():
    """A change of the image's top left corner moves the outputs of the first cells most."""
    config = config_of(input_size=300, width_multiplier=0.35)
    model = build_ssdlite_plus(config, 3)
    for layer in ("head_box_conv", "head_class_conv"):
        kernel, bias = model.get_layer(layer).get_weights()
        model.get_layer(layer).set_weights([np.ones_like(kernel), bias])
    image = np.full((1, 300, 300, 3), 128, np.uint8)
    changed = image.copy()
    changed[:, :16, :16] = 255
    before, after = (model(i, training=False)["class_logits"] for i in (image, changed))
    change = np.abs(np.asarray(after) - np.asarray(before)).sum(axis=(0, 2))
    first = 0
    for size in feature_sizes(config)[:3]:
        row, column = divmod(int(change[first : first + size * size].argmax()), size)
        assert row <= size // 5 and column <= size // 5
        first += size * size


@pytest.mark.parametrize("classes", [20, 80])
def test_its_costs_stay_within_its_limits(classes):
    costs = layer_costs(build_ssdlite_plus(config_of(input_size=300), classes))
    assert sum(cost.multiply_adds for cost in costs) <= 0.75e9
    assert sum(cost.parameters for cost in costs) <= 3.4e6
    assert {cost.part for cost in costs} == {"backbone", "extras", "neck", "heads"}


def test_it_is_fed_from_strides_8_16_and_32():
    model = build_detector(SMALLEST, 3)
    sides = [model.get_layer(name).output.shape[1] for name in tap_names(SMALLEST)]
    assert sides == [12, 6, 3]
