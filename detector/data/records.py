"""What the readers of other tools' forms yield, `ImageRecord`, and the data set made of it.

A reader says what its file says; here, once for all of them, images are found and measured, classes
numbered, boxes brought into the frame of the upright image, splits gathered.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.boxes import scale
from detector.classes import ClassMap
from detector.data.dataset import SPLIT_FOLDERS, Dataset
from detector.data.embedded import embedded_folder
from detector.data.findings import FileFindings, counted
from detector.data.form import ReadOptions
from detector.data.image_lookup import ImageLookup
from detector.data.orientation import settle
from detector.data.shapes_drawn import Drawn
from detector.images import Header, images_below, read_header
from detector.types import Sample

_ANNOTATION_FOLDERS = frozenset("annotations annotation labels label ann metadata".split())
_IMAGE_FOLDERS = ("images", "data", "img")


@dataclass(frozen=True)
class ReadObject:
    """An object as its file has it."""

    element: str  # where it stands: "shape 3"
    name: str  # of its class
    drawn: Drawn  # in the unit of its record
    is_crowd: bool = False
    is_difficult: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)  # what else the file says of it


@dataclass(frozen=True)
class ImageRecord:
    """An image and its objects as their file has them.

    Attributes:
        source: the annotation file.
        names: paths of the image as written, to be tried in this order.
        objects: those that could be read.
        height: of the image, px, as the file says; 0 if it does not.
        width: likewise.
        element: where it stands in `source`; "" for all of it.
        stem: of the image, where the file names no suffix, or the name written may be wrong.
        is_fraction: whether boxes and outlines are fractions of the image, not pixels.
        split: that the file puts it into, or "".
        about: what else the file says of the image.
        embedded: gives the image that stands in the file itself, None if it is damaged.
    """

    source: Path
    names: tuple[str, ...]
    objects: list[ReadObject]
    height: int = 0
    width: int = 0
    element: str = ""
    stem: str = ""
    is_fraction: bool = False
    split: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    embedded: Callable[[], Path | None] | None = None


def root_of(path: Path) -> Path:
    """The folder of a data set, from itself or its annotation file."""
    if path.is_dir():
        return path
    above = path.parent
    return above.parent if above.name.lower() in _ANNOTATION_FOLDERS else above


def read_objects(
    entries: Iterable[Any],
    noun: str,
    read: Callable[[Any, str], ReadObject],
    findings: FileFindings,
    path: Path,
) -> list[ReadObject]:
    """The objects that can be read; of the others a finding each.

    Args:
        entries: of the file.
        noun: what the file calls one of them.
        read: makes an object of an entry, and of where it stands; raises ValueError.
        findings: takes what cannot be read.
        path: of the file.
    """
    found = []
    for position, entry in enumerate(entries, start=1):
        element = f"{noun} {position}"
        try:
            found.append(read(entry, element))
        except ValueError as error:
            findings.add("bad-object", element, str(error), path)
    return found


def make_dataset(
    path: Path,
    records: Iterable[ImageRecord],
    findings: FileFindings,
    options: ReadOptions,
    classes: ClassMap | None = None,
    notes: Sequence[str] = (),
    may_lack: bool = False,
) -> Dataset:
    """Make a data set of what a reader found.

    Args:
        path: of the data set, a file or a folder.
        records: of its images.
        findings: those of the reader; more are added.
        options: of the user.
        classes: that the source names, in its own order; by default all that occur, sorted.
        notes: what the reader decided.
        may_lack: whether it is usual that most of the images are not there; one finding then
            counts them, and those without objects are not missed.

    Raises:
        UserError: no image is found, or there is no class.
    """
    records = list(records)
    images = _Images(path, options.images)
    pairs = _pair(records, images, findings, may_lack)
    if not pairs:
        raise UserError(_none_found(path, records, findings))
    if path.is_dir():
        _report_bare([image for _, image in pairs], findings)
    classes = _class_map(path, records, classes, options.classes)
    samples, splits = [], defaultdict(list)
    for record, image in pairs:
        sample = _sample(record, image, classes, findings, options.details)
        if sample:
            splits[record.split].append(len(samples))
            samples.append(sample)
    if not samples:
        raise UserError(_none_found(path, records, findings))
    splits.pop("", None)
    if len(splits) == 1 and len(next(iter(splits.values()))) == len(samples):
        splits.clear()  # one part of all images splits nothing
    return Dataset(
        path.name,
        path,
        classes,
        samples,
        {name: np.array(rows) for name, rows in splits.items()},
        tuple(findings.found),
        (*notes, *_embedded_note(samples), *_bounds_note(records)),
    )


class _Images:
    """Finds the images of records."""

    def __init__(self, path: Path, given: Path | None) -> None:
        root = root_of(path)
        usual = [root / name for name in _IMAGE_FOLDERS if (root / name).is_dir()]
        self._folders = [given] if given else [*usual, root]
        self._lookup = ImageLookup(self._folders)

    def find(self, record: ImageRecord) -> Path | None:
        for name in filter(None, record.names):
            try:
                if found := self._lookup.find(name):
                    return found
            except (OSError, ValueError):  # a name too long, or with a zero byte
                continue
        return self._of_stem(record.stem) if record.stem else None

    def _of_stem(self, stem: str) -> Path | None:
        """The image of this stem; where several have it, the one in the folder that it names."""
        above, _, name = stem.rpartition("/")
        found = self._by_stem.get(name.casefold(), [])
        if len(found) > 1:
            found = [one for one in found if one.parent.as_posix().endswith(above or "/")]
        return found[0] if len(found) == 1 else None

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        found: dict[str, dict[Path, None]] = defaultdict(dict)
        for folder in self._folders:
            for path in images_below(folder):
                found[path.stem.casefold()][path] = None
        return {stem: list(paths) for stem, paths in found.items()}


def _pair(
    records: Sequence[ImageRecord], images: _Images, findings: FileFindings, may_lack: bool
) -> list[tuple[ImageRecord, Path]]:
    pairs: dict[tuple[str, Path], ImageRecord] = {}
    lacking: list[ImageRecord] = []
    for record in records:
        image = images.find(record) or (record.embedded and record.embedded())
        if image is None and may_lack:
            lacking += [record] if record.objects else []
        elif image is None:
            shown = next(iter(record.names), record.stem)
            message = f"there is no image {shown}" if shown else "names no image"
            findings.add("missing-picture", record.element, message, record.source)
        elif (record.split, image) in pairs:
            message = f"{image.name} stands here a second time"
            findings.add("id-collision", record.element, message, record.source)
        else:
            pairs[record.split, image] = record
            _report_other_name(record, image, findings)
    if lacking:
        message = f"{counted(len(lacking), 'image')} with boxes not there, such as"
        first = lacking[0]
        findings.add("missing-picture", "", f"{message} {first.element}", first.source)
    return [(record, image) for (_, image), record in pairs.items()]


def _report_other_name(record: ImageRecord, image: Path, findings: FileFindings) -> None:
    names = [name.replace("\\", "/").rpartition("/")[2].casefold() for name in record.names]
    if record.stem and any(names) and image.name.casefold() not in names and not record.embedded:
        message = f"says {record.names[0]}, it is {image.name}"
        findings.add("filename-mismatch", record.element, message, record.source)


def _none_found(path: Path, records: Sequence[ImageRecord], findings: FileFindings) -> str:
    if not records:
        why = f", such as {findings.found[0].path.name}: {findings.found[0].message}"
        return f"{path}: no image in it can be read{why if findings.found else ''}"
    first = next((one for one in findings.found if one.kind.name.endswith("-picture")), None)
    why = f", such as: {first.message}" if first else ""
    return f"{path}: none of its {len(records)} images is usable{why}; see --images"


def _report_bare(images: Sequence[Path], findings: FileFindings) -> None:
    """Images beside the annotated ones that no annotation names."""
    known = set(images)
    for folder in dict.fromkeys(image.parent for image in images):
        for path in sorted(images_below(folder)):
            if path.parent == folder and path not in known:
                findings.add("missing-annotation", "", "no annotation names it", path)


def _class_map(
    path: Path,
    records: Sequence[ImageRecord],
    known: ClassMap | None,
    given: Sequence[str] | None,
) -> ClassMap:
    if given:
        return ClassMap(tuple(given))
    occurring = {one.name for record in records for one in record.objects}
    if known is None:
        if not occurring:
            raise UserError(f"{path}: no annotation holds an object, so there is no class to learn")
        return ClassMap(tuple(sorted(occurring)))
    others = sorted(occurring - set(known.names))
    ids = range(max(known.category_ids) + 1, max(known.category_ids) + 1 + len(others))
    return ClassMap((*known.names, *others), (*known.category_ids, *ids))


def _sample(
    record: ImageRecord,
    image: Path,
    classes: ClassMap,
    findings: FileFindings,
    details: bool,
) -> Sample | None:
    try:
        header = read_header(image)
    except UserError as error:
        if record.is_fraction:  # which mean nothing without the size
            return findings.add("unreadable-picture", "", str(error), image)
        header = None  # the doctor decodes images and reports it; training replaces it
    height, width = _frame(record, header)
    labels = {name: label for label, name in enumerate(classes.names)}
    for one in record.objects:
        if one.name not in labels:
            message = f"unknown class {one.name!r}; known: {', '.join(classes.names)}"
            findings.add("unknown-class", one.element, message, record.source)
    objects = [one for one in record.objects if one.name in labels]
    boxes = np.array([one.drawn.box for one in objects], np.float64).reshape(-1, 4)
    unit = (height, width) if record.is_fraction else (1, 1)
    sample = Sample(
        _image_id(record, image),
        image,
        height,
        width,
        scale(boxes, *unit).astype(np.float32),
        np.array([labels[one.name] for one in objects], np.int64),
        np.array([one.is_crowd for one in objects], bool),
        np.array([one.is_difficult for one in objects], bool),
        source=record.source,
        elements=tuple(f"{one.element} ({one.name})" for one in objects),
        details=tuple(_details(one, *unit) for one in objects) if details else (),
        about=record.about if details else {},
    )
    if header is None:
        return sample
    sample, settled = settle(sample, header)
    findings.found += settled
    return sample


def _frame(record: ImageRecord, header: Header | None) -> tuple[int, int]:
    """Height and width in px that the boxes are meant in.

    Fractions hold at any size, so that only those of an image lying on its side are others.
    """
    claimed = (record.height, record.width)
    if header is None or not record.is_fraction:
        return claimed
    is_stored = header.is_transposed and claimed == (header.width, header.height)
    return claimed if is_stored else (header.height, header.width)


def _image_id(record: ImageRecord, image: Path) -> str:
    written = next(iter(record.names), "").replace("\\", "/").rpartition(".")[0]
    inside = written and not written.startswith("/") and ".." not in written and ":" not in written
    return written if inside else image.stem


def _details(one: ReadObject, height: int, width: int) -> dict[str, Any]:
    if not one.drawn.outline:
        return dict(one.details)
    pieces = [(np.reshape(piece, (-1, 2)) * (width, height)) for piece in one.drawn.outline]
    return {**one.details, "segmentation": [piece.ravel().tolist() for piece in pieces]}


def _embedded_note(samples: Sequence[Sample]) -> list[str]:
    folder = embedded_folder()
    count = sum(sample.path.is_relative_to(folder) for sample in samples)
    text = f"{counted(count, 'image')} inside the annotation files: they are kept in {folder}"
    return [text] if count else []


def _bounds_note(records: Sequence[ImageRecord]) -> list[str]:
    counts = Counter(one.drawn.shape for record in records for one in record.objects)
    counts.pop("", None)
    if not counts:
        return []
    shapes = ", ".join(counted(count, shape) for shape, count in sorted(counts.items()))
    return [f"boxes are the bounds of what was drawn: {shapes}"]


def split_in(name: str) -> str:
    """The part that a file's name speaks of ("oidv6-train-annotations"), or ""."""
    words = re.split("[^a-z]+", name.lower())
    return next((word for word in words if word in SPLIT_FOLDERS), "")
