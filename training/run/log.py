"""What a person sees of a run while it goes on, and `log.csv`."""

from __future__ import annotations

import sys
import time
from typing import Any

import keras
import numpy as np

from training.run.session import Session

_FIGURES = ("loss", "classification_loss", "box_loss")
_REFRESH_SECONDS = 0.5


class Log(keras.callbacks.Callback):
    """A progress bar over all steps, a line and a row for each epoch.

    Args:
        session: of the run.
        batch_size: images per step.
    """

    def __init__(self, session: Session, batch_size: int) -> None:
        super().__init__()
        from tqdm import tqdm

        self._session, self._batch_size = session, batch_size
        progress = session.progress
        self._bar: Any = tqdm(
            total=session.epochs * session.steps,
            initial=progress.epoch * session.steps + progress.step,
            desc="training",
            unit="step",
            disable=None,  # where stderr is no terminal
            mininterval=_REFRESH_SECONDS,
            dynamic_ncols=True,
        )
        self._begun = self._ended = time.monotonic()
        self._waited, self._steps = 0.0, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock of the epoch."""
        del epoch, logs
        self._begun = self._ended = time.monotonic()
        self._waited, self._steps = self._session.feed.waited, 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        del batch
        self._steps += 1
        self._ended = time.monotonic()
        if self._bar.update():
            self._bar.set_postfix_str(
                f"loss {float((logs or {})['loss']):.2f}, {self._rate:.1f} images/s, "
                f"{self._waiting:.0%} waiting for data",
                refresh=False,
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the row, and go on to the next epoch."""
        session, progress = self._session, self._session.progress
        if not session.epoch_ends:
            return
        logs = logs or {}
        row: dict[str, Any] = {"epoch": epoch + 1}
        row["step"] = epoch * session.steps + progress.step
        row["learning_rate"] = float(np.asarray(session.trainer.optimizer.learning_rate))
        row |= {name: float(logs[name]) for name in _FIGURES}
        if self._steps:  # none where a run was resumed at the end of an epoch
            row |= {"images_per_second": self._rate, "waiting": self._waiting}
        else:
            row |= dict.fromkeys(("images_per_second", "waiting"), "")
        row |= {name: logs.get(name, "") for name in ("AP", "AP50", "AP_raw")}
        row["seconds"] = session.seconds
        row = {name: _rounded(value) for name, value in row.items()}
        progress.rows.append(row)
        progress.epoch, progress.step = epoch + 1, 0
        session.folder.write_log(progress)
        self._say(self._line(row))

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
        return min((self._session.feed.waited - self._waited) / seconds, 1.0) if seconds else 0.0

    def _line(self, row: dict[str, Any]) -> str:
        session = self._session
        line = f"epoch {row['epoch']} of {session.epochs}: loss {row['loss']:.3f}"
        if row["images_per_second"] != "":
            speed, waiting = row["images_per_second"], row["waiting"]
            line += f", {speed:.1f} images/s, {waiting:.0%} waiting for data"
        if row["AP"] != "":
            is_best = session.progress.since_best == 0
            line += f"; AP {row['AP']:.3f}, AP50 {row['AP50']:.3f}"
            line += " (the best so far)" if is_best else ""
        return line

    def _say(self, line: str) -> None:
        self._bar.clear()
        self._session.tell(line)
        sys.stdout.flush()
        self._bar.refresh()


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
