import pytest

from configs.schema import ModelConfig
from detector.network import build_detector, tap_names

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
