"""Keras as a runtime: one compiled function with a fixed signature.

`model.predict` costs a data pipeline per call, and `jit_compile` was measured 12 times slower on
a CPU; neither is used.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


class KerasRuntime:
    """Runs a Keras network image by image.

    Args:
        network: from uint8 `(B, S, S, 3)` to `box_deltas` and `class_logits`.
    """

    name = "keras"

    def __init__(self, network: keras.Model) -> None:
        self._call = _compile(network)

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `detector.runtimes.Runtime`."""
        deltas, logits = zip(*(self._call(image[None]) for image in images), strict=True)
        return np.concatenate(deltas), np.concatenate(logits)


def _compile(network: keras.Model) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function from one uint8 image `(1, S, S, 3)` to the two raw outputs as NumPy arrays."""
    if keras.backend.backend() == "tensorflow":
        forward = _tensorflow_function(network)
    else:
        forward = network.predict_on_batch

    def call(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = forward(image)
        return np.asarray(outputs["box_deltas"]), np.asarray(outputs["class_logits"])

    call(np.zeros((1, *network.input_shape[1:]), np.uint8))  # the first call is slow: have it now
    return call


def _tensorflow_function(network: keras.Model) -> Callable[[np.ndarray], dict[str, Any]]:
    import tensorflow as tf

    signature = tf.TensorSpec((1, *network.input_shape[1:]), tf.uint8)
    function = tf.function(lambda image: network(image, training=False))
    concrete = function.get_concrete_function(signature)
    return lambda image: concrete(tf.constant(image))
