import numpy as np
import pytest

from configs.schema import ModelConfig
from detector.network import KINDS, build_detector, predictions, tap_names

pytestmark = pytest.mark.keras

HEADS = ("ssdlite", "ssdlite_plus")


def config_of(head: str, **config) -> ModelConfig:
    return ModelConfig(head=head, input_size=96, width_multiplier=0.35, **config)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("backbone", ["mobilenet_v1", "mobilenet_v2"])
def test_each_head_is_built_on_each_backbone(head, backbone):
    config = config_of(head, backbone=backbone)
    network = build_detector(config, 2)
    assert network.name == f"{head}_{backbone}_96"
    assert {network.get_layer(name).name for name in tap_names(config)} == set(tap_names(config))


def test_the_taps_of_both_heads():
    assert tap_names(ModelConfig()) == ("block_13_expand_relu", "out_relu")
    assert tap_names(ModelConfig(head="ssdlite_plus")) == (
        "block_6_expand_relu",
        "block_13_expand_relu",
        "out_relu",
    )


@pytest.mark.parametrize("head", HEADS)
def test_predictions_are_the_last_convolutions_in_the_order_of_the_rows(head):
    """What is added to the bias of one of them is seen in its rows, and nowhere else."""
    config = config_of(head)
    network = build_detector(config, 2)
    image = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), np.uint8)
    for kind, output in zip(KINDS, ("box_deltas", "class_logits"), strict=True):
        first = 0
        for one in predictions(config, kind):
            before = np.asarray(network(image, training=False)[output])[0]
            conv = network.get_layer(one.layer)
            conv.bias.assign_add(np.ones(conv.bias.shape, np.float32))
            moved = np.asarray(network(image, training=False)[output])[0] - before
            rows = np.zeros(len(moved), bool)
            rows[first : first + one.cells * one.per_cell] = True
            np.testing.assert_allclose(moved[rows], 1, atol=1e-4)
            assert not moved[~rows].any()
            first += one.cells * one.per_cell
        assert first == len(moved)
