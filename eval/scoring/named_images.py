"""Which image of a data set an entry of a results file means by its `file_name`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

from detector.data.image_lookup import base_name, best_of, folded
from detector.types import Sample


class NamedImages:
    """Finds samples by the paths that `detect --coco` wrote.

    A path was true where `detect` ran, so it is compared from its end: the image whose path ends
    most like it, if there is only one.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._known: dict[str, int | None] = {}

    def index(self, file: str) -> int | None:
        """The sample that is meant; None where none is, or more than one may be."""
        if file not in self._known:
            alike = self._of_name.get(folded(base_name(file)), {})
            best = best_of(file, alike)
            self._known[file] = alike[best[0]] if len(best) == 1 else None
        return self._known[file]

    @cached_property
    def _of_name(self) -> dict[str, dict[str, int | None]]:
        """Samples by path, by base name; most results files name none, so not before one does.

        None stands for an image that is listed twice.
        """
        of_name: dict[str, dict[str, int | None]] = defaultdict(dict)
        for index, sample in enumerate(self._samples):
            paths = of_name[folded(sample.path.name)]
            path = str(sample.path.absolute())
            paths[path] = None if path in paths else index
        return dict(of_name)
