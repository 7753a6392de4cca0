"""Image classification data sets: labelled images by split, and loading them into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from configs.errors import UserError
from detector.preprocess import resize
from detector.threads import in_threads

_LOOKED_AT = 50  # images, to learn how large they are
_SHARE_OF_MEMORY = 0.8


@dataclass(frozen=True, eq=False)
class Images:
    """Images that are not read yet: `read` gives that of an index, RGB uint8 `(H, W, 3)`.

    It may raise `UserError`; several threads call it at once.
    """

    labels: np.ndarray  # int64 (N,), 0 ... C-1
    read: Callable[[int], np.ndarray]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class ClassData:
    """A data set for a classifier."""

    name: str  # as its user named it
    form: str  # what it is stored in, in words
    classes: tuple[str, ...]  # in the order of their labels
    splits: Mapping[str, Images]  # "train", and one or both of "val" and "test"
    notes: tuple[str, ...] = ()  # what its user should know, a line each

    @property
    def held_out(self) -> str:
        """The split that is measured."""
        return "val" if "val" in self.splits else "test"

    def split(self, name: str) -> Images:
        """One split.

        Raises:
            UserError: there is no such split.
        """
        if name not in self.splits:
            raise UserError(f"{self.name} has no split {name!r}, only {', '.join(self.splits)}")
        return self.splits[name]

    def relabelled(self, classes: Sequence[str]) -> ClassData:
        """The same with the labels of a model, matched by name.

        Raises:
            UserError: the model does not know one of the classes.
        """
        unknown = [name for name in self.classes if name not in classes]
        if unknown:
            known = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
            raise UserError(f"{self.name}: the model does not know {unknown[0]!r}, only {known}")
        new = np.array([classes.index(name) for name in self.classes])
        splits = {name: Images(new[part.labels], part.read) for name, part in self.splits.items()}
        return replace(self, classes=tuple(classes), splits=splits)


class Loaded(NamedTuple):
    """Images in memory, at the size of the network's input."""

    images: np.ndarray  # RGB uint8 (N, S, S, 3)
    labels: np.ndarray  # int64 (N,)
    failed: list[str]  # why images are left out, a line for each that cannot be read


def load_images(source: Images, resolution: int, name: str) -> Loaded:
    """Read and resize images; what cannot be read is left out.

    Args:
        source: any number.
        resolution: S, px.
        name: of the split, for messages.

    Raises:
        UserError: they do not fit into memory, or none can be read.
    """
    from tqdm import tqdm

    _require_memory(len(source), resolution, name)
    images = np.empty((len(source), resolution, resolution, 3), np.uint8)

    def load(index: int) -> str | None:
        try:
            images[index] = resize(source.read(index), resolution)
        except UserError as error:
            return str(error)
        return None

    results = in_threads(load, range(len(source)))
    faults = list(tqdm(results, f"reading {name}", len(source), unit="image", delay=2))
    failed = [fault for fault in faults if fault is not None]
    if len(failed) == len(source):
        raise UserError(f"no image of {name} can be read: {(failed or ['there is none'])[0]}")
    if not failed:
        return Loaded(images, source.labels, [])
    readable = np.array([fault is None for fault in faults])
    return Loaded(images[readable], source.labels[readable], failed)


def usual_side(images: Images) -> int:
    """The median of the longer sides, px, of at most 50 images spread over all.

    Raises:
        UserError: none of them can be read.
    """
    sides, fault = [], "there is none"
    for index in np.linspace(0, len(images) - 1, min(len(images), _LOOKED_AT)).astype(int):
        try:
            sides.append(max(images.read(int(index)).shape[:2]))
        except UserError as error:
            fault = str(error)
    if not sides:
        raise UserError(f"the images cannot be read: {fault}")
    return int(np.median(sides))


def _require_memory(count: int, resolution: int, name: str) -> None:
    import psutil

    needed = count * resolution**2 * 3
    free = psutil.virtual_memory().available
    if needed > free * _SHARE_OF_MEMORY:
        raise UserError(
            f"{count:,} images of {name} at {resolution} px take {needed / 1e9:.1f} GB of memory,"
            f" {free / 1e9:.1f} GB are free; use a smaller --resolution or fewer images"
        )
