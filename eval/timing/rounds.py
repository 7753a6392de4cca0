"""Interleaved timing rounds: contenders take turns, so that machine drift affects all alike."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.errors import UserError
from detector.hardware import usable_cores
from eval.timing.worker import About, Contender, serve

if TYPE_CHECKING:
    from tqdm import tqdm

STARTS = 3
"""Most starts of each contender; the first of all also pays for reading cold files."""

THROUGHPUT_S = 3.0
"""Seconds that all workers of a contender run at once, in each of two passes."""

_END_S = 5.0  # for a worker to end by itself


@dataclass
class Measured:
    """What was measured of a contender.

    Attributes:
        contender: what was timed.
        about: what it says of itself.
        starts_s: seconds from the start of a process to its first detection.
        rounds: of each round, milliseconds by `worker.COLUMNS`, `(N, 6)`.
        peak_memory_mb: of the process that ran the rounds.
        images_per_s: of all workers together in throughput mode, in each pass.
    """

    contender: Contender
    about: About
    starts_s: list[float] = field(default_factory=list)
    rounds: list[np.ndarray] = field(default_factory=list)
    peak_memory_mb: float = 0.0
    images_per_s: list[float] = field(default_factory=list)


class Worker:
    """A contender in a process that has been started; a context manager that ends it."""

    def __init__(self, contender: Contender, images: Sequence[Path]) -> None:
        context = multiprocessing.get_context("spawn")  # nothing of this process in its memory
        self._model = contender.model
        self._connection, theirs = context.Pipe()
        self._started = time.perf_counter()
        self._process = context.Process(target=serve, args=(theirs, contender, images), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *raised: object) -> None:
        if raised[0] is None:
            self.send()
            self._process.join(_END_S)
        self._process.terminate()
        self._process.join()
        self._connection.close()

    def ready(self) -> tuple[About, float]:
        """Wait for the first detection: what the contender is, and seconds since the start."""
        about = self.receive()
        return about, time.perf_counter() - self._started

    def send(self, *order: object) -> None:
        """Give an order of `worker.serve`; none ends the process."""
        self._connection.send(order)

    def receive(self) -> Any:
        """Wait for the result.

        Raises:
            UserError: the contender cannot be loaded, or its process has died.
        """
        try:
            result = self._connection.recv()
        except (EOFError, ConnectionError) as error:
            self._process.join(_END_S)
            code = self._process.exitcode
            raise UserError(
                f"the process that ran {self._model} died (exit code {code}); out of memory?"
            ) from error
        if isinstance(result, Exception):
            raise result
        return result


def measure(contenders: Sequence[Contender], images: Sequence[Path], rounds: int) -> list[Measured]:
    """Start-up, rounds and throughput, one for each contender, with a progress bar.

    Args:
        contenders: what to time; the first turn of the first round is the first one's.
        images: files; a turn is all of them.
        rounds: how often each contender has its turn.

    Raises:
        UserError: a contender cannot be loaded, or an image not be read.
    """
    from tqdm import tqdm

    starts = min(rounds, STARTS)
    engines = list(dict.fromkeys(replace(contender, threads=1) for contender in contenders))
    steps = len(contenders) * (rounds + starts) + 2 * len(engines)
    with tqdm(total=steps, desc="timing", unit="turn", delay=2) as progress:
        measured = _take_turns(contenders, images, rounds, progress)
        for one in measured * (starts - 1):
            with Worker(one.contender, images) as worker:
                one.starts_s.append(worker.ready()[1])
            progress.update()
        for engine in [*engines, *reversed(engines)]:
            rate = _work_at_once(engine, images)
            for one in measured:
                if replace(one.contender, threads=1) == engine:
                    one.images_per_s.append(rate)
            progress.update()
    return measured


def _take_turns(
    contenders: Sequence[Contender], images: Sequence[Path], rounds: int, progress: tqdm[Any]
) -> list[Measured]:
    with ExitStack() as stack:
        pairs: list[tuple[Measured, Worker]] = []
        for contender in contenders:
            worker = stack.enter_context(Worker(contender, images))
            about, seconds = worker.ready()
            pairs.append((Measured(contender, about, [seconds]), worker))
            progress.update()
        for number in range(rounds):
            first = number % len(pairs)  # another one begins each time
            for one, worker in pairs[first:] + pairs[:first]:
                worker.send("turn")
                one.rounds.append(worker.receive())
                progress.update()
        for one, worker in pairs:
            worker.send("peak_memory_mb")
            one.peak_memory_mb = worker.receive()
    return [one for one, _ in pairs]


def _work_at_once(contender: Contender, images: Sequence[Path]) -> float:
    """Images per second of as many workers as there are cores, each with one thread."""
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(contender, images)) for _ in range(usable_cores())]
        for worker in workers:
            worker.ready()
        for worker in workers:
            worker.send("throughput", THROUGHPUT_S)
        return sum(worker.receive() for worker in workers)
