"""Reads TFRecords of the TF Object Detection API: images and boxes (as fractions) in one file.

The images are kept as files in the user's cache folder. `label_map.pbtxt` names the classes, as far
as the records do not do so themselves; shards (`x-00000-of-00010`) are one part.
Source: TF Object Detection API, `tf_example_decoder.py`, "Preparing inputs".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings, counted
from detector.data.form import Form, Listing, ReadOptions
from detector.data.tools.embedded import keep_image
from detector.data.tools.from_records import make_dataset
from detector.data.tools.record_images import root_of
from detector.data.tools.records import ImageRecord, ReadObject, read_objects, split_in
from detector.data.tools.shapes_drawn import class_name, coordinate, upright
from detector.data.tools.tfrecord_file import Features, read_example, read_records
from detector.data.values import read_lines, side

_SUFFIXES = (".tfrecord", ".tfrecords", ".record", ".records")
_SHARD = re.compile(r"(.+)-\d{5}-of-\d{5}(\.\w+)?", re.IGNORECASE)
_ITEM = re.compile(r"item\s*:?\s*\{(.*?)\}", re.DOTALL)
_FIELD = re.compile(r"""(\w+)\s*:\s*(?:"([^"]*)"|'([^']*)'|(-?\d+))""")
_OBJECT = "image/object/"
_EDGES = ("xmin", "ymin", "xmax", "ymax")


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings, left_out = FileFindings(path), Counter[str]()
    files = _files(Listing(path)) or [path]
    names = _label_map(root_of(path))
    seen: dict[int, str] = {}
    records = [
        record for file in files for record in _records(file, names, seen, findings, left_out)
    ]
    if not records and not findings.found:
        raise UserError(f"{path}: holds no records")
    notes = [f"{counted(count, noun)} left out" for noun, count in left_out.items() if count]
    known = names or seen
    is_map = len(set(known.values())) == len(known) > 0
    order = sorted(known)
    classes = ClassMap(tuple(known[i] for i in order), tuple(order)) if is_map else None
    return make_dataset(path, records, findings, options, classes, notes)


def _records(
    file: Path,
    names: Mapping[int, str],
    seen: dict[int, str],
    findings: FileFindings,
    left_out: Counter[str],
) -> Iterator[ImageRecord]:
    number = 0
    try:
        for number, data in enumerate(read_records(file), start=1):
            try:
                features = read_example(data)
            except ValueError as error:
                findings.add("unreadable-annotation", f"record {number}", str(error), file)
                continue
            left_out["mask"] += len(features.get(f"{_OBJECT}mask", ()))
            yield _record(file, f"record {number}", features, names, seen, findings)
    except (ValueError, OSError) as error:
        where = f"record {number + 1}"
        findings.add("unreadable-annotation", where, f"{error}; it and the rest", file)


def _record(
    file: Path,
    element: str,
    features: Features,
    names: Mapping[int, str],
    seen: dict[int, str],
    findings: FileFindings,
) -> ImageRecord:
    name = next((text for key in ("filename", "source_id") if (text := _text(features, key))), "")
    encoded = features.get("image/encoded") or [b""]
    data = encoded[0] if isinstance(encoded[0], bytes) else b""
    kept = keep_image(data, name) if data else None
    columns = _columns(features)
    rows = range(max(map(len, columns.values())))

    def read(row: int, where: str) -> ReadObject:
        values = {key: column[row] for key, column in columns.items() if row < len(column)}
        number = values.get("class/label")
        text = values.get("class/text")
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else ""
        if isinstance(number, int) and text:
            seen.setdefault(number, text)
        number = number if isinstance(number, int) else None
        known = names.get(number, f"class_{number}") if number is not None else None
        drawn = upright(*(coordinate(values.get(f"bbox/{edge}"), edge) for edge in _EDGES))
        is_crowd = any(bool(values.get(key)) for key in ("is_crowd", "group_of"))
        return ReadObject(
            where,
            class_name(known if text.startswith("/m/") and known else text or known),
            drawn,
            is_crowd,
            bool(values.get("difficult")),
        )

    return ImageRecord(
        file,
        () if kept else tuple(filter(None, [name])),
        read_objects(rows, f"{element} object", read, findings, file),
        side(next(iter(features.get("image/height", ())), 0)),
        side(next(iter(features.get("image/width", ())), 0)),
        element,
        is_fraction=True,
        split=split_in(file.stem) or _group(file),
        embedded=(lambda: kept) if kept else None,
    )


def _columns(features: Features) -> dict[str, list]:
    """The lists that have one entry for each object."""
    keys = [f"bbox/{edge}" for edge in _EDGES]
    keys += ["class/text", "class/label", "is_crowd", "group_of", "difficult"]
    return {key: features.get(_OBJECT + key, []) for key in keys}


def _text(features: Features, key: str) -> str:
    value = next(iter(features.get(f"image/{key}", ())), b"")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _label_map(folder: Path) -> dict[int, str]:
    """Names by number from the `.pbtxt` beside the records."""
    for file in Listing(folder).files(".pbtxt"):
        items = [_item(found) for found in _ITEM.findall("\n".join(read_lines(file, "replace")))]
        if names := {number: name for number, name in items if number and name}:
            return names
    return {}


def _item(text: str) -> tuple[int, str]:
    fields = {
        key: double or single or number for key, double, single, number in _FIELD.findall(text)
    }
    return int(fields.get("id") or 0), fields.get("display_name") or fields.get("name", "")


def _group(file: Path) -> str:
    """What the shards of one part have in common."""
    found = _SHARD.fullmatch(file.name)
    return Path(found[1]).stem if found else file.stem


def _is_record(path: Path) -> bool:
    found = _SHARD.fullmatch(path.name)
    name = f"{found[1]}{found[2] or ''}" if found else path.name
    return Path(name).suffix.lower() in _SUFFIXES and path.is_file()


def _files(listing: Listing) -> list[Path]:
    path = listing.path
    if not path.is_file():
        return [one for one in listing.entries if _is_record(one)]
    if not _is_record(path):
        return []
    shards = [one for one in sorted(path.parent.iterdir()) if _is_record(one)]
    return [one for one in shards if _group(one) == _group(path)]


TF_RECORD = Form("TFRecord", lambda listing: bool(_files(listing)), _read)
