"""The log of a run: a progress bar over all steps, a line and a row of `log.csv` an epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from training.model.trainer import Trainer
from training.run.run import Run
from training.run.state import State
from training.run.validation import Validated

_LOSSES = ("loss", "classification_loss", "box_loss")
_REFRESH_SECONDS = 0.5


class Log:
    """What a person sees of a run.

    Args:
        run: for its epochs and its batch size.
        steps: per epoch.
        state: how far the run has come.
        tell: takes a line for the user.
    """

    def __init__(self, run: Run, steps: int, state: State, tell: Callable[[str], None]) -> None:
        from tqdm import tqdm

        self._epochs, self._steps_per_epoch = run.settings.epochs, steps
        self._batch_size, self._state, self._tell = run.config.loader.batch_size, state, tell
        self._bar: Any = tqdm(
            total=self._epochs * steps,
            initial=state.epoch * steps + state.step,
            desc="training",
            unit="step",
            disable=None,  # where stderr is no terminal
            mininterval=_REFRESH_SECONDS,
            dynamic_ncols=True,
        )
        self.begin_epoch(0.0)

    def begin_epoch(self, waited: float) -> None:
        """Start the clock of the epoch.

        Args:
            waited: seconds that the run has waited for batches so far.
        """
        self._begun = self._ended = time.monotonic()
        self._waited_before = self._waited = waited
        self._steps = 0

    def end_step(self, waited: float) -> None:
        """Move the bar."""
        self._steps += 1
        self._ended, self._waited = time.monotonic(), waited
        if self._bar.update():
            self._bar.set_postfix_str(
                f"loss {self._state.mean_loss('loss'):.2f}, {self._rate:.1f} images/s, "
                f"{self._waiting:.0%} waiting for data",
                refresh=False,
            )

    def row(self, trainer: Trainer, measured: Validated | None, seconds: float) -> dict[str, Any]:
        """The row of the epoch that has just ended; "" where there is no figure.

        Args:
            trainer: for its learning rate.
            measured: the epoch's validation, where there was one.
            seconds: of the run so far.
        """
        state = self._state
        row: dict[str, Any] = {"epoch": state.epoch + 1}
        row["step"] = state.epoch * self._steps_per_epoch + state.step
        row["learning_rate"] = float(np.asarray(trainer.optimizer.learning_rate))
        row |= {name: state.mean_loss(name) if state.counted else "" for name in _LOSSES}
        timed = self._steps > 0  # not where a run was resumed at the end of an epoch
        row["images_per_second"] = self._rate if timed else ""
        row["waiting"] = self._waiting if timed else ""
        row |= dict.fromkeys(("AP", "AP50", "AP_raw"), "")
        if measured:
            figures = measured.better.figures
            row |= {"AP": figures["AP"], "AP50": figures["AP50"], "AP_raw": measured.raw.ap}
        row["seconds"] = seconds
        return {name: _rounded(value) for name, value in row.items()}

    def say_epoch(self) -> None:
        """Tell of the last row."""
        self._bar.clear()
        self._tell(self._line(self._state.rows[-1]))
        sys.stdout.flush()
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()

    @property
    def _rate(self) -> float:
        """Images per second of this epoch, without what comes behind its last step."""
        seconds = self._ended - self._begun
        return self._steps * self._batch_size / seconds if seconds else 0.0

    @property
    def _waiting(self) -> float:
        """The share of that time in which no batch was ready."""
        seconds = self._ended - self._begun
        return min((self._waited - self._waited_before) / seconds, 1.0) if seconds else 0.0

    def _line(self, row: dict[str, Any]) -> str:
        line = f"epoch {row['epoch']} of {self._epochs}"
        line += f": loss {row['loss']:.3f}" if row["loss"] != "" else ""
        if row["images_per_second"] != "":
            speed, waiting = row["images_per_second"], row["waiting"]
            line += f", {speed:.1f} images/s, {waiting:.0%} waiting for data"
        if row["AP"] != "":
            line += f"; AP {row['AP']:.3f}, AP50 {row['AP50']:.3f}"
            line += " (the best so far)" if self._state.since_best == 0 else ""
        return line


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
