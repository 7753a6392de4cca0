import keras
import numpy as np
import pytest

from detector.backbones import build_classifier
from training.classifier.class_data import Loaded
from training.classifier.classifier_fit import BATCH_SIZE, Batches, augment, make_optimizer

pytestmark = pytest.mark.keras

SEED = 3


@pytest.fixture
def images():
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    return Loaded(images, np.arange(40) % 3, [])


def test_shown_as_they_are_images_come_once_and_in_order(images):
    batches = Batches(images, 3)
    shown = [batches[i] for i in range(len(batches))]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in shown]), images.images)
    np.testing.assert_array_equal(np.concatenate([y for _, y in shown]).argmax(1), images.labels)


def test_an_epoch_of_training_has_every_image_in_batches_of_one_size(images):
    images.images[:] = np.arange(40)[:, None, None, None]  # each of one grey, which stays
    batches = Batches(images, 3, SEED, mirror=True)
    shown = [batches[i] for i in range(len(batches))]
    assert [len(x) for x, _ in shown] == [BATCH_SIZE] * 2
    greys = np.concatenate([x for x, _ in shown])[:, 0, 0, 0]
    assert set(greys) == set(range(40))
    labels = np.concatenate([y for _, y in shown]).argmax(1)
    np.testing.assert_array_equal(labels, images.labels[greys])


def test_the_seed_and_the_epoch_decide_what_is_shown(images):
    first, again = Batches(images, 3, SEED, mirror=True), Batches(images, 3, SEED, mirror=True)
    before = first[1][0]
    np.testing.assert_array_equal(before, again[1][0])
    again.on_epoch_end()
    assert (before != again[1][0]).any()
    assert (before != Batches(images, 3, SEED + 1, mirror=True)[1][0]).any()


def test_a_shift_is_at_most_an_eighth_and_repeats_the_edge():
    row = np.arange(16, dtype=np.uint8)
    images = np.broadcast_to(row[:, None], (200, 16, 16, 3))
    shown = augment(images, np.random.default_rng(0), mirror=False)
    shifts = set()
    for one in shown[:, 0, :, 0].astype(int):
        shift = next(s for s in range(-2, 3) if (one == np.clip(row.astype(int) + s, 0, 15)).all())
        shifts.add(shift)
    assert shifts == {-2, -1, 0, 1, 2}


@pytest.mark.parametrize("mirror", [False, True])
def test_about_half_are_mirrored_if_at_all(mirror):
    images = np.zeros((400, 16, 16, 3), np.uint8)
    images[:, :, 8:] = 255
    shown = augment(images, np.random.default_rng(0), mirror)
    share = (shown[:, 8, 0, 0] == 255).mean()
    assert 0.4 < share < 0.6 if mirror else share == 0


def test_weight_decay_is_kept_from_depthwise_kernels_norms_and_biases():
    network = build_classifier("mobilenet_v1", 3, 0.25, 32)
    optimizer = make_optimizer(network, steps=100)
    decayed = {
        weight.path for weight in network.trainable_variables if optimizer._use_weight_decay(weight)
    }
    mixing = {f"conv_pw_{block}/kernel" for block in range(1, 14)}
    assert decayed == {"conv1/kernel", *mixing, "conv_preds/kernel"}


def test_the_learning_rate_warms_up_and_ends_at_zero():
    network = build_classifier("mobilenet_v1", 3, 0.25, 32)
    schedule = make_optimizer(network, steps=200)._learning_rate
    rates = [float(keras.ops.convert_to_numpy(schedule(step))) for step in (0, 5, 10, 100, 200)]
    assert rates[0] == 0 and rates[-1] == pytest.approx(0, abs=1e-9)
    assert rates[2] == max(rates) and rates[1] == pytest.approx(rates[2] / 2)
