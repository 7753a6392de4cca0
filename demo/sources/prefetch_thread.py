"""Prefetching in a thread, so that reading, detecting and drawing overlap."""

import math
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

STEP_S = 0.05
"""A signal handler cannot wake a waiting thread, so nobody waits for longer at once."""


class Prefetcher(Generic[T]):
    """Iterates in a thread of its own, one item ahead of its consumer.

    Args:
        items: iterated in the thread; none of them is None.
        name: of the thread.
        newest: an item that nobody took is replaced by the next; otherwise the thread waits.
    """

    def __init__(self, items: Iterable[T], name: str, newest: bool = False) -> None:
        self._items, self._newest = items, newest
        self._item: T | None = None
        self._error: BaseException | None = None
        self._finished = self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to take, and never will be."""
        with self._changed:
            return self._finished and self._item is None and self._error is None

    def wait(self, seconds: float = math.inf) -> bool:
        """Whether there is an item to take, or one comes within so many seconds."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._item is None and not self._finished:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, STEP_S))
            return self._item is not None

    def take(self, seconds: float = math.inf) -> T | None:
        """The next item; None after the last, or if none comes within so many seconds.

        Raises:
            BaseException: what the iteration raised, once, after its last item.
        """
        self.wait(seconds)
        with self._changed:
            item, self._item = self._item, None
            self._changed.notify_all()
            if item is None and self._finished and self._error:
                error, self._error = self._error, None
                raise error
            return item

    def __iter__(self) -> Iterator[T]:
        return iter(self.take, None)

    def close(self, seconds: float = 2.0) -> bool:
        """Ask for no further item; whether the thread has ended within so many seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    if not self._newest:
                        self._changed.wait_for(lambda: self._item is None or self._closing)
                    self._item = item
                    self._changed.notify_all()
                    if self._closing:
                        break
        except BaseException as error:  # raised again in the thread that takes
            self._error = error
        finally:
            with self._changed:
                self._finished = True
                self._changed.notify_all()
