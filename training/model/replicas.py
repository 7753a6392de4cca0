"""Several devices that train one model, each on a part of every batch (TensorFlow alone)."""

from __future__ import annotations

import contextlib
from typing import Any

import keras

Tensor = Any


def count() -> int:
    """How many parts the batch at hand has; 1 where there is one device."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def scope(model: keras.Model) -> contextlib.AbstractContextManager[Any]:
    """Within it a model's optimizer is made, for all devices that the model was made for."""
    if keras.backend.backend() != "tensorflow":
        return contextlib.nullcontext()
    made_for: Any = model
    return made_for.distribute_strategy.scope()


def total(value: Tensor) -> Tensor:
    """The sum over all parts of the batch, inside a training step."""
    if count() == 1:
        return value
    import tensorflow as tf

    context: Any = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value) if context else value
