import keras
import numpy as np
import pytest

from configs.schema import ModelConfig
from detector.backbones import image_input, rescale
from detector.blocks import Unit, conv, inverted_residual
from detector.ssdlite import build_ssdlite
from training.model.fused_norm import FusedBatchNormalization

pytestmark = pytest.mark.keras

WEIGHTS = {"gamma": [1.5, -0.5, 0.8], "beta": [0.2, 0.0, -3.0], "mean": [1.0, 2.0, 3.0]}
VARIANCE = [0.5, 1.0, 2.0]


def layer(cls=FusedBatchNormalization, dtype=None, **options) -> keras.Layer:
    """A batch norm of three channels, none at its initial value."""
    norm = cls(momentum=0.9, epsilon=1e-3, dtype=dtype, name="norm", **options)
    norm.build((None, None, None, 3))
    norm.set_weights([np.array(v, np.float32) for v in (*WEIGHTS.values(), VARIANCE)])
    return norm


def values(*shape: int) -> np.ndarray:
    """Far from 0 and of different spreads, where a careless variance loses its digits."""
    noise = np.random.default_rng(0).normal(size=shape)
    return (noise * [0.1, 3.0, 20.0] + [5.0, 0.0, -40.0]).astype(np.float32)


def step(norm, x, slope):
    """Outputs in training mode, and gradients of sum(outputs * slope)."""
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = norm(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) * slope)
    gradients = tape.gradient(loss, [x, norm.gamma.value, norm.beta.value])
    return [np.asarray(tensor, np.float64) for tensor in (y, *gradients)]


def reference(x, slope):
    """The same in float64, by the formulas of Ioffe and Szegedy 2015, section 3."""
    x, slope = x.astype(np.float64), slope.astype(np.float64)
    gamma, beta = (np.array(WEIGHTS[name]) for name in ("gamma", "beta"))
    places = (0, 1, 2)
    deviation = np.sqrt(x.var(places) + 1e-3)
    normal = (x - x.mean(places)) / deviation
    d_gamma, d_beta = (slope * normal).sum(places), slope.sum(places)
    count = x[..., 0].size
    d_x = gamma / deviation * (slope - d_beta / count - normal * d_gamma / count)
    return [gamma * normal + beta, d_x, d_gamma, d_beta]


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((4, 9, 7, 3), id="many values"),
        pytest.param((2, 1, 1, 3), id="two values: the unbiased variance is twice the other"),
    ],
)
def test_a_training_step_is_that_of_float64(shape):
    norm, x = layer(), values(*shape)
    slope = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    for found, expected in zip(step(norm, x, slope), reference(x, slope), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found / scale, expected / scale, atol=1e-4)
    _, _, mean, variance = norm.get_weights()
    x = x.astype(np.float64)
    expected_mean = 0.9 * np.array(WEIGHTS["mean"]) + 0.1 * x.mean((0, 1, 2))
    expected_variance = 0.9 * np.array(VARIANCE) + 0.1 * x.var((0, 1, 2))
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-6)
    np.testing.assert_allclose(variance, expected_variance, rtol=1e-5)


