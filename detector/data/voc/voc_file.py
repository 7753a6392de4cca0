"""One XML file of Pascal VOC.

A VOC pixel has whole numbers at its centre, and the first is 1, so the box from pixel `xmin` to
pixel `xmax` covers `xmin - 1 ... xmax` in ours. Most tools do not add that 1: their corners are
ours already (`voc_origin.py` tells them apart). Here and only here corners become ours and back.
Source: Everingham et al., "The PASCAL VOC2012 Development Kit", section 2.3.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from configs.errors import UserError
from detector.data.findings import KINDS, Finding
from detector.data.values import flag, number, shown, side
from detector.data.xml_file import DAMAGED, parse_xml
from detector.files import explained

OURS = "write_voc"
"""The writer of our own files, which are known by how they begin."""

CORNERS = ("xmin", "ymin", "xmax", "ymax")
_OFFSET = np.array([1.0, 1.0, 0.0, 0.0])
_VOC_DATABASE = re.compile(r"The VOC20\d\d Database")
_OURS = re.compile(
    rb"<annotation>\n\t<filename>[^<]+</filename>\n\t<size>\n\t\t<width>\d+</width>\n"
    rb"\t\t<height>\d+</height>\n\t\t<depth>3</depth>\n\t</size>\n"
)
_OTHERS = {
    "annotations": "CVAT's XML (CVAT for images)",
    "dataset": "an XML of dlib's imglab",
    "imagesize": "LabelMe's XML",
    "tagset": "an XML of ICDAR",
    "HRSC_Image": "an XML of HRSC2016",
}  # by their root, or an element of it


def from_voc_corners(corners: np.ndarray, origin: int = 1) -> np.ndarray:
    """VOC's xmin, ymin, xmax, ymax `(..., 4)` to our xyxy, float32.

    Args:
        corners: as in the file.
        origin: what the first pixel is called, 1 as in VOC itself or 0.
    """
    corners = np.asarray(corners, np.float64)
    return (corners - _OFFSET if origin else corners).astype(np.float32)


def to_voc_corners(boxes: np.ndarray) -> np.ndarray:
    """Our xyxy `(..., 4)` to VOC's corners, float64; the inverse of `from_voc_corners`."""
    return boxes.astype(np.float64) + _OFFSET


class VocObject(NamedTuple):
    """One `object` of an annotation."""

    element: str  # "object 3", counted from 1
    name: str  # of its class, as written
    corners: tuple[float, ...]  # xmin, ymin, xmax, ymax as written
    is_difficult: bool
    is_rotated: bool  # the corners are those of the upright box around a rotated one
    details: Mapping[str, Any]  # every other element in it


class VocAnnotation(NamedTuple):
    """One XML file."""

    path: Path
    filename: str  # of the image, as the file says; "" if it does not
    height: int  # of the image, as the file says; 0 if it does not
    width: int  # likewise
    objects: list[VocObject]  # those that could be read
    about: Mapping[str, Any]  # every other element of the file
    writer: str  # the tool whose marks it bears, such as "labelImg"; "" if none is known
    findings: list[Finding]  # what was wrong with it


def read_voc_annotation(path: Path) -> VocAnnotation:
    """Read one XML file; objects that cannot be read are reported and left out.

    Raises:
        UserError: the file cannot be read, is damaged, or is no VOC annotation.
    """
    try:
        return _annotation(path, *_parse(path))
    except RecursionError as error:
        raise UserError(f"{path}: its elements are nested too deeply") from error


def _annotation(path: Path, root: Element, is_ours: bool) -> VocAnnotation:
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
    name = _text(root, "filename")
    writer = OURS if is_ours else _writer(root, about)
    return VocAnnotation(path, name, height, width, objects, about, writer, findings)


def xml_form(path: Path) -> str | None:
    """What an XML file is if it is not VOC's: "" if it is, None if it is too damaged to tell.

    Of a file that is not VOC's, which may be large, only the beginning is read.
    """
    try:
        with path.open("rb") as file:
            events = iterparse(file, events=("start",))
            _, root = next(events)
            if root.tag == "annotation":
                deque(events, maxlen=0)  # LabelMe's own elements may come last
        return _other_form(root)
    except (OSError, *DAMAGED, DefusedXmlException, RecursionError, StopIteration):
        return None


