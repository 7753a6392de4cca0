import keras
import numpy as np
import pytest

from configs.schema import ModelConfig, TrainConfig
from detector.network import build_detector
from detector.ssdlite import build_ssdlite
from training.model.optimizer import (
    backbone_share,
    backbone_variables,
    make_optimizer,
    scaled_rate,
    warmup_cosine,
    without_decay,
)

pytestmark = pytest.mark.keras

MODEL = ModelConfig(backbone="mobilenet_v1", input_size=96, width_multiplier=0.25)


def test_the_learning_rate_rises_and_falls():
    schedule = warmup_cosine(0.2, 4, 24)
    rates = [float(schedule(step)) for step in range(26)]
    np.testing.assert_allclose(rates[:4], [0.05, 0.1, 0.15, 0.2], rtol=1e-6)
    assert rates[13] > 0.1 > rates[14]  # half of the way down
    assert rates[13] + rates[14] == pytest.approx(0.2)
    assert rates[24:] == pytest.approx([0, 0], abs=1e-9)
    assert rates[3:] == sorted(rates[3:], reverse=True)


def by_formula(peak, warmup_steps, total_steps):
    """As every run up to version 0.1 was trained: the decay begins one step later."""
    steps = np.arange(total_steps + 1)
    done = np.clip((steps - warmup_steps) / max(total_steps - warmup_steps, 1), 0, 1)
    falling = 0.5 * (1 + np.cos(np.pi * done))
    return peak * np.where(steps < warmup_steps, (steps + 1) / max(warmup_steps, 1), falling)


@pytest.mark.parametrize(
    ("share", "batches", "accumulate"),
    [(0.05, 2000, 1), (0.1, 2000, 4), (0.05, 40_000, 1), (0.0, 500, 1), (0.02, 60, 1), (0.5, 9, 1)],
)
def test_the_rate_is_the_former_one_but_for_a_cosine_one_step_longer(share, batches, accumulate):
    config = TrainConfig(
        warmup_share=share, accumulate=accumulate, optimizer="sgd", learning_rate=1e-3
    )
    steps = batches
    warmup = round(share * steps)
    peak = scaled_rate(config, 16)
    schedule = make_optimizer(config, 16, batches)._learning_rate
    rates = np.asarray(keras.ops.vectorized_map(schedule, np.arange(steps + 1, dtype=np.float32)))
    expected = by_formula(peak, warmup, steps)
    np.testing.assert_allclose(rates[:warmup], expected[:warmup], rtol=1e-5)
    bound = 0.92 * peak / (steps - warmup) if warmup else 0
    np.testing.assert_allclose(rates[:-1], expected[:-1], rtol=0, atol=bound + 1e-6 * peak)
    assert rates[-1] == pytest.approx(0, abs=1e-6 * peak)


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_the_rate_comes_down_at_the_end_of_the_run_and_not_before(accumulate):
    config = TrainConfig(accumulate=accumulate, warmup_share=0.0, learning_rate=1e-3)
    optimizer = make_optimizer(config, 16, 16)
    variable = keras.Variable(np.zeros(3, np.float32))
    optimizer.build([variable])
    peak, rates = scaled_rate(config, 16), []
    for _ in range(16):
        optimizer.apply([np.ones(3, np.float32)])
        rates.append(float(np.asarray(optimizer.learning_rate)))
    assert rates[7] == pytest.approx(peak / 2, rel=0.01)
    assert rates[14] > 0
    assert rates[15] == pytest.approx(0, abs=1e-9)


def test_no_warm_up_begins_at_the_peak():
    assert float(warmup_cosine(0.2, 0, 10)(0)) == pytest.approx(0.2)


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.04), ("adamw", 0.02), ("rmsprop", 0.02)])
def test_the_rate_is_scaled_with_the_batch(optimizer, rate):
    config = TrainConfig(optimizer=optimizer, learning_rate=0.01, accumulate=2)
    assert scaled_rate(config, 32) == pytest.approx(rate)
    assert float(make_optimizer(config, 32, 100).learning_rate) >= 0


def test_weight_decay_spares_norms_biases_and_depthwise_kernels():
    network = build_ssdlite(MODEL, 2)
    spared = {variable.path for variable in without_decay(network)}
    decayed = {v.path for v in network.trainable_variables} - spared
    assert all(path.endswith("/kernel") for path in decayed)
    assert not any("depthwise" in path for path in decayed)
    assert "head_0_class_conv/bias" in spared
    assert "conv1/kernel" in decayed


def test_a_backbone_learns_less_the_longer_the_run():
    auto = TrainConfig(backbone_rate="auto")
    shares = [backbone_share(auto, batches, "coco") for batches in (1, 500, 1000, 4000, 10**6)]
    assert shares == [1, 1, 0.5, 0.125, 0.1]
    assert backbone_share(auto, 10**6, "none") == 1
    assert backbone_share(auto.model_copy(update={"accumulate": 4}), 4000, "coco") == 0.5
    assert backbone_share(TrainConfig(backbone_rate=0.3), 1, "none") == 0.3


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_some_variables_learn_at_a_share_of_the_rate(optimizer):
    """Each as with an optimizer of that rate alone."""
    gradients = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)

    def trained(config, slow, share=1.0):
        variables = [keras.Variable(np.ones(4, np.float32)) for _ in range(2)]
        one = make_optimizer(config, 16, 100, [variables[i] for i in slow], share)
        one.build(variables)
        for gradient in gradients:
            one.apply([gradient, gradient])
        return [np.asarray(variable) for variable in variables]

    shared = {"optimizer": optimizer, "weight_decay": 0.0, "clip_norm": 1e6}
    whole = TrainConfig(**shared, learning_rate=1e-2)
    slow, fast = trained(whole, slow=[0], share=0.1)
    alone = TrainConfig(**shared, learning_rate=1e-3)
    np.testing.assert_allclose(slow, trained(alone, slow=[])[0], rtol=1e-5)
    np.testing.assert_allclose(fast, trained(whole, slow=[])[0], rtol=1e-6)
    assert np.abs(fast - 1).max() > 5 * np.abs(slow - 1).max()


@pytest.mark.parametrize("head", ["ssdlite", "ssdlite_plus"])
def test_the_backbone_is_all_that_comes_before_pyramid_extras_and_heads(head):
    network = build_detector(MODEL.model_copy(update={"head": head}), 2)
    slow = {variable.path.partition("/")[0] for variable in backbone_variables(network)}
    layers = {layer.name for layer in network.layers if layer.trainable_weights}
    assert "conv1" in slow and "conv_pw_13" in slow
    assert {name.partition("_")[0] for name in layers - slow} <= {"extra", "neck", "head"}
    assert not any(name.startswith(("extra", "neck", "head")) for name in slow)
