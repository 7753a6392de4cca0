"""Which image of a data set an entry of a results file means by its `file_name`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from configs.errors import UserError
from detector.data.image_lookup import base_name, best_of, folded, is_end
from detector.data.values import as_text
from detector.types import Sample


class NamedImages:
    """Finds samples by the paths that `detect --coco` wrote.

    A path was true where `detect` ran, so it is compared from its end: the image whose path ends
    most like it, if there is only one.

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
            alike = self._of_name.get(folded(base_name(file)), {})
            # Most are the whole end; all images may have one base name, and that is quick to see.
            best = [path for path in alike if path.endswith(f"/{file}")] or best_of(file, alike)
            index = alike[best[0]] if len(best) == 1 else None
            if index is not None:
                self._refuse_rival(index, file)
            self._known[file] = index
        return self._known[file]

    def _refuse_rival(self, index: int, file: str) -> None:
        """Paths with the same end are of one image only where one is the whole end of the other."""
        first = self._first.setdefault(index, file)
        if not is_end(first, file):
            raise UserError(
                f"{self._results}: {first} and {file} are two images, and the data set has only "
                f"{self._samples[index].path}; leave out the detections of images that it lacks"
            )

    @cached_property
    def _of_name(self) -> dict[str, dict[str, int | None]]:
        """Samples by path, by base name; most results files name none, so not before one does.

        None stands for an image that is listed twice.
        """
        of_name: dict[str, dict[str, int | None]] = defaultdict(dict)
        for index, sample in enumerate(self._samples):
            path = as_text(str(sample.path.absolute()))
            paths = of_name[folded(base_name(path))]
            paths[path] = None if path in paths else index
        return dict(of_name)
