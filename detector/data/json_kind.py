"""Tells whose JSON a file is, by the keys that its form has, and what to export instead of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from configs.errors import UserError
from detector.data.json_file import parse_json, read_json

_LARGE = 1 << 26  # bytes; parsing them takes more than a tenth of a second
_BY_NAME = {"instances_": "COCO JSON", "captions_": "COCO captions", "panoptic_": "COCO panoptic"}
_COCO = "export as COCO, Pascal VOC or YOLO there"
_READ = "name its folder, or that of its project"
_BOXES = "name the JSON with its boxes (instances_*.json)"

_START = 4096  # bytes that hold the first annotation's keys

Table = dict[str, msgspec.Raw]


class JsonForm(NamedTuple):
    """A form of JSON that tools write."""

    name: str
    keys: frozenset[str]  # those that tell it, at the place that its table says
    remedy: str  # what to do where no reader reads it


def _form(name: str, keys: str, remedy: str = _COCO) -> JsonForm:
    return JsonForm(name, frozenset(keys.split()), remedy)


_TOP = (
    _form("COCO panoptic", "images annotations categories", _BOXES),
    _form("COCO image list", "images annotations categories", _BOXES),
    _form("COCO JSON", "images annotations categories", "fix the file"),
    _form("COCO image list", "images categories", _BOXES),
    _form("COCO captions", "images annotations", _BOXES),
    _form("LabelMe", "shapes imagePath", _READ),
    _form("VIA", "_via_img_metadata", _READ),
    _form("VIA 3", "project config attribute file", "save it as a VIA 2 project or CSV there"),
    _form("datumaro", "items categories", _READ),
    _form("Supervisely", "size objects", _READ),
    _form("Supervisely project", "classes tags", _READ),
    _form("FiftyOne", "classes labels", _READ),
    _form("FiftyOne dataset", "samples", "export as COCODetectionDataset there"),
    _form("Scalabel", "frames", "convert it with `python -m scalabel.label.to_coco`"),
    _form("Darwin (V7)", "item annotations"),
    _form("Darwin (V7)", "image annotations dataset"),
    _form("SuperAnnotate", "metadata instances"),
    _form("OpenLABEL", "openlabel"),
)
"""Forms by keys at the top; the first whose keys, and whose rule below, hold is taken."""

_ITEM = (
    _form("COCO results", "image_id category_id score", "name the JSON with the annotations"),
    _form("COCO results", "image_id category_id bbox", "name the JSON with the annotations"),
    _form("Label Studio", "data annotations", _READ),
    _form("Label Studio before 1.0", "data completions", _READ),
    _form("Label Studio JSON-MIN", "annotation_id annotator", _READ),
    _form("Labelbox", "data_row projects", "convert it with the COCO converter of its SDK"),
    _form("CreateML", "image annotations", _READ),
    _form("CreateML", "imagefilename annotation", _READ),
    _form("CreateML", "imagefilename annotations", _READ),
    _form("Scalabel", "name labels", "convert it with `python -m scalabel.label.to_coco`"),
    _form("Encord", "label_hash data_units"),
)
"""Forms by keys of the first item, where the top is a list."""

_ENTRY = (_form("VIA", "filename regions", _READ),)
"""Forms by keys of the first entry, where the top is a mapping with a key for each image."""


def json_kind(path: Path) -> str:
    """The form of a JSON file, as in the tables above; "" for any other, or no JSON at all."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ""
    return _kind(path, status.st_size, status.st_mtime_ns)


def unread(path: Path) -> UserError | None:
    """What to say of a JSON that no reader reads; None where it is of no known form, or COCO's."""
    kind = json_kind(path)
    remedy = next((form.remedy for form in (*_TOP, *_ITEM, *_ENTRY) if form.name == kind), "")
    if not remedy or kind == "COCO JSON":
        return None
    state = "" if remedy == _READ else ", a form that is not read"
    return UserError(f"{path} is of {kind}{state}; {remedy}")


@lru_cache(maxsize=1 << 14)  # each reader asks in turn
def _kind(path: Path, size: int, _changed: int) -> str:
    by_name = (kind for prefix, kind in _BY_NAME.items() if path.name.startswith(prefix))
    if size > _LARGE and (kind := next(by_name, "")):
        return kind
    try:
        data = read_json(path)
        try:
            top = parse_json(data, Table | list[msgspec.Raw])
        except msgspec.ValidationError:
            return ""
        except msgspec.DecodeError:  # maybe a JSON in each line, as Labelbox exports
            top = [msgspec.Raw(data.split(b"\n", 1)[0])]
        return _of_mapping(top) if isinstance(top, dict) else _of_list(top)
    except (UserError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""


def _of_mapping(top: Table) -> str:
    fits = (form.name for form in _TOP if form.keys <= top.keys() and _holds(form.name, top))
    if found := next(fits, ""):
        return found
    return _named(_ENTRY, _first(top.values()))


def _of_list(top: list[msgspec.Raw]) -> str:
    return _named(_ITEM, _first(top))


def _named(forms: Iterable[JsonForm], keys: Collection[str]) -> str:
    return next((form.name for form in forms if form.keys.issubset(keys)), "")


def _first(values: Iterable[msgspec.Raw]) -> Collection[str]:
    """The keys of the first of some values; none where it is no mapping."""
    first: Any = parse_json(next(iter(values), msgspec.Raw(b"null")))
    return first.keys() if isinstance(first, dict) else ()


def _holds(name: str, top: Table) -> bool:
    """Whether the file is of this form as far as keys do not tell: COCO's files look alike."""
    if name == "COCO captions":
        return b'"caption"' in _start(top["annotations"])
    if name == "COCO panoptic":
        return b'"segments_info"' in _start(top["annotations"])
    if name == "COCO image list" and "annotations" in top:
        return all(_is_empty(top[key]) for key in ("annotations", "categories"))
    return True


def _start(value: msgspec.Raw) -> bytes:
    return bytes(memoryview(value)[:_START])


def _is_empty(value: msgspec.Raw) -> bool:
    return not _start(value).strip(b"[] \t\r\n")
