import math

import keras
import numpy as np
import pytest

from configs.load import load_config
from configs.schema import ModelConfig
from detector.network import BEHIND_BACKBONE, build_detector
from training.model.networks import freeze, make_networks

pytestmark = pytest.mark.keras


@pytest.fixture(
    scope="module",
    params=["ssdlite_mobilenet_v1", "ssdlite_mobilenet_v2", "ssdlite_plus_mobilenet_v2"],
)
def network(request) -> keras.Model:
    """Used by several tests: each freezes it anew."""
    head, backbone = request.param.split("_mobilenet_")
    backbone = f"mobilenet_{backbone}"
    config = ModelConfig(input_size=96, width_multiplier=0.35, backbone=backbone, head=head)
    return build_detector(config, 2)


def trained(network) -> set[str]:
    return {layer.name for layer in network.layers if layer.trainable_weights}


def is_norm(layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


LAST_FROZEN = {
    "ssdlite_mobilenet_v1": {"tap": "conv_pw_11_bn", "backbone": "conv_pw_13_bn"},
    "ssdlite_mobilenet_v2": {"tap": "block_13_expand_BN", "backbone": "Conv_1_bn"},
    "ssdlite_plus_mobilenet_v2": {"tap": "block_6_expand_BN", "backbone": "Conv_1_bn"},
}
FIRST_TRAINED = {
    "ssdlite_mobilenet_v1": {"tap": "conv_dw_12", "backbone": "extra_1_reduce"},
    "ssdlite_mobilenet_v2": {"tap": "block_13_depthwise", "backbone": "extra_1_reduce"},
    "ssdlite_plus_mobilenet_v2": {"tap": "block_6_depthwise", "backbone": "neck_lateral_2"},
}


@pytest.mark.parametrize("upto", ["tap", "backbone"])
def test_all_before_the_boundary_is_frozen_and_nothing_behind(network, upto):
    freeze(network, upto)
    backbone = next(name for name in LAST_FROZEN if name in network.name)
    last, first = LAST_FROZEN[backbone][upto], FIRST_TRAINED[backbone][upto]
    names = [layer.name for layer in network.layers if layer.weights]
    assert last not in trained(network)
    assert first in trained(network)
    heads = {name for name in names if name.startswith(BEHIND_BACKBONE)}
    assert heads <= trained(network)
    chain = [name for name in names if name not in heads]
    boundary = chain.index(last) + 1
    assert trained(network) - heads == set(chain[boundary:])


def test_a_frozen_part_stays_as_it_is_while_training(network):
    freeze(network, "tap")
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    before = {layer.name: layer.get_weights() for layer in network.layers}
    network(images, training=True)
    moved = {
        layer.name
        for layer in network.layers
        if any(np.any(a != b) for a, b in zip(layer.get_weights(), before[layer.name], strict=True))
    }
    assert moved == {layer.name for layer in network.layers if is_norm(layer) and layer.trainable}


def test_the_choice_before_is_forgotten(network):
    everything = {layer.name for layer in network.layers if layer.weights}
    freeze(network, "backbone")
    text = freeze(network, "none")
    assert trained(network) == everything
    assert text.endswith("frozen: nothing")


def test_words_count_what_trains():
    network = build_detector(ModelConfig(), 20)
    statistics = sum(math.prod(w.shape) for w in network.non_trainable_weights)
    everything = network.count_params() - statistics
    assert freeze(network, "none") == (
        f"{everything:,} of {everything:,} parameters train; frozen: nothing"
    )
    text = freeze(network, "tap")
    left = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    assert text.startswith(f"{left:,} of {everything:,} parameters train; frozen: all up to the")
    frozen = [int(part.split(")")[0].replace(",", "")) for part in text.split("(")[1:]]
    assert left + sum(frozen) == everything


def test_of_few_images_the_norms_of_ssdlite_plus_train_and_its_backbones_keep_their_statistics():
    model = ModelConfig(input_size=96, width_multiplier=0.35, head="ssdlite_plus")
    config = load_config("finetune").model_copy(update={"model": model})
    said: list[str] = []
    networks = make_networks(config, ("a", "b"), [], "none", True, said.append)
    assert "batch norm of the backbone keeps its statistics: it is folded into" in "".join(said)
    norms = [layer for layer in networks.trained.layers if is_norm(layer)]
    assert norms and all(norm.trainable and norm.name.startswith(BEHIND_BACKBONE) for norm in norms)
    image = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    networks.trained(image, training=True)  # moves their statistics
    networks.give_stock(networks.trained.weights)
    expected = networks.trained(image, training=False)["class_logits"]
    found = networks.stock(image, training=False)["class_logits"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.any(networks.stock.get_layer(norms[0].name).moving_mean != 0)


def test_a_network_without_a_known_backbone_is_refused():
    image = keras.Input((8, 8, 3))
    network = keras.Model(image, keras.layers.Conv2D(4, 1)(image), name="other")
    with pytest.raises(ValueError, match="other has none of the backbones"):
        freeze(network, "tap")
