"""The checkpoint that a run is resumed from: weights, averages, optimizer, progress.

It is written to a temporary file, then renamed.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from configs.errors import UserError
from configs.load import first_error
from detector.files import atomic_path
from training.model.trainer import Trainer

_STATE = "progress"

Snapshot = dict[str, list[np.ndarray]]

_Count = Annotated[int, Field(ge=0, le=2**53)]


@with_config(ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
@dataclass
class State:
    """How far a run has come.

    Attributes:
        epoch: that is going on, from 0.
        step: batches of it that are done.
        seconds: trained so far, over all resumptions.
        best: the highest AP on the validation split; -1 before the first.
        since_best: evaluations since then.
        ending: why the run ends before its last epoch; "" where it does not.
        rows: of `log.csv`, one per epoch that is done; "" where there is no figure.
        losses: sums over the epoch's batches, by name.
        counted: batches in these sums.
    """

    epoch: _Count = 0
    step: _Count = 0
    seconds: float = 0.0
    best: Annotated[float, Field(ge=-1, le=1)] = -1.0
    since_best: _Count = 0
    ending: str = ""
    rows: list[dict[str, int | float | str]] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)
    counted: _Count = 0

    def end_step(self, losses: Mapping[str, float]) -> None:
        """Count a step, and its losses."""
        self.step += 1
        self.counted += 1
        self.losses = {name: self.losses.get(name, 0.0) + one for name, one in losses.items()}

    def mean_loss(self, name: str) -> float:
        """Of the epoch so far; NaN before its first step."""
        return self.losses[name] / self.counted if self.counted else math.nan

    def end_epoch(self, row: dict[str, Any]) -> None:
        """Keep its row, and begin the next."""
        self.rows.append(row)
        self.epoch, self.step, self.losses, self.counted = self.epoch + 1, 0, {}, 0


_STATE_FORM = TypeAdapter(State)


def snapshot(trainer: Trainer) -> Snapshot:
    """The weights, averages and optimizer of a compiled and built trainer."""
    return {
        part: [np.array(keras.ops.convert_to_numpy(one)) for one in many]
        for part, many in _variables(trainer).items()
    }


def restore(trainer: Trainer, saved: Snapshot) -> None:
    """Undo everything since `snapshot`.

    Raises:
        ValueError: it is the snapshot of another model or optimizer.
    """
    found = _variables(trainer)
    shapes = {part: [tuple(one.shape) for one in many] for part, many in found.items()}
    if shapes != {part: [one.shape for one in saved.get(part, [])] for part in found}:
        raise ValueError("other arrays than the trainer has")
    for part, variables in found.items():
        for variable, value in zip(variables, saved[part], strict=True):
            variable.assign(value)


def _variables(trainer: Trainer) -> dict[str, list[Any]]:
    optimizer: Any = trainer.optimizer
    return {"weights": trainer.weights, "optimizer": optimizer.variables}


def are_finite(saved: Snapshot) -> bool:
    """Whether there is no NaN and no infinity in the weights."""
    return all(np.isfinite(weight).all() for weight in saved["weights"])


def write_state(path: Path, saved: Snapshot, state: State) -> None:
    """Write a state file; the one before stays until the new one is whole and on the disk.

    Raises:
        UserError: it cannot be written, for want of space perhaps.
    """
    arrays: dict[str, Any] = {
        f"{part}/{number}": value
        for part, values in saved.items()
        for number, value in enumerate(values)
    }
    arrays[_STATE] = np.frombuffer(json.dumps(asdict(state)).encode(), np.uint8)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())


def read_state(path: Path) -> tuple[Snapshot, State]:
    """Read a state file.

    Raises:
        UserError: there is none, or it is damaged.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        state = _STATE_FORM.validate_json(arrays.pop(_STATE).tobytes())
        _require_numbers(arrays)
    except FileNotFoundError as error:
        raise UserError(f"{path.parent} holds no state to resume from ({path.name})") from error
    except ValidationError as error:
        raise UserError(f"cannot read {path}: damaged ({first_error(error)})") from error
    except Exception as error:  # whatever a damaged archive makes NumPy raise
        raise UserError(f"cannot read {path}: damaged, or no state of a run") from error
    saved: Snapshot = {}
    for name, value in arrays.items():  # in the order written
        saved.setdefault(name.partition("/")[0], []).append(value)
    return saved, state


def _require_numbers(arrays: Mapping[str, np.ndarray]) -> None:
    """Show that arrays can be weights, which are saved only where they are finite.

    Raises:
        ValueError: one is neither of whole numbers nor of fractions, or a weight is NaN.
    """
    if strange := [name for name, one in arrays.items() if one.dtype.kind not in "biuf"]:
        raise ValueError(f"{strange[0]} holds no numbers")
    for name, one in arrays.items():
        if name.startswith("weights/") and not np.isfinite(one).all():
            raise ValueError(f"{name} holds NaN or infinity")
