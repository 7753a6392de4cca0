"""Which image of a data set an entry of a results file means by its `file_name`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from configs.errors import UserError
from detector.data.values import as_text
from detector.types import Sample


class NamedImages:
    """Finds samples by the paths that `detect --coco` wrote.

    A path was true where `detect` ran, so it is compared from its end: the image whose path
    shares the most names with it, if there is only one.

    Args:
        samples: of a data set.
        results: the file with the paths, for messages.
    """

    def __init__(self, samples: Sequence[Sample], results: Path) -> None:
        self._samples, self._results = samples, results
        self._known: dict[str, int | None] = {}
        self._first: dict[int, str] = {}  # of the paths that mean a sample

    def index(self, file: str) -> int | None:
        """The sample that is meant; None where none is, or more than one may be.

        Raises:
            UserError: the same one was meant by the path of another image.
        """
        if file not in self._known:
            index = self._find(_backwards(PurePosixPath(file)))
            if index is not None:
                self._refuse_rival(index, file)
            self._known[file] = index
        return self._known[file]

    def _refuse_rival(self, index: int, file: str) -> None:
        """Paths with the same end are of one image only where one is the whole end of the other."""
        first = self._first.setdefault(index, file)
        one, other = (_backwards(PurePosixPath(path)) for path in (first, file))
        if _shared(one, other) < min(len(one), len(other)):
            raise UserError(
                f"{self._results}: {first} and {file} are two images, and the data set has only "
                f"{self._samples[index].path}; leave out the detections of images that it lacks"
            )

    @cached_property
    def _of_name(self) -> dict[str, list[tuple[tuple[str, ...], int]]]:
        """The images of each name; most results files name none, so not before one does."""
        of_name = defaultdict(list)
        for index, sample in enumerate(self._samples):
            path = Path(as_text(str(sample.path.absolute())))
            of_name[path.name].append((_backwards(path), index))
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
