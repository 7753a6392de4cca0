import keras
import numpy as np
import pytest

from detector.blocks import Unit, inverted_residual, make_divisible, separable

pytestmark = pytest.mark.keras


def make_identity(norm: keras.layers.BatchNormalization) -> None:
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma * 0 + 1, beta * 0, mean * 0, variance * 0 + 1 - norm.epsilon])


@pytest.mark.parametrize("stride", [1, 2])
def test_a_separable_block_equals_separable_conv2d(stride):
    """Batch norm is the identity, and small positive weights keep ReLU6 in its linear part."""
    import tensorflow as tf

    image = keras.Input((12, 12, 8))
    units = (Unit.of("depthwise"), Unit.of("pointwise"))
    model = keras.Model(image, separable(image, units, filters=16, stride=stride))
    rng = np.random.default_rng(0)
    kernels = [rng.uniform(0, 0.1, (3, 3, 8, 1)), rng.uniform(0, 0.1, (1, 1, 8, 16))]
    for name, kernel in zip(("depthwise", "pointwise"), kernels, strict=True):
        model.get_layer(name).set_weights([kernel])
        make_identity(model.get_layer(f"{name}_BN"))
    x = rng.uniform(0, 1, (2, 12, 12, 8)).astype(np.float32)
    strides = (1, stride, stride, 1)
    expected = tf.nn.separable_conv2d(x, *(k.astype(np.float32) for k in kernels), strides, "SAME")
    np.testing.assert_allclose(model(x, training=False), expected, atol=1e-5)


def test_an_inverted_residual_adds_its_input_where_shapes_agree():
    image = keras.Input((8, 8, 16))
    output, expanded = inverted_residual(image, "b_", filters=16, stride=1, expansion=6)
    model = keras.Model(image, output)
    assert model.get_layer("b_add")
    assert expanded.shape == (None, 8, 8, 96)


@pytest.mark.parametrize(("filters", "stride"), [(16, 2), (24, 1)])
def test_an_inverted_residual_of_another_shape_adds_nothing(filters, stride):
    image = keras.Input((8, 8, 16))
    output, _ = inverted_residual(image, "b_", filters=filters, stride=stride, expansion=6)
    assert "b_add" not in [layer.name for layer in keras.Model(image, output).layers]


def test_the_projection_of_an_inverted_residual_is_linear():
    image = keras.Input((8, 8, 16))
    output, _ = inverted_residual(image, "b_", filters=24, stride=1, expansion=6)
    assert keras.Model(image, output).layers[-1].name == "b_project_BN"


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        pytest.param(32 * 0.35, 16, id="at least 90 %: 8 would be too few for 11.2"),
        pytest.param(24, 24, id="already a multiple"),
        pytest.param(1, 8, id="never below the divisor"),
        pytest.param(1280 * 1.3, 1664, id="1.3 wide"),
    ],
)
def test_make_divisible(channels, expected):
    assert make_divisible(channels) == expected
