"""Which image of a data set an entry of a results file means by its `file_name`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from detector.types import Sample


class NamedImages:
    """Finds samples by the paths that `detect --coco` wrote.

    A path was true where `detect` ran, so it is compared from its end: the image whose path
    shares the most names with it, if there is only one.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._known: dict[str, int | None] = {}

    def index(self, file: str) -> int | None:
        """The sample that is meant; None where none is, or more than one may be."""
        if file not in self._known:
            self._known[file] = self._find(_backwards(PurePosixPath(file)))
        return self._known[file]

    @cached_property
    def _of_name(self) -> dict[str, list[tuple[tuple[str, ...], int]]]:
        """The images of each name; most results files name none, so not before one does."""
        of_name = defaultdict(list)
        for index, sample in enumerate(self._samples):
            of_name[sample.path.name].append((_backwards(sample.path.absolute()), index))
        return of_name

    def _find(self, wanted: tuple[str, ...]) -> int | None:
        found = self._of_name.get(wanted[0] if wanted else "", ())
        ranked = sorted(((_shared(wanted, parts), index) for parts, index in found), reverse=True)
        if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
            return None
        return ranked[0][1]


def _backwards(path: Path | PurePosixPath) -> tuple[str, ...]:
    return path.parts[::-1]


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many names at the start are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
