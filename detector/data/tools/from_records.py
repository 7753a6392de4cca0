"""A data set made of what a reader of another tool's form yields.

Once for all of these forms: images are found and measured, classes numbered, boxes brought into the
frame of the upright image, splits gathered, and what was decided is said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.boxes import scale
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings, counted
from detector.data.form import NoClassError, ReadOptions
from detector.data.orientation import settle
from detector.data.splitting.split_record import shared_parts
from detector.data.tools.embedded import embedded_folder
from detector.data.tools.record_images import none_usable, pair_images
from detector.data.tools.records import ImageRecord, ReadObject
from detector.images import Header, read_header
from detector.types import Sample


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
        may_lack: whether it is usual that most of the images are not there.

    Raises:
        UserError: no image is found, or there is no class.
    """
    records = list(records)
    pairs, moved = pair_images(
        path, records, options.images, findings, may_lack, options.as_annotated
    )
    classes = _class_map(path, records, classes, options.classes, findings)
    samples, splits, unmeasured = [], defaultdict(list), set[Path]()
    ids = _image_ids(pairs)
    for image_id, (record, image) in zip(ids, pairs, strict=True):
        sample = _sample(image_id, record, image, classes, findings, options)
        if sample is None and options.as_annotated:
            unmeasured.add(image)
            bare = replace(record, objects=[], is_fraction=False)
            sample = _sample(image_id, bare, image, classes, findings, options)
        if sample:
            splits[record.split].append(len(samples))
            samples.append(sample)
    if not samples:
        raise UserError(none_usable(path, records, findings))
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
        (*notes, *moved, *_embedded_note(samples), *_bounds_note(records)),
        folders=(embedded_folder(),) if _embedded_note(samples) else (),
        unmeasured=frozenset(unmeasured),
    )


def _class_map(
    path: Path,
    records: Sequence[ImageRecord],
    known: ClassMap | None,
    given: Sequence[str] | None,
    findings: FileFindings,
) -> ClassMap:
    if given:
        return ClassMap(tuple(given))
    occurring = {one.name for record in records for one in record.objects}
    if known is None:
        if not occurring:
            raise NoClassError(path, findings)
        return ClassMap(tuple(sorted(occurring)))
    others = sorted(occurring - set(known.names))
    ids = range(max(known.category_ids) + 1, max(known.category_ids) + 1 + len(others))
    return ClassMap((*known.names, *others), (*known.category_ids, *ids))


def _sample(
    image_id: str,
    record: ImageRecord,
    image: Path,
    classes: ClassMap,
    findings: FileFindings,
    options: ReadOptions,
) -> Sample | None:
    header = None
    if record.is_fraction or not options.as_annotated:
        try:
            header = read_header(image)
        except UserError as error:
            is_sized = (record.height and record.width) or not record.objects
            # Fractions mean nothing without the size.
            if record.is_fraction and not (options.as_annotated and is_sized):
                return findings.add("unreadable-picture", "", str(error), image)
            # Else the doctor decodes images and reports it; training replaces it.
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
        image_id,
        image,
        height,
        width,
        scale(boxes, *unit).astype(np.float32),
        np.array([labels[one.name] for one in objects], np.int64),
        np.array([one.is_crowd for one in objects], bool),
        np.array([one.is_difficult for one in objects], bool),
        source=record.source,
        elements=tuple(f"{one.element} ({one.name})" for one in objects),
        details=tuple(_details(one, *unit) for one in objects) if options.details else (),
        about=record.about if options.details else {},
    )
    if header is None or options.as_annotated:
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


def _image_ids(pairs: Sequence[tuple[ImageRecord, Path]]) -> list[str]:
    """The names as written without their suffix; where two are the same, with the folders.

    Those count from the one that holds all images, so that ids stay where a data set is moved.
    """
    ids = [_image_id(*pair) for pair in pairs]
    counts = Counter(ids)
    common = shared_parts([image.parent.parts for _, image in pairs])
    below = ["/".join(image.with_suffix("").parts[common:]) for _, image in pairs]
    return [one if counts[one] == 1 else path for one, path in zip(ids, below, strict=True)]


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
