import keras
import numpy as np
import pytest

from configs.schema import Config
from detector.anchors import model_anchors
from detector.network import build_detector
from training.batches.loader import Batch
from training.batches.targets import assign_targets
from training.model.losses import DetectionLoss
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
    trainer = Trainer(build_detector(config.model, 2), config)
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


@pytest.mark.parametrize(("head", "rate"), [("ssdlite", 1e-3), ("ssdlite_plus", 1e-2)])
def test_fit_learns(head, rate):
    config = Config.model_validate({"model": {**MODEL, "head": head}})
    trainer, batch = make_trainer(config), small_batch()
    trainer.optimizer.learning_rate = rate
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
