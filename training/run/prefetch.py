"""Batches on their way into `fit`, and the time that training waits for them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras

from configs.errors import UserError
from configs.schema import Config
from training.batches.loader import Loader
from training.model.trainer import as_fit_data


class Feed:
    """The batches of a loader, epoch after epoch without end.

    Args:
        loader: of the training images.
        config: of that loader.

    Attributes:
        waited: seconds that training stood still for want of a batch.
        error: what ended the batches, where something did; `fit` reports it in its own way.
    """

    def __init__(self, loader: Loader, config: Config) -> None:
        self._loader, self._config = loader, config
        self.waited = 0.0
        self.error: Exception | None = None

    def from_step(self, epoch: int, step: int = 0) -> Any:
        """What `fit` takes: the batches from a step of an epoch on.

        They come one by one as training asks for them, the next made ready meanwhile; nothing
        queues elsewhere, so that the time in which training waits shows here.
        """
        if keras.backend.backend() != "tensorflow":
            return self._batches(epoch, step)
        import tensorflow as tf

        size = self._config.model.input_size
        rows = (self._config.loader.batch_size, self._loader.max_objects)
        signature = (
            tf.TensorSpec((rows[0], size, size, 3), "uint8"),
            {
                "boxes_fraction": tf.TensorSpec((*rows, 4), "float32"),
                "labels": tf.TensorSpec(rows, "int32"),
                "is_ignored": tf.TensorSpec(rows, "int32"),
            },
        )
        return tf.data.Dataset.from_generator(
            lambda: self._batches(epoch, step), output_signature=signature
        )

    @contextlib.contextmanager
    def own_errors(self) -> Iterator[None]:
        """Around `fit`, which wraps what ended the batches in words of its own."""
        try:
            yield
        except Exception:
            if isinstance(self.error, UserError):
                raise self.error from None
            raise

    def _batches(self, epoch: int, step: int) -> Iterator[Any]:
        try:
            with ThreadPoolExecutor(1, "feed") as pool:
                batches = self._endless(epoch, step)
                ahead = pool.submit(next, batches)
                while True:
                    begun = time.perf_counter()
                    batch = ahead.result()
                    self.waited += time.perf_counter() - begun
                    ahead = pool.submit(next, batches)
                    yield as_fit_data(batch)
        except Exception as error:
            self.error = error
            raise

    def _endless(self, epoch: int, step: int) -> Iterator[Any]:
        while True:
            yield from self._loader.batches(epoch, step)
            epoch, step = epoch + 1, 0
