"""Where the text files of YOLO's images lie, as different tools look for them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from unicodedata import normalize

from detector.images import SUFFIXES


class LabelFolders:
    """The text files that belong to the images of one data set.

    They lie in `labels` for `images`, beside the images, in a `labels` below or in one that mirrors
    the folders of the images. Of several such folders that one counts which has a text file for
    an image: a folder named `images` above the data set must not lead away from it.

    Args:
        root: the folder of the data set; images may lie elsewhere, too.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[Path, tuple[Path, Mapping[str, str]]] = {}

    def file_of(self, image: Path) -> tuple[Path, bool]:
        """The path of an image's text file, and whether it is there."""
        if image.parent not in self._found:
            self._found[image.parent] = self._choose(image.parent)
        folder, names = self._found[image.parent]
        name = f"{image.stem}.txt"
        there = names.get(_composed(name))
        return folder / (there or name), there is not None

    def has_any(self, images: Iterable[Path]) -> bool:
        """Whether one of these images has a text file."""
        return any(self.file_of(image)[1] for image in images)

    def _choose(self, folder: Path) -> tuple[Path, Mapping[str, str]]:
        """The folder of the text files of the images in a folder, and what is in it."""
        stems = {
            Path(name).stem for name in _names(folder) if Path(name).suffix.lower() in SUFFIXES
        }
        texts = {_composed(f"{stem}.txt") for stem in stems}
        places = list(dict.fromkeys(self._places(folder)))
        for place in places:
            names = {_composed(name): name for name in _names(place)}
            if not texts.isdisjoint(names):
                return place, names
        return places[0], {}

    def _places(self, folder: Path) -> Iterator[Path]:
        """Folders that may hold the text files of the images in a folder, the likeliest first."""
        try:
            below = folder.relative_to(self._root).parts
        except ValueError:
            below = folder.parts
        has_images = any(part.lower() == "images" for part in below)
        if has_images:
            yield _labels_for_images(folder)
        yield folder
        yield folder / "labels"
        if len(below) < len(folder.parts):
            yield self._root.joinpath("labels", *below)
            yield self._root.joinpath("labels", *below[1:])
        if not has_images:
            yield _labels_for_images(folder)


def _labels_for_images(folder: Path) -> Path:
    """The same path with `labels`, in the case that is there, for its last `images`."""
    parts = list(folder.parts)
    places = [index for index, part in enumerate(parts) if part.lower() == "images"]
    if not places:
        return folder
    above = Path(*parts[: places[-1]])
    spelt = (name for name in sorted(_names(above), reverse=True) if name.lower() == "labels")
    return above.joinpath(next(spelt, "labels"), *parts[places[-1] + 1 :])


def _composed(name: str) -> str:
    """A name with composed accents: a Mac writes them in two pieces."""
    return normalize("NFC", name)


def _names(folder: Path) -> frozenset[str]:
    """What stands in a folder; nothing where it is none, or may not be listed."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries)
    except OSError:
        return frozenset()
