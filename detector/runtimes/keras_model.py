"""Keras as a runtime: one compiled function with a fixed signature.

`model.predict` costs a data pipeline per call, and `jit_compile` was measured 12 times slower on
a CPU; neither is used.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


class KerasRuntime:
    """Runs a Keras network on one image or several at once.

    Args:
        network: from uint8 `(B, S, S, 3)` to `box_deltas` and `class_logits`.
    """

    name = "keras"

    def __init__(self, network: keras.Model) -> None:
        if keras.backend.backend() == "tensorflow":
            self._forward = _tensorflow_function(network, 1)
            self._forward_any = _tensorflow_function(network, None)
        else:
            self._forward = self._forward_any = network.predict_on_batch
        self.run(np.zeros((1, *network.input_shape[1:]), np.uint8))  # slow the first time

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `detector.runtimes.Runtime`."""
        outputs = (self._forward if len(images) == 1 else self._forward_any)(images)
        deltas, logits = (
            np.asarray(outputs[name]).copy() for name in ("box_deltas", "class_logits")
        )
        return deltas, logits


def _tensorflow_function(
    network: keras.Model, batch: int | None
) -> Callable[[np.ndarray], dict[str, Any]]:
    """For so many images at once; None for any number, traced when it is first called."""
    import tensorflow as tf

    signature = tf.TensorSpec((batch, *network.input_shape[1:]), tf.uint8)
    function = tf.function(lambda image: network(image, training=False), [signature])
    concrete = function.get_concrete_function() if batch else function
    return lambda image: concrete(tf.constant(image))
