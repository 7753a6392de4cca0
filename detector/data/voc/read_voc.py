"""Reads Pascal VOC: the standard layout, and the loose folders of XML files that tools write."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

import numpy as np

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import SPLIT_FOLDERS, Dataset
from detector.data.findings import FileFindings, counted
from detector.data.form import Form, Listing, NoClassError, ReadOptions
from detector.data.image_lookup import base_name
from detector.data.orientation import settle_on_disk
from detector.data.voc.voc_file import VocAnnotation, read_voc_annotation
from detector.data.voc.voc_folders import VocFolders, VocImages, voc_folders
from detector.data.voc.voc_lists import ImageSets, read_image_sets, split_by_lists
from detector.data.voc.voc_origin import find_origins
from detector.types import Sample

_Named = tuple[str, VocAnnotation]  # with its stem, its path below the folder: "task/one"


def read_voc(
    root: Path,
    classes: Sequence[str] | None = None,
    origin: int | None = None,
    fallback: int | None = None,
    given: Path | None = None,
    as_annotated: bool = False,
) -> Dataset:
    """Read a folder of VOC annotations.

    Args:
        root: the folder that holds the annotations, and the images where they are not `given`.
        classes: names in the order of their labels; by default all that occur, sorted.
        origin: what corners count from, 0 or 1; by default what the files show.
        fallback: likewise, where they do not show it; by default 1, and a note says so.
        given: the folder of the images; by default it is looked for in `root`.
        as_annotated: keep images that are not there, and boxes in the frame of their file.

    Raises:
        UserError: there is no annotation, or none with an image, or no class.
    """
    folders = voc_folders(root)
    if folders is None:
        raise UserError(f"{root}: no VOC annotations (XML files) found")
    folders = folders._replace(images=given or folders.images)
    images = VocImages(folders)
    findings = FileFindings(root)
    files = folders.xml_files()
    read = list(_read_all(files, findings))
    pairs = list(_pair(read, images, findings, folders.images if as_annotated else None))
    if not pairs:
        raise UserError(_why_none(folders, len(read), findings))
    names = classes or sorted({one.name for _, file in read for one in file.objects})
    if not names:
        raise NoClassError(root, findings)
    class_map = ClassMap(tuple(names))
    origins = find_origins([one for _, one in read], origin, fallback)
    boxes = origins.boxes([one for _, one, _ in pairs])
    samples = [
        _sample(stem, one, its_boxes, image, class_map, findings)
        for (stem, one, image), its_boxes in zip(pairs, boxes, strict=True)
    ]
    if not as_annotated:
        samples = [_settled(sample, findings) for sample in samples]
    annotated = {stem for stem, _ in files}
    lists = read_image_sets(root, annotated | images.by_stem.keys())
    absent = folders.images if as_annotated and not images.by_stem else None
    empty = list(_listed_empty(lists, annotated, images, class_map, absent))
    samples += empty
    if not (given and root.name.lower() in SPLIT_FOLDERS):  # where other splits' lie, too
        _report_bare(images, annotated, {sample.path for sample in samples}, findings)
    splits = split_by_lists(lists, samples, findings) or _split_by_folders(samples)
    notes = [*origins.notes, *_notes(len(empty), read)]
    return Dataset(
        root.name,
        root,
        class_map,
        samples,
        splits,
        tuple(findings.found),
        tuple(notes),
        voc_origin=origins.known,
    )


def _read_all(files: Sequence[tuple[str, Path]], findings: FileFindings) -> Iterator[_Named]:
    for stem, path in files:
        try:
            annotation = read_voc_annotation(path)
        except UserError as error:
            message = str(error).removeprefix(f"{path}: ")
            findings.add("unreadable-annotation", "", message, path)
        else:
            findings.found += annotation.findings
            yield stem, annotation


def _why_none(folders: VocFolders, count: int, findings: FileFindings) -> str:
    if count:
        where = f"{folders.images}; if they lie elsewhere, name their folder with --images"
        return f"{folders.root}: none of its {count} annotations has an image in {where}"
    first = findings.found[0]
    return f"{folders.root}: no annotation can be read, such as {first.path.name}: {first.message}"


def _pair(
    read: Sequence[_Named], images: VocImages, findings: FileFindings, absent: Path | None
) -> Iterator[tuple[str, VocAnnotation, Path]]:
    """Annotations with their images: by their place and own name, else by what they say.

    Those that have none are left out, or have the path that it would have in the folder `absent`.
    """
    own = [images.of(one, stem) for stem, one in read]
    taken = {image: one.path for image, (_, one) in zip(own, read, strict=True) if image}
    for of_place, (stem, one) in zip(own, read, strict=True):
        said = base_name(one.filename)
        image = of_place or images.named(one)
        is_free = image is not None and taken.setdefault(image, one.path) == one.path
        if absent and not is_free:
            yield stem, one, absent / f"{stem}{Path(said).suffix or '.jpg'}"
            continue
        if image is None:
            message = f"no image is named {stem} or {said!r}"
            findings.add("missing-picture", "", message, one.path)
            continue
        if not is_free:
            message = f"{image.name} is that of {taken[image].name}"
            findings.add("missing-picture", "", message, one.path)
            continue
        if said not in ("", image.name) and normalize("NFC", said) != normalize("NFC", image.name):
            message = f"says {said}, it is {image.name}"
            findings.add("filename-mismatch", "filename", message, one.path)
        yield stem, one, image


def _report_bare(
    images: VocImages, annotated: Collection[str], used: Collection[Path], findings: FileFindings
) -> None:
    folders = {path.parent for path in used}
    for stem, paths in images.by_stem.items():
        for path in paths:
            # An annotation that cannot be read is reported as such. Where images have no folder
            # of their own, not all that lie below are meant.
            is_told = stem in annotated and len(paths) == 1
            if path in used or is_told or (images.are_loose and path.parent not in folders):
                continue
            why = f"{stem}.xml is another's" if stem in annotated else f"there is no {stem}.xml"
            findings.add("missing-annotation", "", why, path)


def _listed_empty(
    lists: ImageSets,
    annotated: Collection[str],
    images: VocImages,
    classes: ClassMap,
    absent: Path | None,
) -> Iterator[Sample]:
    """Images that a list names and that have no XML: CVAT writes none where there is no object.

    With a folder `absent` also those that are not there, as none is.
    """
    for stem in dict.fromkeys(itertools.chain.from_iterable(lists.values())):
        there = images.by_stem.get(stem, [absent / f"{stem}.jpg"] if absent else [])
        if stem not in annotated and len(there) == 1:
            nothing = VocAnnotation(there[0], "", 0, 0, [], {}, "", [])
            boxes, findings = np.zeros((0, 4), np.float32), FileFindings(there[0])
            sample = _sample(stem, nothing, boxes, there[0], classes, findings)
            yield replace(sample if absent else _settled(sample, findings), source=None)


def _sample(
    stem: str,
    annotation: VocAnnotation,
    boxes: np.ndarray,
    image: Path,
    classes: ClassMap,
    findings: FileFindings,
) -> Sample:
    rows, labels = [], []
    for row, one in enumerate(annotation.objects):
        try:
            labels += classes.labels_of([one.name])
            rows.append(row)
        except UserError as error:
            findings.add("unknown-class", one.element, str(error), annotation.path)
    objects = [annotation.objects[row] for row in rows]
    return Sample(
        stem,
        image,
        annotation.height,
        annotation.width,
        boxes if len(rows) == len(boxes) else boxes[rows],
        np.array(labels, np.int64),
        np.zeros(len(objects), bool),
        np.array([one.is_difficult for one in objects], bool),
        source=annotation.path,
        elements=tuple(f"{one.element} ({one.name})" for one in objects),
        details=tuple(one.details for one in objects),
        about=annotation.about,
    )


def _settled(sample: Sample, findings: FileFindings) -> Sample:
    """In the frame of its image; as annotated where that cannot be read."""
    try:
        sample, settled = settle_on_disk(sample)
        findings.found += settled
    except UserError:  # the doctor decodes images and reports it; training replaces it
        pass
    return sample


def _split_by_folders(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """Indices by split of samples in folders that are named as splits are."""
    found: dict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        above = str(sample.image_id).split("/")[:-1]
        if split := next((name for name in above if name.lower() in SPLIT_FOLDERS), None):
            found[split].append(index)
    return {name: np.array(rows) for name, rows in found.items()}


def _notes(empty: int, read: Sequence[_Named]) -> Iterator[str]:
    rotated = sum(one.is_rotated for _, file in read for one in file.objects)
    if empty:
        yield f"{counted(empty, 'image')} listed in ImageSets without an XML: taken as empty"
    if rotated:
        yield f"{rotated:,} rotated: the upright box around each is taken"


def _is_here(listing: Listing) -> bool:
    return listing.path.is_dir() and voc_folders(listing.path) is not None


def _read(path: Path, options: ReadOptions) -> Dataset:
    return read_voc(
        path,
        options.classes,
        options.voc_origin,
        options.voc_fallback,
        options.images,
        options.as_annotated,
    )


VOC = Form("VOC", _is_here, _read)
