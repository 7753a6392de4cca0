"""The devices that Keras trains on: whether there is a GPU, and data parallelism over several.

Several GPUs train one model, each on a part of every batch (replicas); on TensorFlow alone.
"""

from __future__ import annotations

import contextlib
from typing import Any

import keras
import numpy as np

Tensor = Any


def has_gpu() -> bool:
    """Whether Keras' backend runs on a GPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if backend == "jax":
        import jax  # pyright: ignore[reportMissingImports]

        return jax.default_backend() == "gpu"
    if backend == "torch":
        import torch  # pyright: ignore[reportMissingImports]

        return torch.cuda.is_available()
    return False


def all_devices() -> contextlib.AbstractContextManager[Any]:
    """Models built within train on every GPU of this machine.

    Source: `tf.distribute.MirroredStrategy`.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_logical_devices("GPU")
        if len(devices) > 1:
            return tf.distribute.MirroredStrategy([device.name for device in devices]).scope()
    return contextlib.nullcontext()


def replica_scope(model: keras.Model) -> contextlib.AbstractContextManager[Any]:
    """Within it a model's optimizer is made, for all devices that the model was made for."""
    made_for: Any = model
    is_tensorflow = keras.backend.backend() == "tensorflow"
    return made_for.distribute_strategy.scope() if is_tensorflow else contextlib.nullcontext()


def split_by_replica(model: keras.Model, batch: Any) -> Any:
    """A batch in one part for each device that the model was made for; as it is for one.

    Args:
        model: built within `all_devices`.
        batch: arrays, in tuples and dictionaries, with an equal first axis.
    """
    if keras.backend.backend() != "tensorflow":
        return batch
    import tensorflow as tf

    made_for: Any = model
    count = made_for.distribute_strategy.num_replicas_in_sync
    if count == 1:
        return batch

    def part(context: Any) -> Any:
        number = context.replica_id_in_sync_group
        return tf.nest.map_structure(
            lambda array: tf.constant(np.array_split(array, count)[number]), batch
        )

    return made_for.distribute_strategy.experimental_distribute_values_from_function(part)


def replica_count() -> int:
    """How many parts the batch at hand has; 1 where there is one device."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_sum(value: Tensor) -> Tensor:
    """The sum over all parts of the batch, inside a training step."""
    if replica_count() == 1:
        return value
    import tensorflow as tf

    context: Any = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value) if context else value
