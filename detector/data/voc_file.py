"""One XML file of Pascal VOC.

A VOC pixel has whole numbers at its centre, so the box from pixel `xmin` to pixel `xmax` covers
`xmin - 1 ... xmax` in ours. Here and only here that becomes our convention and back.
Source: Everingham et al., "The PASCAL VOC2012 Development Kit", section 2.3.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from configs.errors import UserError
from detector.data.findings import KINDS, Finding
from detector.data.values import flag, number, side
from detector.files import explained

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
