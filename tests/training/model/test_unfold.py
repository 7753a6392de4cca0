import keras
import numpy as np
import pytest

from detector.backbones import build_classifier, image_input, mobilenet_v2, rescale
from detector.blocks import BATCH_NORM_EPSILON, Unit, conv, inverted_residual
from detector.data.open import open_dataset
from detector.images import read_image
from detector.preprocess import resize
from detector.weights.keras_imagenet import load_imagenet
from detector.weights.tf_od_api import folded_norm
from detector.weights.tf_od_files import load_npz
from training.model.unfold import is_folded, unfold

pytestmark = pytest.mark.keras


def norms(network) -> list[keras.layers.BatchNormalization]:
    return [one for one in network.layers if isinstance(one, keras.layers.BatchNormalization)]


def folded_network(factor: bool) -> keras.Model:
    """A few layers as an importer leaves them: convolutions, biases, and perhaps factors."""
    image = image_input(32)
    x = conv(rescale(image), Unit.of("first"), 16, kernel_size=3, stride=2)
    x, _ = inverted_residual(x, "block_1_", 16, stride=1, expansion=3)
    x, _ = inverted_residual(x, "block_2_", 24, stride=2, expansion=3)
    network = keras.Model(image, x)
    rng = np.random.default_rng(0)
    for norm in norms(network):
        channels = norm.gamma.shape[0]
        gamma = rng.uniform(0.5, 3, channels) if factor else None
        norm.set_weights(folded_norm(rng.normal(1, 0.5, channels), gamma))
    return network


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def outputs(network, images, training=False) -> list[np.ndarray]:
    """Raw outputs; the network stays as it is."""
    weights = network.get_weights()
    results = [np.asarray(one) for one in keras.tree.flatten(network(images, training=training))]
    network.set_weights(weights)  # a pass in training mode moves statistics
    return results


def assert_same(found, expected) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def correlation(found, expected) -> float:
    """Of all that is not constant over images and places."""

    def flat(many):
        return np.concatenate([(one - one.mean((0, 1), keepdims=True)).ravel() for one in many])

    return float(np.corrcoef(flat(found), flat(expected))[0, 1])


@pytest.mark.parametrize("factor", [False, True])
def test_outputs_stay_and_training_mode_comes_to_agree(factor):
    network, images = folded_network(factor), noise(16)
    before = outputs(network, images)
    assert correlation(outputs(network, images, training=True), before) < 0.5
    changed = unfold(network, np.split(images, 4))
    assert changed == [norm.name for norm in norms(network)]
    assert_same(outputs(network, images), before)
    assert correlation(outputs(network, images, training=True), before) > 0.999
    assert not any(map(is_folded, norms(network)))


def test_statistics_are_those_of_all_images_and_places():
    """Also of a last batch that is shorter, and of images that are unlike each other."""
    network = folded_network(factor=False)
    images = noise(7) // np.arange(1, 8, dtype=np.uint8).reshape(-1, 1, 1, 1)
    norm = network.get_layer("block_2_depthwise_BN")
    inputs = np.float64(keras.Model(network.input, norm.input)(images, training=False))
    bias = np.float64(norm.beta)
    unfold(network, [images[:3], images[3:6], images[6:]])
    mean, variance = inputs.mean((0, 1, 2)), inputs.var((0, 1, 2))
    np.testing.assert_allclose(norm.moving_mean, mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-4)
    np.testing.assert_allclose(norm.gamma, np.sqrt(variance + norm.epsilon), rtol=1e-4)
    np.testing.assert_allclose(norm.beta, bias + mean, rtol=1e-4, atol=1e-5)


def test_a_dead_channel_keeps_its_value_in_both_modes():
    network, images = folded_network(factor=True), noise(4)
    conv, norm = (network.get_layer(f"block_2_project{end}") for end in ("", "_BN"))
    kernel = conv.get_weights()[0]
    kernel[..., 0] = 0
    conv.set_weights([kernel])
    value = np.float32(norm.beta)[0]
    unfold(network, [images])
    assert np.float32(norm.moving_variance)[0] == 0
    assert all(np.isfinite(weight).all() for weight in network.get_weights())
    for training in (False, True):
        found = norm(np.zeros((2, 4, 4, norm.gamma.shape[0]), np.float32), training=training)
        np.testing.assert_allclose(np.asarray(found)[..., 0], value, rtol=1e-6)


def test_what_is_not_folded_is_left_alone():
    network = folded_network(factor=False)
    fresh = network.get_layer("block_1_expand_BN")
    channels = fresh.gamma.shape[0]
    ones, zeros = np.ones(channels), np.zeros(channels)
    fresh.set_weights([ones, zeros, zeros, ones])  # as Keras makes it
    changed = unfold(network, [noise(2)])
    assert fresh.name not in changed
    np.testing.assert_array_equal(fresh.get_weights(), [ones, zeros, zeros, ones])


def test_a_network_without_folded_norms_needs_no_images():
    network = build_classifier("mobilenet_v2", 2, 0.35, 32)
    assert unfold(network, iter(())) == []


def test_folded_norms_need_images():
    with pytest.raises(ValueError, match="need images"):
        unfold(folded_network(factor=False), [])


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        pytest.param([1.0, 0.3, 0.0, 1 - BATCH_NORM_EPSILON], True, id="bias"),
        pytest.param([2.5, 0.3, 0.0, 1 - BATCH_NORM_EPSILON], True, id="factor and bias"),
        pytest.param([1.0, 0.0, 0.0, 1.0], False, id="fresh"),
        pytest.param([1.0, 0.0, 0.1, 1 - BATCH_NORM_EPSILON], False, id="moved by training"),
    ],
)
def test_folded_is_told_by_mean_and_variance(weights, expected):
    norm = keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON)
    norm.build((None, 4))
    norm.set_weights([np.full(4, weight) for weight in weights])
    assert is_folded(norm) == expected


def test_other_layers_are_not_folded():
    assert not is_folded(keras.layers.ReLU())


@pytest.fixture
def photos(test_data) -> np.ndarray:
    samples = open_dataset(test_data / "data/coco/annotations/instances_val2017.json")[:4]
    return np.stack([resize(read_image(sample.path), 300) for sample in samples])


@pytest.mark.parametrize("file", ["coco", "imagenet"])
def test_real_weights_compute_the_same(test_data, photos, file):
    weights = test_data / "weights"
    if file == "coco":
        network, _ = load_npz(weights / "ssdlite_mobilenet_v2_coco_20classes.npz")
    else:
        image = image_input(300)
        network = keras.Model(image, list(mobilenet_v2(rescale(image), 1.0)))
        path = weights / "mobilenet_v2_imagenet_notop.weights.h5"
        load_imagenet(network, path, "mobilenet_v2", 1.0)
    assert all(map(is_folded, norms(network)))
    before = outputs(network, photos)
    assert correlation(outputs(network, photos, training=True), before) < 0.5
    unfold(network, np.split(photos, 2))
    assert_same(outputs(network, photos), before)
    assert correlation(outputs(network, photos, training=True), before) > 0.99
