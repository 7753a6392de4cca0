"""What a reader is to `open_dataset`: a form that it recognises, and how that form is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from configs.errors import UserError
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings
from detector.data.splitting.split_record import is_record


class NoClassError(UserError):
    """A source without an object, and so without a class; a part of another may be so.

    Args:
        path: of the source.
        findings: what was wrong with it; the first object that was left out is named.
    """

    def __init__(self, path: Path, findings: FileFindings) -> None:
        said = (
            f"; left out, such as {one.path.name}: {one.element}: {one.message}"
            for one in findings.found
            if one.kind.name == "bad-object"
        )
        super().__init__(
            f"{path}: no annotation holds an object, so there is no class to learn{next(said, '')}"
        )


class ReadOptions(NamedTuple):
    """What the user said beside the path; each reader takes what concerns it."""

    images: Path | None = None  # the folder of the images, where the source does not tell
    classes: Sequence[str] | None = None  # names in the order of their labels
    details: bool = False  # keep everything that the annotations say
    voc_origin: int | None = None  # what VOC's corners count from, 0 or 1; None: see the files
    voc_fallback: int | None = None  # likewise, where the files do not tell
    as_annotated: bool = False  # images that are not there stay, boxes are in the files' frame


class Listing:
    """A file or a folder that may hold a data set; a folder is listed once, hidden ones left out.

    Raises:
        OSError: the folder may not be listed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inner: dict[str, Listing] = {}  # each form asks for some of the same

    @cached_property
    def entries(self) -> list[Path]:
        """What stands in the folder, sorted; of a file nothing."""
        if not self.path.is_dir():
            return []
        # A Mac leaves a hidden "._name.xml" beside each file that it copies.
        found = (one for one in self.path.iterdir() if one.name[0] != ".")
        return sorted((one for one in found if not is_record(one)), key=lambda one: one.name)

    @cached_property
    def folders(self) -> dict[str, Path]:
        """The folders in it, by their names in lower case."""
        return {one.name.lower(): one for one in self.entries if one.is_dir()}

    def files(self, *suffixes: str) -> list[Path]:
        """The files with one of these suffixes, in lower case (".xml"); itself where it is one."""
        found = self.entries or [self.path]
        return [one for one in found if one.suffix.lower() in suffixes and one.is_file()]

    def folder(self, *names: str) -> Listing | None:
        """The first of the folders named, in lower case, that is there."""
        name = next((name for name in names if name in self.folders), None)
        if name is not None and name not in self._inner:
            self._inner[name] = Listing(self.folders[name])
        return None if name is None else self._inner[name]


class Form(NamedTuple):
    """A way to write a data set down."""

    name: str  # as reports show it, such as "COCO JSON"
    is_here: Callable[[Listing], bool]  # whether a file or folder is of this form
    read: Callable[[Path, ReadOptions], Dataset]  # raises UserError
