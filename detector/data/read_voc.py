"""Reads Pascal VOC: the standard layout, and the loose folders of XML files that tools write."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.orientation import settle_on_disk
from detector.data.values import read_lines
from detector.data.voc_file import VocAnnotation, read_voc_annotation
from detector.images import SUFFIXES
from detector.types import Sample

_ANNOTATIONS = ("annotations", "annots", "annotation", "xmls", "xml", "labels")
_OF_CLASS = re.compile(r"(.*\S)\s+-?[01]")  # "2007_000027 -1" in the list of one class
_IMAGES = ("jpegimages", "images", "image", "imgs", "img", "pictures", "photos")


def voc_folders(root: Path) -> tuple[Path, Path] | None:
    """The folder of annotations and the folder of images, None if `root` holds no VOC data."""
    folders = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    candidates = [folders[name] for name in _ANNOTATIONS if name in folders]
    candidates += [folder / "xmls" for folder in candidates if (folder / "xmls").is_dir()]
    images = next((folders[name] for name in _IMAGES if name in folders), None)
    for place in (*candidates, *filter(None, [images]), root):
        if any(_xml_files(place)):
            return place, images or (root if place.parent == root else place)
    return None


def read_voc(root: Path, classes: Sequence[str] | None = None) -> Dataset:
    """Read a folder of VOC annotations.

    Args:
        root: the folder that holds both annotations and images.
        classes: names in the order of their labels; by default all that occur, sorted.

    Raises:
        UserError: there is no annotation, or none with an image, or no class.
    """
    found = voc_folders(root)
    if found is None:
        raise UserError(f"{root}: no VOC annotations (XML files) found")
    annotations, images = found[0], _by_stem(found[1])
    findings = FileFindings(root)
    read = list(_read_all(sorted(_xml_files(annotations)), findings))
    pairs = list(_pair(read, images, findings))
    if not pairs:
        raise UserError(f"{root}: none of its {len(read)} annotations has an image in {found[1]}")
    _report_bare(annotations, images, findings)
    names = classes or sorted({one.name for annotation in read for one in annotation.objects})
    if not names:
        raise UserError(f"{root}: no annotation holds an object, so there is no class to learn")
    class_map = ClassMap(tuple(names))
    samples = [_sample(one, image, class_map, findings) for one, image in pairs]
    splits = _image_sets(root, samples, findings)
    return Dataset(root.name, root, class_map, samples, splits, tuple(findings.found))


def _xml_files(folder: Path) -> Iterator[Path]:
    # A Mac leaves a hidden "._name.xml" beside each file that it copies.
    return (p for p in folder.iterdir() if p.suffix.lower() == ".xml" and p.name[0] != ".")


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.name[0] != ".":
            found[path.stem].append(path)
    return dict(found)


def _read_all(paths: Sequence[Path], findings: FileFindings) -> Iterator[VocAnnotation]:
    for path in paths:
        try:
            annotation = read_voc_annotation(path)
        except UserError as error:
            message = str(error).removeprefix(f"{path}: ")
            findings.add("unreadable-annotation", "", message, path)
        else:
            findings.found += annotation.findings
            yield annotation


def _pair(
    read: Sequence[VocAnnotation], images: Mapping[str, list[Path]], findings: FileFindings
) -> Iterator[tuple[VocAnnotation, Path]]:
    """Annotations with their images: by the file's own name, else by what it says."""
    for one in read:
        said = Path(one.filename.replace("\\", "/")).name
        of_name = images.get(one.path.stem) or []
        exact = [path for path in of_name if path.name == said]
        elsewhere = [path for path in images.get(Path(said).stem, []) if path.name == said]
        image = next(iter(exact or of_name or elsewhere), None)
        if image is None:
            message = f"no image is named {one.path.stem} or {said!r}"
            findings.add("missing-picture", "", message, one.path)
            continue
        if said and said != image.name:
            message = f"says {said}, it is {image.name}"
            findings.add("filename-mismatch", "filename", message, one.path)
        yield one, image


def _report_bare(
    annotations: Path, images: Mapping[str, list[Path]], findings: FileFindings
) -> None:
    annotated = {path.stem for path in _xml_files(annotations)}
    for stem, paths in images.items():
        if stem not in annotated:
            findings.add("missing-annotation", "", f"there is no {stem}.xml", paths[0])


def _sample(
    annotation: VocAnnotation, image: Path, classes: ClassMap, findings: FileFindings
) -> Sample:
    objects = []
    for one in annotation.objects:
        try:
            classes.labels_of([one.name])
            objects.append(one)
        except UserError as error:
            findings.add("unknown-class", one.element, str(error), annotation.path)
    sample = Sample(
        annotation.path.stem,
        image,
        annotation.height,
        annotation.width,
        np.array([one.box for one in objects], np.float32).reshape(-1, 4),
        np.array(classes.labels_of(one.name for one in objects), np.int64),
        np.zeros(len(objects), bool),
        np.array([one.is_difficult for one in objects], bool),
        source=annotation.path,
        elements=tuple(f"{one.element} ({one.name})" for one in objects),
        details=tuple(one.details for one in objects),
        about=annotation.about,
    )
    try:
        sample, settled = settle_on_disk(sample)
        findings.found += settled
    except UserError:  # the doctor decodes images and reports it; training replaces it
        pass
    return sample


def _image_sets(
    root: Path, samples: Sequence[Sample], findings: FileFindings
) -> dict[str, np.ndarray]:
    """Indices by split from `ImageSets/Main/*.txt`; the lists of single classes are no splits."""
    folder = root / "ImageSets" / "Main"
    index_of = {str(sample.image_id): index for index, sample in enumerate(samples)}
    splits: dict[str, np.ndarray] = {}
    for path in sorted(folder.glob("*.txt")) if folder.is_dir() else []:
        lines = list(filter(None, read_lines(path, errors="replace")))
        if _is_of_class(lines, index_of):
            continue
        stems = [line if line in index_of else Path(line).stem for line in lines]
        for line, stem in enumerate(stems, start=1):
            if stem not in index_of:
                message = f"{stem} has no annotation"
                findings.add("missing-from-split", f"line {line}", message, path)
        splits[path.stem] = np.array([index_of[s] for s in stems if s in index_of], int)
    everything = len(splits) == 1 and len(next(iter(splits.values()))) == len(samples)
    return {} if everything else splits  # one list of all images splits nothing


def _is_of_class(lines: Sequence[str], known: Collection[str]) -> bool:
    """Whether a list says where a class occurs; "photo 1" may do so, or be an image's name."""

    def is_mark(line: str) -> bool:
        found = None if line in known else _OF_CLASS.fullmatch(line)
        return found is not None and (found[1] in known or len(found[1].split()) == 1)

    return bool(lines) and all(map(is_mark, lines))


def _is_here(listing: Listing) -> bool:
    return listing.path.is_dir() and voc_folders(listing.path) is not None


def _read(path: Path, options: ReadOptions) -> Dataset:
    return read_voc(path, options.classes)


VOC = Form("VOC", _is_here, _read)
