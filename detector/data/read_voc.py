"""Reads Pascal VOC: the standard layout, and the loose folders of XML files that tools write.

A VOC pixel has whole numbers at its centre, so the box from pixel `xmin` to pixel `xmax` covers
`xmin - 1 ... xmax` in ours. Here and only here that becomes our convention and back.
Source: Everingham et al., "The PASCAL VOC2012 Development Kit", section 2.3.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.findings import KINDS, FileFindings, Finding
from detector.data.orientation import settle_on_disk
from detector.data.values import flag, number, read_lines, side
from detector.files import explained
from detector.images import SUFFIXES
from detector.types import Sample

_ANNOTATIONS = ("annotations", "annots", "annotation", "xmls", "xml", "labels")
_OF_CLASS = re.compile(r"(.*\S)\s+-?[01]")  # "2007_000027 -1" in the list of one class
_IMAGES = ("jpegimages", "images", "image", "imgs", "img", "pictures", "photos")
CORNERS = ("xmin", "ymin", "xmax", "ymax")
_OFFSET = np.array([1.0, 1.0, 0.0, 0.0])


def from_voc_corners(corners: np.ndarray) -> np.ndarray:
    """VOC's xmin, ymin, xmax, ymax `(..., 4)` to our xyxy, float32."""
    return (np.asarray(corners, np.float64) - _OFFSET).astype(np.float32)


def to_voc_corners(boxes: np.ndarray) -> np.ndarray:
    """Our xyxy `(..., 4)` to VOC's corners, float64; the inverse of `from_voc_corners`."""
    return boxes.astype(np.float64) + _OFFSET


class VocObject(NamedTuple):
    """One `object` of an annotation."""

    element: str  # "object 3", counted from 1
    name: str  # of its class, as written
    box: np.ndarray  # float32 `(4,)`, xyxy
    is_difficult: bool
    details: Mapping[str, Any]  # every other element in it


class VocAnnotation(NamedTuple):
    """One XML file."""

    path: Path
    filename: str  # of the image, as the file says; "" if it does not
    height: int  # of the image, as the file says; 0 if it does not
    width: int  # likewise
    objects: list[VocObject]  # those that could be read
    about: Mapping[str, Any]  # every other element of the file
    findings: list[Finding]  # what was wrong with it


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


def read_voc_annotation(path: Path) -> VocAnnotation:
    """Read one XML file; objects that cannot be read are reported and left out.

    Raises:
        UserError: the file cannot be read, is damaged, or is no VOC annotation.
    """
    try:
        return _annotation(path, _parse(path))
    except RecursionError as error:
        raise UserError(f"{path}: its elements are nested too deeply") from error


def _annotation(path: Path, root: Element) -> VocAnnotation:
    objects: list[VocObject] = []
    findings: list[Finding] = []
    for position, node in enumerate(root.findall("object"), start=1):
        try:
            objects.append(_object(node, f"object {position}"))
        except ValueError as error:
            findings.append(Finding(KINDS["bad-object"], path, f"object {position}", str(error)))
    size = root.find("size")
    height, width = (side(_text(size, key)) for key in ("height", "width"))
    about = _others(root, {"object", "filename", "size"})
    return VocAnnotation(path, _text(root, "filename"), height, width, objects, about, findings)


def _parse(path: Path) -> Element:
    with explained(path, "read"):
        data = path.read_bytes()
    try:
        root = fromstring(data)
    except DefusedXmlException as error:
        raise UserError(f"{path}: has XML entities, which are not read: they can attack") from error
    # ValueError: an encoding that Python does not know, or that is not the file's.
    except (ParseError, ValueError, LookupError) as error:
        raise UserError(f"{path}: damaged XML ({error}); export it again") from error
    if root.tag != "annotation":
        raise UserError(f"{path}: not a VOC annotation, its root is <{root.tag}>")
    return root


def _object(node: Element, element: str) -> VocObject:
    name = _text(node, "name")
    if not name:
        raise ValueError("has no name")
    box = node.find("bndbox")
    if box is None:
        other = next((child.tag for child in node if child.tag in ("polygon", "robndbox")), None)
        raise ValueError(f"has no bndbox{f', only a {other}' if other else ''}")
    corners = [number(_text(box, corner)) for corner in CORNERS]
    for corner, value in zip(CORNERS, corners, strict=True):
        if value is None or abs(value) > 1e9:
            raise ValueError(f"its {corner} is {_text(box, corner)!r}, not a number of pixels")
    details = _others(node, {"name", "bndbox", "difficult"})
    is_difficult = flag(_text(node, "difficult"))
    return VocObject(element, name, from_voc_corners(np.array(corners)), is_difficult, details)


def _text(node: Element | None, tag: str) -> str:
    child = None if node is None else node.find(tag)
    return " ".join((child.text or "").split()) if child is not None else ""


def _others(node: Element, known: Collection[str]) -> dict[str, Any]:
    """The other children as nested dictionaries of text; those of one name as a list."""
    gathered: dict[str, list[Any]] = {}
    for child in node:
        if child.tag not in known:
            value = _others(child, ()) if len(child) else (child.text or "").strip()
            gathered.setdefault(child.tag, []).append(value)
    return {tag: values[0] if len(values) == 1 else values for tag, values in gathered.items()}
