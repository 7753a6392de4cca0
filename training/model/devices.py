"""What Keras trains on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


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


@contextlib.contextmanager
def all_devices() -> Iterator[None]:
    """Models built within train on every GPU of this machine (TensorFlow alone).

    Source: `tf.distribute.MirroredStrategy`.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU")
    if len(devices) < 2:
        yield
        return
    with tf.distribute.MirroredStrategy([device.name for device in devices]).scope():
        yield
