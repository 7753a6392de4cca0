"""Finds the images of `ImageRecord`s, each once, and reports those that are missing."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from configs.errors import UserError
from detector.data.findings import FileFindings, counted
from detector.data.image_lookup import ImageLookup, best_of, folded, native
from detector.data.inside import data_root
from detector.data.tools.embedded import embedded_folder
from detector.data.tools.records import ImageRecord
from detector.data.tools.shapes_drawn import one_line
from detector.images import SUFFIXES, images_below

_IMAGE_FOLDERS = ("images", "data", "img")
_NO_IMAGE = ("missing-picture", "unreadable-picture")


def root_of(path: Path) -> Path:
    """The folder of a data set, from itself or a file in it."""
    return path if path.is_dir() else data_root(path)


def pair_images(
    path: Path,
    records: Sequence[ImageRecord],
    images: Path | None,
    findings: FileFindings,
    may_lack: bool = False,
    as_annotated: bool = False,
) -> tuple[list[tuple[ImageRecord, Path]], tuple[str, ...]]:
    """The records whose images are there, with them.

    Args:
        path: of the data set, a file or a folder.
        records: of its images.
        images: the folder of the images, where the user named it.
        findings: takes what is missing, stands twice, or has another name.
        may_lack: whether it is usual that most of the images are not there; one finding then
            counts them, and those without objects are not missed.
        as_annotated: keep records whose images are not there, with the path that they name.

    Returns:
        records and images, and what is to be told of how they were found.

    Raises:
        UserError: no image is found.
    """
    found = _Images(path, images)
    pairs = _pair(records, found, findings, may_lack, as_annotated)
    if not pairs:
        raise UserError(none_usable(path, records, findings))
    if path.is_dir() and not as_annotated:
        _report_bare([image for _, image in pairs], findings)
    return pairs, found.notes


class _Images:
    """Finds the images of records: in the folder of the annotations, else in the one around it."""

    def __init__(self, path: Path, given: Path | None) -> None:
        here = path if path.is_dir() else path.parent
        bases = dict.fromkeys([given] if given else [here, data_root(path)])
        self._places = [_Place(base) for base in bases]

    def find_all(self, records: Sequence[ImageRecord]) -> list[Path | None]:
        found: list[Path | None] = [None] * len(records)
        for place in self._places:
            rest = [index for index, path in enumerate(found) if path is None]
            paths = place.find_all([records[index] for index in rest])
            for index, path in zip(rest, paths, strict=True):
                found[index] = path
        return found

    def absent(self, record: ImageRecord) -> Path:
        """Where the image of a record would be."""
        name = next(filter(None, (*record.names, record.stem, record.element, record.source.stem)))
        return self._places[0].folder / native(name)

    def why_not(self, record: ImageRecord) -> str:
        """Why there is no image of a record."""
        if record.names:
            return " ".join(self._places[0].lookup.why_not(record.names[-1]).split())
        return f"there is no image {one_line(record.stem)}" if record.stem else "names no image"

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(note for place in self._places for note in place.lookup.notes)


class _Place:
    """A folder that images lie in, or in one of the usual folders in it, or below."""

    def __init__(self, base: Path) -> None:
        self.folder = base
        inner = [base / name for name in _IMAGE_FOLDERS]
        self._folders = [*(folder for folder in inner if folder.is_dir()), base]
        self.lookup = ImageLookup(self._folders)

    def find_all(self, records: Sequence[ImageRecord]) -> list[Path | None]:
        """The images: by a path that is true, else by the end of one, else by their stems."""
        names = [next(filter(self._is_there, one.names), "") for one in records]
        for choice in (-1, 0):  # the shortest path first: its end is the most that may be true
            tried = [
                name or (one.names[choice] if one.names else "")
                for name, one in zip(names, records, strict=True)
            ]
            # All at once, so that nobody is given what is another's by a true path.
            found = self.lookup.find_all(tried)
            names = [name if path else "" for name, path in zip(tried, found, strict=True)]
            if all(path or len(one.names) < 2 for path, one in zip(found, records, strict=True)):
                break
        return [
            Path(path) if path else self._of_stem(one.stem)
            for path, one in zip(found, records, strict=True)
        ]

    def _is_there(self, name: str) -> bool:
        try:
            return any((folder / native(name)).is_file() for folder in self._folders)
        except (OSError, ValueError):  # a name too long, or with a zero byte
            return False

    def _of_stem(self, stem: str) -> Path | None:
        """The image of this stem; where several have it, that in the folder most like its own."""
        if not stem:
            return None
        above, _, name = stem.rpartition("/")
        found = self._by_stem.get(name.casefold(), [])
        best = best_of(above, (str(one.parent) for one in found))
        found = [one for one in found if str(one.parent) in best]
        return found[0] if len(found) == 1 else None

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        found: dict[str, dict[Path, None]] = defaultdict(dict)
        for path in images_below(self._folders[-1]):
            found[path.stem.casefold()][path] = None
        return {stem: list(paths) for stem, paths in found.items()}


def _pair(
    records: Sequence[ImageRecord],
    images: _Images,
    findings: FileFindings,
    may_lack: bool,
    as_annotated: bool,
) -> list[tuple[ImageRecord, Path]]:
    pairs: dict[tuple[str, str], tuple[ImageRecord, Path]] = {}
    lacking: list[ImageRecord] = []
    for record, path in zip(records, images.find_all(records), strict=True):
        image = path or (record.embedded and record.embedded())
        if as_annotated and not (may_lack and not record.objects):
            image = image or images.absent(record)
        key = (record.split, os.path.normpath(image or ""))
        if image is None and may_lack:
            lacking += [record] if record.objects else []
        elif image is None:
            message = images.why_not(record)
            findings.add("missing-picture", record.element, message, record.source)
        elif key in pairs:
            message = f"{image.name} stands here a second time"
            findings.add("id-collision", record.element, message, record.source)
        else:
            pairs[key] = record, image
            _report_other_name(record, image, findings)
    if lacking:
        message = f"{counted(len(lacking), 'image')} with boxes not there, such as"
        first = lacking[0]
        findings.add("missing-picture", "", f"{message} {first.element}", first.source)
    return list(pairs.values())


def _report_other_name(record: ImageRecord, image: Path, findings: FileFindings) -> None:
    names = [folded(native(name).rpartition("/")[2]) for name in record.names]
    if record.stem and any(names) and folded(image.name) not in names and not record.embedded:
        message = f"says {one_line(record.names[0])}, it is {image.name}"
        findings.add("filename-mismatch", record.element, message, record.source)


def none_usable(path: Path, records: Sequence[ImageRecord], findings: FileFindings) -> str:
    """Why a data set has no image."""
    if not records:
        first = next(iter(findings.found), None)
        why = f", such as {first.path.name}: {first.message}" if first else ""
        return f"{path}: no annotated image in it{why}"
    first = next((one for one in findings.found if one.kind.name in _NO_IMAGE), None)
    why = f", such as: {first.message}" if first else ""
    return f"{path}: none of its {len(records)} images is usable{why}; see --images"


def _report_bare(images: Sequence[Path], findings: FileFindings) -> None:
    """Images beside the annotated ones that no annotation names, and no finding either."""
    lacking = (one.element for one in findings.found if one.kind.name == "missing-annotation")
    told = {folded(native(name).rpartition("/")[2]) for name in lacking}
    # One folder may be written in several ways: "annotations/../images".
    known = {os.path.normpath(one) for one in images}
    kept = embedded_folder()
    own = (Path(one) for one in known)
    for folder in sorted({one.parent for one in own if not one.is_relative_to(kept)}):
        for path in sorted(folder.iterdir()):
            is_image = path.suffix.lower() in SUFFIXES and path.name[0] != "."
            if is_image and str(path) not in known and folded(path.name) not in told:
                findings.add("missing-annotation", "", "no annotation names it", path)
