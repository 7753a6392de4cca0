"""Prefetching in a thread, so that reading, detecting and drawing overlap."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

STEP_S = 0.05
"""A signal handler cannot wake a waiting thread, so nobody waits for longer at once."""


class Prefetcher(Generic[T]):
    """Iterates in a thread of its own, ahead of its consumer.

    Args:
        items: iterated in the thread; none of them is None.
        name: of the thread.
        newest: an item that nobody took is replaced by the next; otherwise the thread waits.
        is_full: whether it waits, by the items that nobody has taken yet; for one at most.
    """

    def __init__(
        self,
        items: Iterable[T],
        name: str,
        newest: bool = False,
        is_full: Callable[[Sequence[T]], bool] = bool,
    ) -> None:
        self._items, self._newest, self._is_full = items, newest, is_full
        self._waiting: deque[T] = deque()
        self._error: BaseException | None = None
        self._finished = self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to take, and never will be."""
        with self._changed:
            return self._finished and not self._waiting and self._error is None

    def wait(self, seconds: float = math.inf) -> bool:
        """Whether there is an item to take, or one comes within so many seconds."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (self._waiting or self._finished):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, STEP_S))
            return bool(self._waiting)

    def take(self, seconds: float = math.inf) -> T | None:
        """The next item; None after the last, or if none comes within so many seconds.

        Raises:
            BaseException: what the iteration raised, once, after its last item.
        """
        self.wait(seconds)
        with self._changed:
            item = self._waiting.popleft() if self._waiting else None
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
                    if self._newest:
                        self._waiting.clear()
                    self._changed.wait_for(
                        lambda: self._closing or not self._is_full(self._waiting)
                    )
                    self._waiting.append(item)
                    self._changed.notify_all()
                    if self._closing:
                        break
        except BaseException as error:  # raised again in the thread that takes
            self._error = error
        finally:
            with self._changed:
                self._finished = True
                self._changed.notify_all()
