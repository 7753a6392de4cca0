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
        if keras.backend.backend() == "tensorflow":
            self._forward = _tensorflow_function(network)
        else:
            self._forward = network.predict_on_batch
        self.run(np.zeros((1, *network.input_shape[1:]), np.uint8))  # slow the first time

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `detector.runtimes.Runtime`."""
        outputs = [self._forward(image[None]) for image in images]
        deltas, logits = (
            np.concatenate([np.asarray(one[name]) for one in outputs])
            for name in ("box_deltas", "class_logits")
        )
        return deltas, logits


def _tensorflow_function(network: keras.Model) -> Callable[[np.ndarray], dict[str, Any]]:
    import tensorflow as tf

    signature = tf.TensorSpec((1, *network.input_shape[1:]), tf.uint8)
    function = tf.function(lambda image: network(image, training=False))
    concrete = function.get_concrete_function(signature)
    return lambda image: concrete(tf.constant(image))
