"""A training run: what was asked, where, and with which data."""

from __future__ import annotations

from dataclasses import dataclass

from configs.schema import Config
from detector.data.dataset import Dataset
from training.run.run_folder import RunFolder, RunSettings, with_finest


@dataclass(frozen=True, eq=False)
class Run:
    """A training run, as it is begun or resumed.

    Attributes:
        folder: for all that comes of it.
        asked: configuration of model, augmentation, loss and training, as asked for.
        settings: the rest of what was asked; beginning plans its epochs and fits its anchors.
        training: images to learn from; its classes are the model's.
        validation: images to choose the best model by, in the same labels.
    """

    folder: RunFolder
    asked: Config
    settings: RunSettings
    training: Dataset
    validation: Dataset

    @property
    def config(self) -> Config:
        """As asked for, with the anchors that were fitted to the data."""
        return with_finest(self.asked, self.settings.finest)


@dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes:
        best_ap: on the validation split.
        epochs: completed.
        failed: images that could not be read.
        paused: the signal that stopped it before its end; "" where it is complete.
    """

    best_ap: float
    epochs: int
    failed: int
    paused: str