def test_a_single_value_per_channel_has_variance_0():
    norm = layer()
    norm(values(1, 1, 1, 3), training=True)
    np.testing.assert_allclose(norm.moving_variance, 0.9 * np.array(VARIANCE), rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_statistics_of_half_precision_are_float32(policy):
    """Squares of 2000 overflow float16."""
    norm, x = layer(dtype=policy), (values(4, 9, 7, 3) * 50).astype(np.float16)
    outputs = norm(x, training=True)
    seen = np.asarray(keras.ops.cast(keras.ops.cast(x, norm.compute_dtype), "float32"), np.float64)
    assert keras.backend.standardize_dtype(outputs.dtype) == norm.compute_dtype
    assert {weight.dtype for weight in norm.weights} == {"float32"}
    expected = 0.9 * np.array(VARIANCE) + 0.1 * seen.var((0, 1, 2))
    np.testing.assert_allclose(norm.moving_variance, expected, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(outputs, np.float64), reference(seen, seen)[0], atol=0.05)


@pytest.mark.parametrize("frozen", [False, True])
def test_inference_and_a_frozen_layer_are_keras_own(frozen):
    ours, stock = layer(), layer(keras.layers.BatchNormalization)
    ours.trainable = not frozen
    x, before = values(2, 4, 4, 3), ours.get_weights()
    outputs = ours(x, training=frozen)
    np.testing.assert_array_equal(outputs, stock(x, training=False))
    for now, then in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        pytest.param((8, 3), {}, id="no image"),
        pytest.param((2, 3, 4, 5), {"axis": 1}, id="channels first"),
        pytest.param((2, 4, 4, 3), {"scale": False}, id="no factor"),
        pytest.param((2, 4, 4, 3), {"center": False}, id="no bias"),
        pytest.param((2, 4, 4, 3), {"renorm": True}, id="renorm"),
        pytest.param((2, 4, 4, 3), {"dtype": "float64"}, id="float64"),
    ],
)
def test_what_cannot_be_fused_is_keras_own(shape, options):
    classes = (FusedBatchNormalization, keras.layers.BatchNormalization)
    ours, stock = (cls(**options) for cls in classes)
    x = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_array_equal(ours(x, training=True), stock(x, training=True))
    for mine, theirs in zip(ours.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_on_another_backend_it_is_keras_own(monkeypatch):
    norm = layer()
    assert fused_operations(norm, (2, 4, 4, 3)) == 1
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert fused_operations(norm, (2, 4, 4, 3)) == 0


def fused_operations(model, shape, dtype="float32") -> int:
    """How many there are in the graph of a forward pass in training mode."""
    import tensorflow as tf

    function = tf.function(lambda x: model(x, training=True))
    graph = function.get_concrete_function(tf.TensorSpec(shape, dtype)).graph
    return sum(op.type == "FusedBatchNormV3" for op in graph.get_operations())


def build(norm=FusedBatchNormalization, backbone="mobilenet_v2") -> keras.Model:
    config = ModelConfig(input_size=96, width_multiplier=0.35, backbone=backbone)
    return build_ssdlite(config, 2, norm)


@pytest.mark.parametrize("backbone", ["mobilenet_v1", "mobilenet_v2"])
def test_every_batch_norm_of_a_detector_can_be_fused(backbone):
    config = ModelConfig(input_size=96, width_multiplier=0.35, backbone=backbone)
    network = build_ssdlite(config, 2, FusedBatchNormalization)
    norms = [one for one in network.layers if isinstance(one, keras.layers.BatchNormalization)]
    assert {type(norm) for norm in norms} == {FusedBatchNormalization}
    assert fused_operations(network, (2, 96, 96, 3), "uint8") == len(norms)


def small_network(norm) -> keras.Model:
    """Two blocks, with weights that no fresh network has."""
    image = image_input(32)
    x = conv(rescale(image), Unit.of("first"), 16, stride=2, norm=norm)
    network = keras.Model(image, inverted_residual(x, "block_", 16, 1, 3, norm)[0])
    rng = np.random.default_rng(0)
    network.set_weights([rng.uniform(0.1, 1, w.shape) for w in network.get_weights()])
    return network


def test_a_saved_network_loads_as_the_stock_one(tmp_path):
    network = small_network(FusedBatchNormalization)
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.get_layer("first_BN")) is keras.layers.BatchNormalization
    assert "training" not in loaded.to_json()
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(loaded(image), network(image))


@pytest.mark.parametrize("saved", [FusedBatchNormalization, keras.layers.BatchNormalization])
def test_weights_files_of_either_fit_the_other(tmp_path, saved):
    (other,) = {FusedBatchNormalization, keras.layers.BatchNormalization} - {saved}
    source, target = small_network(saved), small_network(other)
    target.set_weights([0 * weight for weight in target.get_weights()])
    source.save_weights(tmp_path / "w.weights.h5")
    target.load_weights(tmp_path / "w.weights.h5")
    for mine, theirs in zip(target.weights, source.weights, strict=True):
        assert mine.path == theirs.path
        np.testing.assert_array_equal(mine, theirs)
