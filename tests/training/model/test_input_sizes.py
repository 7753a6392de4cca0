from typing import Any

import keras
import numpy as np
import pytest

from configs.load import load_config
from configs.schema import Config, ModelConfig
from detector.anchors import anchors_per_cell, feature_sizes, model_anchors
from detector.ssdlite import build_ssdlite
from training.batches.loader import Batch
from training.batches.targets import assign_targets
from training.model.input_sizes import at_other_input_sizes, with_layers_of
from training.model.losses import DetectionLoss
from training.model.networks import make_networks
from training.model.trainer import Trainer

pytestmark = pytest.mark.keras

CONFIG = load_config(
    "finetune",
    [
        *("model.backbone=mobilenet_v1", "model.input_size=96", "model.width_multiplier=0.25"),
        *("train.input_sizes=[160,96,128]", "train.freeze_norm=true", "model.head=ssdlite"),
    ],
)
MODEL = CONFIG.model


def make_trainer(config: Config = CONFIG, **compiled) -> Trainer:
    norm = {"norm": None}
    network = build_ssdlite(config.model, 2, **norm)
    others = [
        with_layers_of(network, build_ssdlite(one.model, 2, **norm))
        for one in at_other_input_sizes(config)
    ]
    trainer = Trainer(network, config, others)
    trainer.compile(optimizer=keras.optimizers.SGD(1e-3), **compiled)
    return trainer


