import keras
import numpy as np
import pytest

from configs.schema import Config, TrainConfig
from detector.anchors import model_anchors
from detector.ssdlite import build_ssdlite
from training.batches.loader import Batch
from training.batches.targets import BACKGROUND, assign_targets
from training.model.keras_cv_parts import has_keras_cv, make_smooth_l1, make_threshold_match
from training.model.losses import DetectionLoss, summed_smooth_l1
from training.model.optimizer import (
    make_optimizer,
    scaled_rate,
    warmup_cosine,
    without_decay,
)
from training.model.trainer import Trainer, as_tensors

pytestmark = pytest.mark.keras

MODEL = {"backbone": "mobilenet_v1", "input_size": 96, "width_multiplier": 0.25}
CONFIG = Config.model_validate({"model": MODEL})


def small_batch(seed=0, count=4) -> Batch:
    """Bright rectangles on dark noise, one or none per image."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, (count, 96, 96, 3), np.uint8)
    boxes = np.zeros((count, 3, 4), np.float32)
    labels = np.full((count, 3), -1)
    for row in range(count - 1):
        x, y = rng.integers(5, 40, 2)
        images[row, y : y + 45, x : x + 45] = 220
        boxes[row, 0] = np.array([x, y, x + 45, y + 45]) / 96
        labels[row, 0] = 1
    return Batch(images, boxes, labels, np.zeros((count, 3), bool), np.arange(count))


def make_trainer(config=CONFIG):
    """Runs step by step: in a test, building the graph would take longer than all steps."""
    trainer = Trainer(build_ssdlite(config.model, 2), config)
    trainer.compile(optimizer=keras.optimizers.Adam(1e-3), run_eagerly=True)
    return trainer


def test_the_reported_loss_is_that_of_targets_and_outputs():
    trainer, batch = make_trainer(), small_batch()
    anchors = model_anchors(CONFIG.model)
    variances = CONFIG.model.anchors.variances
    targets = assign_targets(
        batch.boxes_fraction, batch.labels, batch.is_ignored, anchors, variances
    )
    outputs = trainer.network(batch.images, training=False)
    loss = DetectionLoss(CONFIG.losses, anchors, variances, "sigmoid")(
        outputs["box_deltas"], outputs["class_logits"], targets
    )
    measured = trainer.evaluate(*as_tensors(batch), batch_size=4, verbose=0, return_dict=True)
    assert measured["loss"] == pytest.approx(float(loss.total), rel=1e-4)
    assert measured["classification_loss"] == pytest.approx(float(loss.classification), rel=1e-4)
    assert measured["box_loss"] == pytest.approx(float(loss.box), rel=1e-4)


def test_fit_learns():
    trainer, batch = make_trainer(), small_batch()
    losses = [trainer.train_on_batch(*as_tensors(batch), return_dict=True) for _ in range(8)]
    assert losses[-1]["loss"] < 0.9 * losses[0]["loss"]


def test_two_runs_are_the_same():
    losses = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        trainer = make_trainer()
        data = (as_tensors(small_batch(seed)) for seed in range(3))
        trainer.fit(data, steps_per_epoch=3, epochs=1, shuffle=False, verbose=0)
        losses.append(trainer.network.get_weights())
    for one, other in zip(*losses, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_average_follows_the_weights_ever_more_slowly():
    config = Config.model_validate({**CONFIG.model_dump(), "train": {"ema_momentum": 0.25}})
    trainer = make_trainer(config)
    weights = [trainer.network.get_weights()]
    expected = [np.float64(one) for one in weights[0]]
    for step in (1, 2, 3):
        decay = min(0.25, (1 + step) / (10 + step))  # 2/11, 3/12, then the momentum
        expected = [decay * a + (1 - decay) * w for a, w in zip(expected, weights[-1], strict=True)]
        trainer.train_on_batch(*as_tensors(small_batch(step)))
        weights.append(trainer.network.get_weights())
    found = trainer.averaged_weights
    assert any(np.any(a != b) for a, b in zip(found, weights[0], strict=True))
    for variable, a, b in zip(trainer.network.weights, found, expected, strict=True):
        if variable.trainable:  # statistics of batch norm move before the average does
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_without_momentum_there_is_no_average():
    config = Config.model_validate({**CONFIG.model_dump(), "train": {"ema_momentum": 0.0}})
    assert make_trainer(config).averaged_weights == []


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
    network = build_ssdlite(CONFIG.model, 2)
    spared = {variable.path for variable in without_decay(network)}
    decayed = {v.path for v in network.trainable_variables} - spared
    assert all(path.endswith("/kernel") for path in decayed)
    assert not any("depthwise" in path for path in decayed)
    assert "head_0_class_conv/bias" in spared
    assert "conv1/kernel" in decayed


needs_keras_cv = pytest.mark.skipif(not has_keras_cv(), reason="keras-cv needs Keras on TensorFlow")


def crowded_scenes(seed):
    """Boxes of all sizes, copies of one another among them, padding and crowds."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 0.8, (3, 20, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0.02, 0.2, (3, 20, 2))], -1)
    boxes[:, 7] = boxes[:, 3]  # two objects that want the same anchors
    labels = rng.integers(0, 5, (3, 20))
    labels[:, 15:], boxes[:, 15:] = -1, 0
    labels[2] = -1  # an image without objects
    return boxes.astype(np.float32), labels.astype(np.int32), rng.random((3, 20)) < 0.2


@needs_keras_cv
@pytest.mark.parametrize("seed", range(5))
def test_matching_by_keras_cv_is_ours(seed):
    boxes, labels, ignored = crowded_scenes(seed)
    rng = np.random.default_rng(100 + seed)
    centres = rng.uniform(0.1, 0.9, (300, 2))
    sizes = rng.uniform(0.03, 0.15, (300, 2))
    anchors = np.concatenate([centres - sizes, centres + sizes], -1).astype(np.float32)
    variances = (0.1, 0.1, 0.2, 0.2)
    ours = assign_targets(boxes, labels, ignored, anchors, variances, 0.5)
    theirs = assign_targets(
        boxes,
        labels,
        ignored,
        keras.ops.convert_to_tensor(anchors),
        variances,
        0.5,
        keras.ops,
        make_threshold_match(0.5),
    )
    assert (ours.class_targets > 0).any()
    np.testing.assert_array_equal(theirs.class_targets, ours.class_targets)
    np.testing.assert_allclose(theirs.box_targets, ours.box_targets, rtol=1e-4, atol=1e-4)


@needs_keras_cv
def test_the_threshold_itself_is_a_match():
    match = make_threshold_match(0.5)
    iou = np.array([[[0.5, 0.4999, 0.0], [0.2, 0.1, 0.9]]], np.float32)  # (B, N, A)
    np.testing.assert_array_equal(match(iou), [[0, BACKGROUND, 1]])


@needs_keras_cv
def test_smooth_l1_by_keras_cv_is_ours():
    wanted, found = np.random.default_rng(0).normal(0, 2, (2, 3, 50, 4)).astype(np.float32)
    theirs = make_smooth_l1()(wanted, found)
    np.testing.assert_allclose(theirs, summed_smooth_l1(wanted, found), rtol=1e-5)
