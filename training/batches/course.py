"""The course of a run: what of its images changes from epoch to epoch, their size and mosaics.

It depends on the configuration, the number of epochs and the epoch alone, so that a run that is
resumed goes on as if it had never stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from configs.schema import Config

ORDER, IMAGE, SIZE = 1, 2, 3
"""What random numbers are for; it keeps them apart."""

_LAST_SHARE = 0.1  # of the epochs, at the model's own size
_ROUNDING = 1e-9  # of a share times the epochs


@dataclass(frozen=True)
class Course:
    """How the epochs of a run differ.

    Objects look larger or smaller to the network in epochs of another size. So the last tenth of
    the epochs, one at least, has the model's own: the moving average, the statistics of batch norm
    and the smallest learning rates belong to images as they will come (Touvron et al. 2019, "Fixing
    the train-test resolution discrepancy").

    Args:
        config: `seed`, `model.input_size`, `train.input_sizes` and `augment.mosaic_until` count.
        epochs: of the run, at least 1.
    """

    config: Config
    epochs: int

    @property
    def epochs_at_own_size(self) -> int:
        """At the end of the run."""
        return math.ceil(_LAST_SHARE * self.epochs - _ROUNDING)

    def input_size(self, epoch: int) -> int:
        """Of an epoch's images, px.

        Before the last epochs, each row of as many epochs as there are sizes has every size once,
        in an order of its own.
        """
        sizes = self.config.train.input_sizes
        if not sizes or epoch >= self.epochs - self.epochs_at_own_size:
            return self.config.model.input_size
        row, place = divmod(epoch, len(sizes))
        order = random_numbers(SIZE, self.config.seed, row).permutation(len(sizes))
        return sizes[int(order[place])]

    def input_sizes(self) -> np.ndarray:
        """Of the images of all epochs, px: int64 `(epochs,)`."""
        if not self.config.train.input_sizes:
            return np.full(self.epochs, self.config.model.input_size)
        return np.array([self.input_size(epoch) for epoch in range(self.epochs)])

    @property
    def epochs_with_mosaics(self) -> int:
        """At the beginning of the run; not all where mosaics have an end, however short it is."""
        return math.floor(self.config.augment.mosaic_until * self.epochs + _ROUNDING)

    def to_lines(self) -> list[str]:
        """In words, for the plan; nothing where all epochs are alike."""
        model, train, augment = self.config.model, self.config.train, self.config.augment
        lines = []
        if train.input_sizes:
            sizes = ", ".join(map(str, sorted({*train.input_sizes})))
            own = f"{_last(self.epochs_at_own_size)} and all measurements at {model.input_size} px"
            lines.append(f"input sizes of {sizes} px by turns; {own}")
        if augment.mosaic_probability and self.epochs_with_mosaics < self.epochs:
            lines.append(f"no mosaics in {_last(self.epochs - self.epochs_with_mosaics)}")
        return lines


def _last(epochs: int) -> str:
    return "the last epoch" if epochs == 1 else f"the last {epochs} epochs"


def random_numbers(kind: int, *which: int) -> np.random.Generator:
    """A generator of its own for each purpose.

    Args:
        kind: `ORDER`, `IMAGE` or `SIZE`.
        which: the seed, and which order, image or size it is; 0 or more.
    """
    return np.random.Generator(np.random.Philox([kind, *which]))
