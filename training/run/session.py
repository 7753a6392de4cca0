"""A run while it goes on: what its callbacks share."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from configs.schema import Config
from training.model.networks import Networks
from training.model.trainer import Trainer
from training.run.prefetch import Feed
from training.run.run_folder import RunFolder
from training.run.state import Progress, are_finite, snapshot, write_state


@dataclass
class Session:
    """A run from its start, or from where it is resumed, to where it ends or pauses.

    Attributes:
        config: of the run.
        folder: of the run.
        networks: the one that trains, and the one that is kept.
        trainer: compiled and built.
        feed: of batches.
        steps: batches per epoch.
        epochs: planned.
        progress: how far the run has come.
        tell: takes a line for the user.
        pausing: what asked for a pause: the state is saved, the run goes on another time.
        begun: when this process began with it, as `time.monotonic` has it.
        epoch_ends: whether the epoch at hand is complete, measured where it is to be.
        failure: what is wrong, where training cannot go on.
    """

    config: Config
    folder: RunFolder
    networks: Networks
    trainer: Trainer
    feed: Feed
    steps: int
    epochs: int
    progress: Progress
    tell: Callable[[str], None]
    begun: float
    pausing: str = ""
    epoch_ends: bool = False
    failure: str = ""
    _seconds_before: float = 0.0

    def __post_init__(self) -> None:
        self._seconds_before = self.progress.seconds

    @property
    def seconds(self) -> float:
        """Spent on the run so far, over all resumptions."""
        return self._seconds_before + time.monotonic() - self.begun

    @property
    def is_halted(self) -> bool:
        """Whether the epoch at hand is not to be ended: it goes on later, or never."""
        return bool(self.pausing or self.failure)

    @property
    def is_last_epoch(self) -> bool:
        """Whether the run ends with the epoch at hand."""
        return bool(self.progress.ending) or self.progress.epoch + 1 >= self.epochs

    def save(self) -> None:
        """Write the state, unless a weight is no number: the last good one then stays.

        Raises:
            UserError: it cannot be written.
        """
        self.progress.seconds = self.seconds
        now = snapshot(self.trainer)
        if are_finite(now):
            write_state(self.folder.state, now, self.progress)


@contextlib.contextmanager
def pausing_on_signals(session: Session) -> Iterator[None]:
    """SIGTERM and Ctrl-C ask for a pause; the second time they do what they always do."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def pause(number: int, frame: Any) -> None:
        del frame
        session.pausing = signal.Signals(number).name
        for one, handler in before.items():
            signal.signal(one, handler)

    for number in before:
        signal.signal(number, pause)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
