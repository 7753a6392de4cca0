"""What is done at every step: counting, saving, and noticing that it is time to stop."""

from __future__ import annotations

import math
import time
from typing import Any

import keras
import numpy as np

from configs.typed_form import command_name
from detector.files import write_json
from training.batches.loader import Loader
from training.run.session import Session
from training.run.state import Snapshot, restore, sync

RESERVE = 0.9
"""Of the time allowed; the last measurement and the report take the rest."""


class Watch(keras.callbacks.Callback):
    """Counts steps, saves the state, and stops: for a pause, for lack of time, on a loss of NaN.

    Args:
        session: of the run.
        loader: which can make the batch of any step again.
        seconds: after which the run ends; None for never.
        metrics: of the epoch that the run is resumed in; None at the start of one.
    """

    def __init__(
        self, session: Session, loader: Loader, seconds: float | None, metrics: Snapshot | None
    ) -> None:
        super().__init__()
        self._session, self._loader, self._seconds = session, loader, seconds
        self._metrics = metrics
        self._saved_at = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Let the mean losses go on where the run was resumed; `fit` has just reset them."""
        del epoch, logs
        if self._metrics is not None:
            restore(self._session.trainer, self._metrics)
            self._metrics = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count, look at the loss, and save or stop where that is due."""
        del batch
        session = self._session
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            self._give_up(loss)
            return
        session.progress.step += 1
        if self._seconds and session.seconds > RESERVE * self._seconds:
            session.progress.ending = "the time is over"
        if session.pausing or time.monotonic() - self._saved_at > self._save_seconds:
            self._save()
        if session.pausing or session.progress.ending:
            self._stop()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save behind a measurement, and stop where it was interrupted or the last one."""
        del epoch
        session = self._session
        if session.failure:
            return
        if "AP" in (logs or {}) or session.pausing:
            self._save()
        if session.pausing or session.progress.ending:
            self._stop()

    @property
    def _save_seconds(self) -> float:
        return self._session.config.train.save_seconds

    def _save(self) -> None:
        self._session.save()
        self._saved_at = time.monotonic()

    def _stop(self) -> None:
        self._session.trainer.stop_training = True

    def _give_up(self, loss: float) -> None:
        """Stop before anything is kept, and write down what was being learnt."""
        session, progress = self._session, self._session.progress
        sync(session.trainer)
        rate = float(np.asarray(session.trainer.optimizer.learning_rate))
        steps = [step for step in (progress.step - 1, progress.step) if step >= 0]
        report = {
            "loss": str(loss),
            "learning_rate": rate,
            "epoch": progress.epoch,
            "batches": [self._describe(progress.epoch, step) for step in steps],
        }
        write_json(session.folder.failure, report)
        session.failure = (
            f"the loss became {loss} in epoch {progress.epoch + 1}, step {progress.step + 1}, at a "
            f"learning rate of {rate:.2g}; the images are in {session.folder.failure}. Likely "
            "the learning rate is too high for this batch size, the start weights hold numbers "
            f"that are none, or boxes are damaged ({command_name('training.check')}). Models and "
            "state from before are kept: begin anew with a lower train.learning_rate, or --start "
            "from this run"
        )
        self._stop()

    def _describe(self, epoch: int, step: int) -> dict[str, Any]:
        batch = next(self._loader.batches(epoch, step))
        images = []
        for row, index in enumerate(batch.indices.tolist()):
            is_object = batch.labels[row] >= 0
            images.append(
                {
                    "image": self._loader.image(index),
                    "boxes_fraction": batch.boxes_fraction[row][is_object].tolist(),
                    "labels": batch.labels[row][is_object].tolist(),
                }
            )
        return {"step": step, "images": images}
