import keras
import numpy as np
import pytest

from configs.schema import ModelConfig
from detector.backbones import build_classifier
from detector.blocks import STOCK_NORM
from detector.fold import Folding
from detector.network import build_detector
from training.model.unfold import is_folded

pytestmark = pytest.mark.keras

PLUS = "ssdlite_plus"


def with_statistics(network: keras.Model) -> keras.Model:
    """As if it had been trained: no batch norm is like another."""
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            channels = layer.gamma.shape[0]
            gamma, variance = rng.uniform(0.5, 2, (2, channels))
            beta, mean = rng.normal(0, 0.3, (2, channels))
            layer.set_weights([gamma, beta, mean, variance])
    return network


def config_of(backbone: str, head: str) -> ModelConfig:
    return ModelConfig(backbone=backbone, head=head, input_size=96, width_multiplier=0.35)


@pytest.fixture(
    scope="module",
    params=[("mobilenet_v1", "ssdlite"), ("mobilenet_v2", "ssdlite"), ("mobilenet_v2", PLUS)],
    ids="-".join,
)
def pair(request):
    """A network with batch norm, and one of the same layers without; each test fills them anew."""
    config = config_of(*request.param)
    return build_detector(config, 2), build_detector(config, 2, None, None)


def outputs(network) -> np.ndarray:
    images = np.random.default_rng(1).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    found = network(images, training=False)
    return np.concatenate([np.asarray(found[name]).ravel() for name in sorted(found)])


def test_both_compute_the_same(pair):
    stock, folded = pair
    with_statistics(stock)
    folded.set_weights(Folding(stock, folded).fold())
    expected = outputs(stock)
    assert expected.std() > 0.01
    np.testing.assert_allclose(outputs(folded), expected, atol=1e-4 * np.abs(expected).max())


def test_what_was_trained_comes_back(pair):
    stock, folded = pair
    with_statistics(stock)
    folding = Folding(stock, folded)
    folded.set_weights([1.1 * weight + 0.01 for weight in folding.fold()])  # training, so to speak
    folding.unfold(folded.weights)
    expected = outputs(folded)
    np.testing.assert_allclose(outputs(stock), expected, atol=1e-4 * np.abs(expected).max())
    norms = [one for one in stock.layers if isinstance(one, keras.layers.BatchNormalization)]
    assert norms
    assert all(map(is_folded, norms))


def test_the_folded_network_has_no_batch_norm(pair):
    _, folded = pair
    kinds = {type(layer).__name__ for layer in folded.layers if layer.weights}
    assert kinds == {"Conv2D", "DepthwiseConv2D"}


def test_a_classifier_can_be_folded_too():
    stock = with_statistics(build_classifier("mobilenet_v1", 3, 0.25, 32))
    folded = build_classifier("mobilenet_v1", 3, 0.25, 32, None)
    folded.set_weights(Folding(stock, folded).fold())
    images = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_allclose(folded(images), stock(images), atol=1e-5)


def norms_in(network) -> list:
    return [one for one in network.layers if isinstance(one, keras.layers.BatchNormalization)]


@pytest.mark.parametrize("backbone", ["mobilenet_v1", "mobilenet_v2"])
def test_the_backbone_alone_can_be_folded_and_the_norms_behind_it_train_on(backbone):
    config = config_of(backbone, PLUS)
    stock = with_statistics(build_detector(config, 2))
    partly = build_detector(config, 2, None, STOCK_NORM)
    folding = Folding(stock, partly)
    partly.set_weights(folding.fold())
    expected = outputs(stock)
    tolerance = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(outputs(partly), expected, atol=tolerance)
    assert norms_in(partly)
    assert all(norm.name.startswith(("neck_", "head_")) for norm in norms_in(partly))
    partly.set_weights([1.1 * weight + 0.01 for weight in partly.get_weights()])  # training
    folding.unfold(partly.weights)
    expected = outputs(partly)
    np.testing.assert_allclose(outputs(stock), expected, atol=1e-4 * np.abs(expected).max())
    folded = {norm.name for norm in norms_in(stock) if is_folded(norm)}
    assert folded == {norm.name for norm in norms_in(stock)} - {n.name for n in norms_in(partly)}
