"""Training of a MobileNet classifier: batches, light augmentation, AdamW with cosine decay.

A small network hardly overfits, so that it is regularised little.

Source: Howard et al. 2017, section 3.2: less augmentation and regularisation than large networks
want, only slightly cut images, and little or no weight decay on depthwise kernels.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import keras
import numpy as np

from configs.errors import UserError
from training.classifier.class_data import Loaded

BATCH_SIZE = 32
_LEARNING_RATE = 5e-3  # peak
_WARM_UP = 0.05  # share of the steps
_WEIGHT_DECAY = 4e-3  # AdamW's; only on kernels that mix channels
_LABEL_SMOOTHING = 0.05
_SHIFT = 1 / 8  # of the side, at most, either way: CIFAR's usual 4 px of 32
_EPOCHS, _LEAST_STEPS = 30, 1200  # few images are shown more often: random weights need steps
# Of the moving statistics. The backbones' own 0.999 would keep 67 % of their initial values for
# 400 steps; no run keeps them longer than about a tenth of its steps.
_SHORT_RUN, _SHORT_RUN_MOMENTUM, _LEAST_MOMENTUM = 5000, 0.97, 0.5


def enough_epochs(images: int) -> int:
    """30, or more where so few images make few steps."""
    return max(_EPOCHS, math.ceil(_LEAST_STEPS / math.ceil(images / BATCH_SIZE)))


def fit(
    network: keras.Model, train: Loaded, held_out: Loaded, epochs: int, seed: int, mirror: bool
) -> None:
    """Train a classifier; progress goes to stdout. The weights are those of the last epoch.

    Args:
        network: of `detector.backbones.build_classifier`; it is left compiled.
        train: at least one image.
        held_out: measured after each epoch; nothing is chosen by it.
        epochs: over the training images.
        seed: of the order and the augmentation.
        mirror: whether an image may be shown mirrored.

    Raises:
        UserError: the loss is not finite.
    """
    num_classes = network.output_shape[-1]
    batches = Batches(train, num_classes, seed, mirror)
    steps = len(batches) * epochs
    if steps < _SHORT_RUN:
        momentum = min(_SHORT_RUN_MOMENTUM, max(_LEAST_MOMENTUM, 1 - 10 / steps))
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = momentum
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=_LABEL_SMOOTHING)
    network.compile(make_optimizer(network, steps), loss, metrics=["accuracy"])
    verbose: Any = 1 if sys.stdout.isatty() else 2  # Any: Keras annotates its default only
    history = network.fit(
        batches,
        validation_data=Batches(held_out, num_classes),
        epochs=epochs,
        shuffle=False,  # Batches does it, by the seed
        verbose=verbose,
        callbacks=[keras.callbacks.TerminateOnNaN()],
    )
    if not np.isfinite(history.history["loss"][-1]):
        raise UserError("the loss is not finite any more; try another --seed, and check the data")


def make_optimizer(network: keras.Model, steps: int) -> keras.optimizers.Optimizer:
    """AdamW with a warm-up and a cosine down to zero."""
    warm_up = max(1, round(steps * _WARM_UP))
    schedule: Any = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=_LEARNING_RATE, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=_WEIGHT_DECAY)
    decayed = {id(kernel) for kernel in _mixing_kernels(network)}
    optimizer.exclude_from_weight_decay(
        [weight for weight in network.trainable_variables if id(weight) not in decayed]
    )
    return optimizer


def _mixing_kernels(network: keras.Model) -> list[Any]:
    kinds = (keras.layers.Conv2D, keras.layers.Dense)  # a DepthwiseConv2D is neither
    return [layer.kernel for layer in network.layers if isinstance(layer, kinds)]


class Batches(keras.utils.PyDataset):
    """Batches of images and one-hot labels; all of an epoch have one size while training.

    Args:
        images: at least one.
        num_classes: C.
        seed: of a training run; None shows the images as they are, in their order.
        mirror: whether an image may be shown mirrored.
    """

    def __init__(
        self, images: Loaded, num_classes: int, seed: int | None = None, mirror: bool = False
    ) -> None:
        super().__init__()
        self._images, self._seed, self._mirror = images, seed, mirror
        self._targets = np.eye(num_classes, dtype=np.float32)
        self._epoch = -1
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._images.labels) / BATCH_SIZE)

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch; a short last batch is filled up with its first."""
        self._epoch += 1
        count = len(self._images.labels)
        if self._seed is None:
            self._order = np.arange(count)
        else:
            order = np.random.default_rng([self._seed, self._epoch]).permutation(count)
            self._order = np.resize(order, len(self) * BATCH_SIZE)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self._order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        images = self._images.images[chosen]
        if self._seed is not None:
            generator = np.random.default_rng([self._seed, self._epoch, index])
            images = augment(images, generator, self._mirror)
        return images, self._targets[self._images.labels[chosen]]


def augment(images: np.ndarray, generator: np.random.Generator, mirror: bool) -> np.ndarray:
    """Shift each image a little, its edge repeated, and mirror every other one.

    Args:
        images: uint8 `(B, S, S, 3)`; left alone.
        generator: of the random numbers.
        mirror: whether to.

    Returns:
        uint8 `(B, S, S, 3)`.
    """
    count, side = images.shape[:2]
    most = round(side * _SHIFT)
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    places = generator.integers(0, 2 * most, (count, 2), endpoint=True)
    is_mirrored = mirror & (generator.random(count) < 0.5)
    shifted = np.empty_like(images)
    for i, (top, left) in enumerate(places.tolist()):
        shifted[i] = padded[i, top : top + side, left : left + side][
            :, :: -1 if is_mirrored[i] else 1
        ]
    return shifted
