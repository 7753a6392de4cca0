"""Batches loaded ahead: the next one is made while a step runs on the one before."""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

from training.batches.loader import Batch, Loader


class Prefetch:
    """The batches of a loader, epoch after epoch without end.

    Args:
        loader: of the training images.
        epoch: of the first batch.
        step: of the first batch, in its epoch.

    Attributes:
        waited: seconds in which no batch was ready.
    """

    def __init__(self, loader: Loader, epoch: int, step: int) -> None:
        self.waited = 0.0
        self._batches = _endless(loader, epoch, step)
        self._pool = ThreadPoolExecutor(1, "prefetch")
        self._next = self._pool.submit(next, self._batches)

    def next(self) -> Batch:
        """The next batch.

        Raises:
            UserError: no image can be read.
        """
        begun = time.perf_counter()
        batch = self._next.result()
        self.waited += time.perf_counter() - begun
        self._next = self._pool.submit(next, self._batches)
        return batch

    def close(self) -> None:
        """Let go of the batch ahead, and of the threads."""
        self._pool.shutdown(cancel_futures=True)
        self._batches.close()


def _endless(loader: Loader, epoch: int, step: int) -> Generator[Batch, None, None]:
    while True:
        yield from loader.batches(epoch, step)
        epoch, step = epoch + 1, 0
