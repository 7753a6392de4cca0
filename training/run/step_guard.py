"""The guard of every step: training stops at a loss that is not finite, and says on what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from configs.errors import UserError
from configs.typed_form import command_name
from detector.files import write_json
from training.batches.loader import Loader
from training.model.trainer import Trainer
from training.run.run import Run
from training.run.state import State


def require_finite(
    losses: Mapping[str, float], run: Run, loader: Loader, trainer: Trainer, state: State
) -> None:
    """Show that training can go on.

    Args:
        losses: of the step just done.
        run: whose folder gets the failure report.
        loader: which can make the batch of any step again.
        trainer: for its learning rate.
        state: behind the step before.

    Raises:
        UserError: the loss is not finite; what was being learnt is written down.
    """
    loss = losses["loss"]
    if math.isfinite(loss):
        return
    rate = float(np.asarray(trainer.optimizer.learning_rate))
    steps = [step for step in (state.step - 1, state.step) if step >= 0]
    report = {
        "loss": str(loss),
        "learning_rate": rate,
        "epoch": state.epoch,
        "batches": [_describe(loader, state.epoch, step) for step in steps],
    }
    write_json(run.folder.failure, report)
    raise UserError(
        f"the loss became {loss} in epoch {state.epoch + 1}, step {state.step + 1}, at a "
        f"learning rate of {rate:.2g}; the images are in {run.folder.failure}. Likely "
        "the learning rate is too high for this batch size, the start weights hold numbers that "
        f"are none, or boxes are damaged ({command_name('training.check')}). Models and state from "
        "before are kept: begin anew with a lower train.learning_rate, or --start from this run"
    )


def _describe(loader: Loader, epoch: int, step: int) -> dict[str, Any]:
    batch = next(loader.batches(epoch, step))
    images = []
    for row, index in enumerate(batch.indices.tolist()):
        is_object = batch.labels[row] >= 0
        images.append(
            {
                "image": loader.image(index),
                "boxes_fraction": batch.boxes_fraction[row][is_object].tolist(),
                "labels": batch.labels[row][is_object].tolist(),
            }
        )
    return {"step": step, "images": images}