def _parse(path: Path) -> tuple[Element, bool]:
    """The root, and whether `write_voc` wrote the file."""
    with explained(path, "read"):
        data = path.read_bytes()
    root = parse_xml(path, data)
    if strange := _other_form(root):
        raise UserError(f"{path}: not a VOC annotation, {strange}")
    return root, _OURS.match(data) is not None and data.endswith(b"</annotation>")


def _other_form(root: Element) -> str:
    """What a file is if it is not VOC's, with the way out where the tool is known."""
    if root.tag == "annotation" and root.find("imagesize") is None:
        return ""
    name = _OTHERS.get("imagesize" if root.tag == "annotation" else root.tag)
    return f"it is {name}; export Pascal VOC or COCO there" if name else f"its root is <{root.tag}>"


def _writer(root: Element, about: Mapping[str, Any]) -> str:
    """The tool whose marks a file bears, "" if it bears none that are known."""
    source = _mapping(about.get("source"))
    database, annotation = (str(source.get(tag, "")) for tag in ("database", "annotation"))
    if database == annotation == "Unknown":
        # On request it adds VOC's 1, and writes whole numbers then.
        return "datumaro" if "." in _text(root.find("object/bndbox"), "xmin") else ""
    if "path" in about and source.keys() == {"database"} and database in ("Unknown", ""):
        return "labelImg" if database else "FiftyOne"
    if _VOC_DATABASE.fullmatch(database) and annotation.startswith("PASCAL VOC"):
        return "VOC"
    if database == "roboflow.ai" and about.get("folder") == "VOC":
        return "supervision"
    if _mapping(about.get("owner")).get("name") == "Label Studio":
        return "Label Studio"
    return "pylabel" if "source" not in about and _is_of_pylabel(root) else ""


def _is_of_pylabel(root: Element) -> bool:
    """Whether the depth is left open and both x come first."""
    depth, box = root.find("size/depth"), root.find("object/bndbox")
    if depth is None or (depth.text or "").strip() or box is None:
        return False
    return [edge.tag for edge in box[:2]] == ["xmin", "xmax"]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _object(node: Element, element: str) -> VocObject:
    name = _text(node, "name")
    if not name:
        raise ValueError("has no name")
    box = node.find("bndbox")
    if box is None:
        other = next((child.tag for child in node if child.tag in ("polygon", "robndbox")), None)
        raise ValueError(f"has no bndbox{f', only a {other}' if other else ''}")
    corners = tuple(_pixels(_text(box, corner), corner) for corner in CORNERS)
    details = _others(node, {"name", "bndbox", "difficult"})
    rotation = _take_rotation(details)
    edges = _around(corners, rotation) if rotation else corners
    is_difficult = flag(_text(node, "difficult"))
    return VocObject(element, name, edges, is_difficult, rotation != 0, details)


def _pixels(text: str, corner: str) -> float:
    value = number(text)
    if value is None or abs(value) > 1e9:
        raise ValueError(f"its {corner} is {shown(text)}, not a number of pixels")
    return value


def _take_rotation(details: dict[str, Any]) -> float:
    """An object's rotation in degrees, as CVAT notes it; where there is one it is taken out."""
    noted = _mapping(details.get("attributes"))
    listed = noted.get("attribute")
    listed = listed if isinstance(listed, list) else [listed]
    found = [one for one in listed if isinstance(one, dict) and one.get("name") == "rotation"]
    degrees = number(found[0].get("value")) if found else None
    if not degrees or not degrees % 180:
        return 0.0
    rest = [one for one in listed if one not in found]
    details["attributes"] = {**noted, "attribute": rest}
    return degrees


def _around(corners: Sequence[float], degrees: float) -> tuple[float, ...]:
    """The corners of the upright box around one that is turned about its centre."""
    x1, y1, x2, y2 = corners
    cos, sin = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    width, height = (x2 - x1) * cos + (y2 - y1) * sin, (x2 - x1) * sin + (y2 - y1) * cos
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


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
