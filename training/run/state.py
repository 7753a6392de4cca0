"""All that a run needs to go on where it was: written to a temporary file, then renamed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from configs.errors import UserError
from detector.files import atomic_path
from training.model.trainer import Trainer

_PROGRESS = "progress"

Snapshot = dict[str, list[np.ndarray]]


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        epoch: that is going on, from 0.
        step: batches of it that are done.
        seconds: trained so far, over all resumptions.
        best: the highest AP on the validation part; -1 before the first.
        since_best: evaluations since then.
        ending: why the run ends before its last epoch; "" where it does not.
        rows: of `log.csv`, one per epoch that is done; "" where there is no figure.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    since_best: int = 0
    ending: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


def snapshot(trainer: Trainer) -> Snapshot:
    """The weights, averages, optimizer and metrics of a compiled and built trainer."""
    return {
        part: [np.array(keras.ops.convert_to_numpy(one)) for one in many]
        for part, many in _variables(trainer).items()
    }


def restore(trainer: Trainer, saved: Snapshot) -> None:
    """Undo everything since `snapshot`.

    Raises:
        ValueError: it is the snapshot of another model or optimizer.
    """
    for part, variables in _variables(trainer).items():
        for variable, value in zip(variables, saved[part], strict=True):
            variable.assign(value)


def sync(trainer: Trainer) -> None:
    """On JAX, variables lag behind while `fit` runs; here they catch up."""
    if catch_up := getattr(trainer, "jax_state_sync", None):
        catch_up()


def _variables(trainer: Trainer) -> dict[str, list[Any]]:
    sync(trainer)
    optimizer: Any = trainer.optimizer
    return {
        "weights": trainer.weights,
        "optimizer": optimizer.variables,
        "metrics": [one for metric in trainer.metrics for one in metric.variables],
    }


def are_finite(saved: Snapshot) -> bool:
    """Whether there is no NaN and no infinity in the weights."""
    return all(np.isfinite(weight).all() for weight in saved["weights"])


def write_state(path: Path, saved: Snapshot, progress: Progress) -> None:
    """Write a state file; the one before stays until the new one is whole and on the disk.

    Raises:
        UserError: it cannot be written, for want of space perhaps.
    """
    arrays: dict[str, Any] = {
        f"{part}/{number}": value
        for part, values in saved.items()
        for number, value in enumerate(values)
    }
    arrays[_PROGRESS] = np.frombuffer(json.dumps(asdict(progress)).encode(), np.uint8)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())


def read_state(path: Path) -> tuple[Snapshot, Progress]:
    """Read a state file.

    Raises:
        UserError: there is none, or it is damaged.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        progress = Progress(**json.loads(arrays.pop(_PROGRESS).tobytes()))
    except FileNotFoundError as error:
        raise UserError(f"{path.parent} holds no state to resume from ({path.name})") from error
    except Exception as error:  # whatever a damaged archive makes NumPy raise
        raise UserError(f"cannot read {path}: damaged, or no state of a run") from error
    saved: Snapshot = {}
    for name, value in arrays.items():  # in the order written
        saved.setdefault(name.partition("/")[0], []).append(value)
    return saved, progress