def batch_of(size: int, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    batch = Batch.empty(2, size, 3)
    batch.images[:] = rng.integers(0, 256, batch.images.shape)
    batch.boxes_fraction[:, 0] = [0.2, 0.3, 0.7, 0.6]
    batch.labels[:, 0] = 1
    return batch


@pytest.mark.parametrize("backbone", ["mobilenet_v1", "mobilenet_v2"])
@pytest.mark.parametrize("norm", [keras.layers.BatchNormalization, None])
def test_a_network_of_another_size_has_the_same_weights_and_is_as_one_built_for_it(backbone, norm):
    small = ModelConfig(backbone=backbone, width_multiplier=0.25, input_size=96)
    network, built = build_ssdlite(small, 2, norm), build_ssdlite(small.at_size(160), 2, norm)
    other = with_layers_of(network, built)
    assert [id(one) for one in other.weights] == [id(one) for one in network.weights]
    assert (other.input_shape, other.output_shape) == (built.input_shape, built.output_shape)
    built.set_weights(network.get_weights())
    image = np.random.default_rng(0).integers(0, 256, (1, 160, 160, 3), np.uint8)
    for name, output in built(image).items():
        np.testing.assert_array_equal(other(image)[name], output)


def test_layers_without_weights_are_those_of_the_size():
    """Also such as resize to a fixed size, as between the levels of a pyramid."""

    def build(size):
        image = keras.Input((size, size, 3), name="image")
        x = keras.layers.Conv2D(4, 3, 2, padding="same", name="conv")(image)
        small = keras.layers.Conv2D(4, 3, 2, padding="same", name="down")(x)
        up = keras.layers.Resizing(*x.shape[1:3], interpolation="nearest", name="up")(small)
        joined = keras.layers.Add(name="join")([x, up])
        return keras.Model(image, keras.layers.Reshape((-1, 4), name="flat")(joined))

    network, built = build(24), build(30)
    other = with_layers_of(network, built)
    built.set_weights(network.get_weights())
    image = np.random.default_rng(0).random((1, 30, 30, 3), np.float32)
    np.testing.assert_array_equal(other(image), built(image))


def test_every_size_but_the_models_own_has_a_network():
    sizes = [one.model.input_size for one in at_other_input_sizes(CONFIG)]
    assert sizes == [128, 160]
    networks = make_networks(CONFIG, ("a", "b"), [], None, True, lambda _: None)
    assert [one.input_shape[1] for one in networks.at_other_sizes] == [128, 160]
    kept = {id(weight) for weight in networks.trained.weights}
    assert all({id(weight) for weight in one.weights} == kept for one in networks.at_other_sizes)


def test_a_step_at_each_size_is_that_of_a_trainer_of_this_size():
    """Loss and weights; and the average and the optimizer go on over all sizes."""
    trainer = make_trainer(run_eagerly=True)
    for size in (128, 96, 160):
        config = CONFIG.model_copy(update={"model": MODEL.at_size(size)})
        alone = Trainer(build_ssdlite(config.model, 2, norm=None), config)
        alone.compile(optimizer=keras.optimizers.SGD(1e-3), run_eagerly=True)
        alone.network.set_weights(trainer.network.get_weights())
        batch = batch_of(size)
        assert trainer.step(batch) == pytest.approx(alone.step(batch), rel=1e-5)
        pairs = zip(trainer.network.get_weights(), alone.network.get_weights(), strict=True)
        for one, other in pairs:
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert int(trainer.optimizer.iterations) == 3
    assert len(trainer.averaged_weights) == len(trainer.network.weights)


def test_losses_are_over_the_anchors_of_the_size():
    """By NumPy, of the outputs before the step."""
    trainer, batch = make_trainer(run_eagerly=True), batch_of(160)
    anchors = model_anchors(MODEL.at_size(160))
    built = with_layers_of(trainer.network, build_ssdlite(MODEL.at_size(160), 2, norm=None))
    outputs = built(batch.images)
    targets = assign_targets(
        batch.boxes_fraction, batch.labels, batch.is_ignored, anchors, MODEL.anchors.variances
    )
    loss = DetectionLoss(CONFIG.losses, anchors, MODEL.anchors.variances, "sigmoid")
    expected = loss(outputs["box_deltas"], outputs["class_logits"], targets)
    assert trainer.step(batch)["loss"] == pytest.approx(float(expected.total), rel=1e-4)


def pooling_network(size: int) -> keras.Model:
    """Anchors and outputs of a detector, of two layers: its graph is built in a second."""
    image = keras.Input((size, size, 3), dtype="uint8")
    pixels, outputs = keras.layers.Rescaling(1 / 255)(image), {}
    for name, channels in (("box_deltas", 4), ("class_logits", 3)):
        parts = []
        for level, (side, per_cell) in enumerate(
            zip(feature_sizes(MODEL.at_size(size)), anchors_per_cell(MODEL), strict=True)
        ):
            pooled = keras.layers.AveragePooling2D(-(-size // side), padding="same")(pixels)
            head = keras.layers.Conv2D(per_cell * channels, 1, name=f"{name}_{level}")(pooled)
            parts.append(keras.layers.Reshape((side * side * per_cell, channels))(head))
        outputs[name] = keras.layers.Concatenate(axis=1)(parts)
    return keras.Model(image, outputs)


@pytest.mark.slow
def test_a_graph_is_built_once_for_each_size():
    network = pooling_network(96)
    trainer = Trainer(network, CONFIG, [with_layers_of(network, pooling_network(128))])
    xla: Any = False
    trainer.compile(optimizer=keras.optimizers.SGD(1e-3), jit_compile=xla)
    call, traced = trainer.call, []

    def counted(images, training=None):
        traced.append(images.shape)
        return call(images, training)

    trainer.call = counted
    for size in (96, 128):
        trainer.step(batch_of(size))
    before = list(traced)
    assert {shape[1] for shape in before} == {96, 128}
    for seed, size in enumerate((96, 128, 128, 96)):
        trainer.step(batch_of(size, seed))
    assert traced == before


def test_compiled_anew_nothing_of_before_is_left():
    """As where a run is planned for fewer epochs: the new optimizer moves the weights."""
    trainer = make_trainer(run_eagerly=True)
    trainer.step(batch_of(128))
    trainer.compile(optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
    before = trainer.network.get_weights()
    trainer.step(batch_of(128))
    for one, other in zip(before, trainer.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
