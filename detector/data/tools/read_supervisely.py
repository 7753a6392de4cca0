"""Reads Supervisely's projects: `meta.json`, and in each data set `ann/NAME.json` and `img/NAME`.

Its SDK writes whole numbers, which are those of pixels, the last one inside; its labelling tool
writes fractions of pixels, and continuous edges. The files of a project tell which.
Source: developer.supervisely.com, "Supervisely annotation format"; its SDK, `Rectangle`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import SPLIT_FOLDERS, Dataset
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.json_kind import json_kind
from detector.data.tools.from_records import make_dataset
from detector.data.tools.record_images import root_of
from detector.data.tools.records import ImageRecord, ReadObject, read_objects
from detector.data.tools.shapes_drawn import (
    Drawn,
    between,
    class_name,
    mask,
    no_box,
    points_of,
    polygon,
)
from detector.data.tools.tool_json import as_dict, as_list, load_json
from detector.data.values import number, side

_BOXED = ("rectangle", "polygon", "bitmap")


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings = FileFindings(path)
    contents: dict[Path, dict[str, Any]] = {}
    for file in _files(Listing(path)):
        try:
            contents[file] = as_dict(load_json(file))
        except UserError as error:
            message = str(error).removeprefix(f"{file}: ")
            findings.add("unreadable-annotation", "", message, file)
    is_whole = all(edge.is_integer() for content in contents.values() for edge in _corners(content))
    records = [_record(*one, is_whole, findings) for one in contents.items()]
    names = _class_names(root_of(path))
    note = "all corners are whole numbers: the last pixel is taken as inside the object"
    return make_dataset(
        path,
        records,
        findings,
        options,
        ClassMap(names) if names else None,
        [note] if is_whole else [],
    )


def _class_names(root: Path) -> tuple[str, ...]:
    """The classes of the project, from its `meta.json`."""
    found = (folder / "meta.json" for folder in (root, root.absolute().parent))
    meta = next((file for file in found if file.is_file()), None)
    listed = as_list(as_dict(load_json(meta)).get("classes")) if meta else []
    names = (" ".join(str(as_dict(one).get("title") or "").split()) for one in listed)
    return tuple(dict.fromkeys(filter(None, names)))


def _corners(content: dict[str, Any]) -> Iterator[float]:
    """The numbers of the rectangles of an image."""
    for one in map(as_dict, as_list(content.get("objects"))):
        if one.get("geometryType") == "rectangle":
            points = as_list(as_dict(one.get("points")).get("exterior"))
            values = (edge for point in points for edge in as_list(point))
            yield from filter(None, map(number, values))


def _record(
    file: Path, content: dict[str, Any], is_whole: bool, findings: FileFindings
) -> ImageRecord:
    def read(entry: Any, element: str) -> ReadObject:
        entry = as_dict(entry)
        name = class_name(entry.get("classTitle"))
        tags = {
            str(as_dict(tag).get("name")): as_dict(tag).get("value")
            for tag in as_list(entry.get("tags"))
        }
        return ReadObject(element, name, _drawn(entry, is_whole), details=tags)

    size, folder = as_dict(content.get("size")), file.parent.parent
    name = file.name.removesuffix(".json")
    return ImageRecord(
        file,
        (f"{folder.name}/img/{name}", f"img/{name}", name),
        read_objects(as_list(content.get("objects")), "object", read, findings, file),
        side(size.get("height")),
        side(size.get("width")),
        split=folder.name if folder.name.lower() in SPLIT_FOLDERS else "",
    )


def _drawn(entry: dict[str, Any], is_whole: bool) -> Drawn:
    kind, points = entry.get("geometryType"), as_dict(entry.get("points")).get("exterior")
    if kind not in _BOXED:
        raise no_box(kind)
    if kind == "bitmap":
        bitmap = as_dict(entry.get("bitmap"))
        return mask(points_of([bitmap.get("origin")])[0], bitmap.get("data"), is_packed=True)
    corners = points_of(points)
    if kind == "polygon":
        return polygon(corners + 0.5 if is_whole else corners)
    x1, y1, x2, y2 = between(corners).box
    return Drawn((x1, y1, x2 + is_whole, y2 + is_whole))


def _files(listing: Listing) -> list[Path]:
    """The annotations of all data sets of a project, or of one of them; or the file itself."""
    path = listing.path
    if path.is_file() and path.name != "meta.json":
        return listing.files(".json")
    project = Listing(path.parent) if path.is_file() else listing
    folders = [place / "ann" for place in (project.path, *project.folders.values())]
    return [file for one in folders if one.is_dir() for file in Listing(one).files(".json")]


def _is_here(listing: Listing) -> bool:
    return any(json_kind(file) == "Supervisely" for file in _files(listing)[:3])


SUPERVISELY = Form("Supervisely", _is_here, _read)
