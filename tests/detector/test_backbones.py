import keras
import numpy as np
import pytest

from detector.backbones import BACKBONES, TAP_NAMES, build_classifier, image_input, rescale

pytestmark = pytest.mark.keras

# The widths that keras.applications publishes weights for.
V1_WIDTHS = (0.25, 0.5, 0.75, 1.0)
V2_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


def copy_by_name(source: keras.Model, target: keras.Model) -> None:
    """Carry weights over by layer name; every layer with weights must exist on both sides."""
    named = {layer.name: layer for layer in source.layers if layer.weights}
    assert list(named) == [layer.name for layer in target.layers if layer.weights]
    for layer in target.layers:
        if layer.weights:
            layer.set_weights(named[layer.name].get_weights())


def randomise_norms(model: keras.Model) -> None:
    """Fresh batch norms are all alike; only different statistics tell layers apart."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])


def assert_equal_networks(ours: keras.Model, theirs: keras.Model, size: int) -> None:
    assert ours.count_params() == theirs.count_params()
    randomise_norms(theirs)
    copy_by_name(theirs, ours)
    image = np.random.default_rng(1).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    expected = theirs(image.astype(np.float32) / 127.5 - 1, training=False)
    np.testing.assert_allclose(ours(image, training=False), expected, atol=1e-5)


@pytest.mark.parametrize("width", V1_WIDTHS)
@pytest.mark.parametrize("size", [32, 224, 320])
def test_v1_equals_keras_applications_where_stride_2_inputs_are_even(width, size):
    ours = build_classifier("mobilenet_v1", 10, width, size)
    theirs = keras.applications.MobileNet((size, size, 3), width, weights=None, classes=10)
    assert_equal_networks(ours, theirs, size)


@pytest.mark.parametrize("width", V2_WIDTHS)
@pytest.mark.parametrize("size", [96, 300])
def test_v2_equals_keras_applications_at_any_size(width, size):
    ours = build_classifier("mobilenet_v2", 10, width, size)
    theirs = keras.applications.MobileNetV2((size, size, 3), width, weights=None, classes=10)
    assert_equal_networks(ours, theirs, size)


def test_v1_for_cifar_10_has_the_parameters_of_the_whole_network():
    # The tutorial's 3,238,986 leaves out the first batch norm: 4 x 32 = 128.
    model = build_classifier("mobilenet_v1", 10, 1.0, 32)
    assert model.count_params() == 3_239_114
    assert model.count_params() - model.get_layer("conv1_bn").count_params() == 3_238_986


def tapped(name: str, width: float, size: int) -> keras.Model:
    """A backbone whose outputs are its three taps."""
    image = image_input(size)
    return keras.Model(image, list(BACKBONES[name](rescale(image), width)))


@pytest.mark.parametrize(
    ("name", "names", "shapes"),
    [
        pytest.param(
            "mobilenet_v1",
            ["conv_pw_5_relu", "conv_pw_11_relu", "conv_pw_13_relu"],
            [(None, 38, 38, 256), (None, 19, 19, 512), (None, 10, 10, 1024)],
            id="v1",
        ),
        pytest.param(
            "mobilenet_v2",
            ["block_6_expand_relu", "block_13_expand_relu", "out_relu"],
            [(None, 38, 38, 192), (None, 19, 19, 576), (None, 10, 10, 1280)],
            id="v2",
        ),
    ],
)
def test_taps_at_300_are_38_19_and_10_cells_wide(name, names, shapes):
    model = tapped(name, 1.0, 300)
    assert [tensor.shape for tensor in model.outputs] == shapes
    assert [model.get_layer(layer).output for layer in names] == model.outputs


def test_the_narrowest_v1_keeps_a_channel():
    assert tapped("mobilenet_v1", 0.01, 32).outputs[1].shape == (None, 2, 2, 5)


@pytest.mark.parametrize("name", TAP_NAMES)
def test_the_taps_that_summary_names_are_the_taps(name):
    model = tapped(name, 0.25, 96)
    assert [model.get_layer(tap).output for tap in TAP_NAMES[name]] == model.outputs


def test_the_classifier_gives_probabilities():
    model = build_classifier("mobilenet_v2", 7, 0.35, 96)
    scores = model(np.zeros((3, 96, 96, 3), np.uint8), training=False)
    np.testing.assert_allclose(np.sum(scores, axis=1), np.ones(3), atol=1e-6)
