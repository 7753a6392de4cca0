"""The same work on many images, in threads: decoders let go of Python's lock meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from detector.hardware import usable_cores

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_AT_ONCE = 32  # items that a thread takes; one by one, small images take 1.3x the CPU time


def in_threads(function: Callable[[Item], Outcome], items: Sequence[Item]) -> Iterator[Outcome]:
    """What a function makes of each item, in their order; as many threads as cores.

    Raises:
        Exception: the first one of the function, when its item's turn comes.
    """

    def some(start: int) -> list[Outcome]:
        end = min(start + _AT_ONCE, len(items))
        return [function(items[index]) for index in range(start, end)]

    with ThreadPoolExecutor(usable_cores()) as pool:
        for outcomes in pool.map(some, range(0, len(items), _AT_ONCE)):
            yield from outcomes
