"""The epoch loop of a run, in the order in which things happen.

Each batch is loaded, trained on and checked; each epoch is validated, logged and saved. The loop
can stop behind any step and in any validation, and goes on from there, bit for bit.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from training.batches.loader import Loader
from training.model.networks import Networks
from training.model.trainer import Trainer
from training.run.log import Log
from training.run.prefetch import Prefetch
from training.run.run import Result, Run
from training.run.run_report import write_run_report
from training.run.state import State, are_finite, snapshot, write_state
from training.run.step_guard import require_finite
from training.run.tensorboard_log import TensorBoardLog
from training.run.validation import PausedError, Validated, Validation

RESERVE = 0.9
"""Of the time allowed; the last validation and the report take the rest."""


class Loop:
    """A run from where it is to its end, or to where a signal pauses it.

    Args:
        run: whose folder is made.
        loader: of its training images.
        networks: with the weights that training begins with.
        trainer: of `networks.trained`, compiled and built.
        state: how far the run has come; updated.
        begun: when this process began with it, as `time.monotonic` has it.
        tell: takes a line for the user.
    """

    def __init__(
        self,
        run: Run,
        loader: Loader,
        networks: Networks,
        trainer: Trainer,
        state: State,
        begun: float,
        tell: Callable[[str], None],
    ) -> None:
        self._run, self._loader, self._trainer, self._state = run, loader, trainer, state
        self._tell, self._begun, self._seconds_before = tell, begun, state.seconds
        self._pause = _Pause()
        self._validation = Validation(run, networks, self._pause, tell)
        self._saved_at = time.monotonic()

    def train(self) -> Result:
        """Train, and write the report.

        Raises:
            UserError: the loss is no longer finite, no image can be read, or the disk is full.
        """
        run, state = self._run, self._state
        try:
            with (
                self._pause.on_signals(),
                contextlib.closing(Prefetch(self._loader, state.epoch, state.step)) as batches,
                contextlib.closing(TensorBoardLog(run)) as board,
                contextlib.closing(Log(run, self._loader.steps, state, self._tell)) as log,
            ):
                if state == State():
                    self._save()  # from here on the run can be resumed
                # An epoch that was stopped is ended, also one that the run ends with.
                while state.step or (state.epoch < run.settings.epochs and not state.ending):
                    self._train_epoch(batches, log)
                    validated = self._validate()
                    self._end_epoch(validated, log, board)
        except PausedError:
            self._save()
        else:
            self._finish()
            return Result(state.best, state.epoch, len(self._loader.unreadable), "")
        return Result(state.best, state.epoch, len(self._loader.unreadable), self._pause.signal)

    def _train_epoch(self, batches: Prefetch, log: Log) -> None:
        state, limit = self._state, self._run.settings.seconds
        log.begin_epoch(batches.waited)
        while state.step < self._loader.steps and not state.ending:
            batch = batches.next()
            losses = self._trainer.step(batch)
            require_finite(losses, self._run, self._loader, self._trainer, state)
            state.end_step(losses)
            log.end_step(batches.waited)
            if limit and self._seconds > RESERVE * limit:
                state.ending = "the time is over"
            self._pause.heed()
            if time.monotonic() - self._saved_at > self._run.config.train.save_seconds:
                self._save()

    def _validate(self) -> Validated | None:
        """Measure and keep the model, where this epoch is to be validated."""
        state, config = self._state, self._run.config.train
        is_last = bool(state.ending) or state.epoch + 1 >= self._run.settings.epochs
        if not is_last and (state.epoch + 1) % config.evaluate_every:
            return None
        validated = self._validation.measure(self._trainer)
        self._validation.keep("last", validated.raw)
        state.since_best += 1
        if validated.better.ap > state.best:
            state.best, state.since_best = validated.better.ap, 0
            self._validation.keep("best", validated.better)
        if config.patience and state.since_best >= config.patience:
            state.ending = f"no better AP in {config.patience} evaluations"
        return validated

    def _end_epoch(self, validated: Validated | None, log: Log, board: TensorBoardLog) -> None:
        self._state.end_epoch(log.row(self._trainer, validated, self._seconds))
        self._run.folder.write_log(self._state.rows)
        log.say_epoch()
        board.write(self._state.rows[-1], validated)
        if validated:
            self._save()
        self._pause.heed()

    def _finish(self) -> None:
        """Write the report, and then the result."""
        state = self._state
        if state.ending:
            self._tell(f"ended behind epoch {state.epoch}: {state.ending}")
        state.seconds = self._seconds
        write_run_report(self._run, state)
        self._run.folder.finish(state)

    @property
    def _seconds(self) -> float:
        """Spent on the run so far, over all resumptions."""
        return self._seconds_before + time.monotonic() - self._begun

    def _save(self) -> None:
        """Write the state, unless a weight is not finite: the last good one then stays."""
        self._state.seconds = self._seconds
        now = snapshot(self._trainer)
        if are_finite(now):
            write_state(self._run.folder.state, now, self._state)
        self._saved_at = time.monotonic()


class _Pause:
    """A request to pause, by SIGTERM or Ctrl-C; a second one does what it always does.

    Attributes:
        signal: its name; "" before.
    """

    def __init__(self) -> None:
        self.signal = ""

    def heed(self) -> None:
        """Go no further once it was asked for.

        Raises:
            PausedError: it was.
        """
        if self.signal:
            raise PausedError

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Take the signals meanwhile; in the main thread, whose they are."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def give_back() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        def pause(number: int, frame: Any) -> None:
            del frame
            self.signal = signal.Signals(number).name
            give_back()

        for number in before:
            signal.signal(number, pause)
        try:
            yield
        finally:
            give_back()
