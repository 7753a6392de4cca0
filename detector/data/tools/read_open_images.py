"""Reads Open Images' CSVs: a box a row, as fractions of the image that `ImageID` names.

Classes are codes (`/m/01g317`) that another CSV names. `IsGroupOf` is what COCO calls a crowd.
Source: storage.googleapis.com/openimages/web, "Data formats"; FiftyOne's OpenImagesV6Dataset.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from detector.data.dataset import Dataset
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.tools.from_records import make_dataset
from detector.data.tools.record_images import root_of
from detector.data.tools.records import ImageRecord, ReadObject, read_objects, split_in
from detector.data.tools.shapes_drawn import class_name, coordinate, one_line, upright
from detector.data.tools.table_file import read_head, read_rows, read_table
from detector.data.values import flag
from detector.images import SUFFIXES

_EDGES = ("XMin", "YMin", "XMax", "YMax")
_BOXED = {"ImageID", "LabelName", *_EDGES}
_FLAGS = ("IsOccluded", "IsTruncated", "IsDepiction", "IsInside")

Row = Mapping[str, str]


def _read(path: Path, options: ReadOptions) -> Dataset:
    findings = FileFindings(path)
    names = _class_names(path)
    records: list[ImageRecord] = []
    for file in _files(Listing(path)):
        rows: dict[str, list[tuple[int, Row]]] = defaultdict(list)
        for line, row in enumerate(read_table(file), start=2):
            rows[row.get("ImageID", "")].append((line, row))
        split = split_in(file.stem)
        records += (_record(file, key, rows[key], split, names, findings) for key in rows)
        records += (_record(file, key, [], split, names, findings) for key in _empty(file, rows))
    return make_dataset(path, records, findings, options, may_lack=True)


def _record(
    file: Path,
    image: str,
    rows: list[tuple[int, Row]],
    split: str,
    names: Mapping[str, str],
    findings: FileFindings,
) -> ImageRecord:
    def read(entry: tuple[int, Row], _: str) -> ReadObject:
        line, row = entry
        return _object(row, f"line {line}", names)

    is_file = Path(image).suffix.lower() in SUFFIXES
    return ImageRecord(
        file,
        (image,) if is_file else (),
        read_objects(rows, f"image {one_line(image)}, row", read, findings, file),
        element=f"image {one_line(image)}",
        stem="" if is_file else f"{split}/{image}".lstrip("/"),
        is_fraction=True,
        split=split,
    )


def _object(row: Row, element: str, names: Mapping[str, str]) -> ReadObject:
    code = class_name(row.get("LabelName"))
    drawn = upright(*(coordinate(row.get(edge), edge) for edge in _EDGES))
    details = {key: 1 for key in _FLAGS if flag(row.get(key))}
    return ReadObject(
        element, names.get(code, code), drawn, flag(row.get("IsGroupOf")), False, details
    )


def _empty(file: Path, boxed: Mapping[str, object]) -> Iterator[str]:
    """Images that a list beside the boxes has, and the boxes have not: they are negatives."""
    for other in _tables(Listing(root_of(file))):
        head = set(read_head(other))
        if (
            "ImageID" not in head
            or "LabelName" in head
            or split_in(other.stem) != split_in(file.stem)
        ):
            continue
        yield from (
            one
            for one in dict.fromkeys(row.get("ImageID", "") for row in read_table(other))
            if one and one not in boxed
        )


def _class_names(path: Path) -> dict[str, str]:
    """Names by code, from the CSV of two columns that holds them."""
    for file in _tables(Listing(root_of(path))):
        if "class" in file.stem.lower():
            return {row[0].strip(): row[1].strip() for row in read_rows(file) if len(row) == 2}
    return {}


def _tables(listing: Listing) -> Iterator[Path]:
    """The CSVs of a data set."""
    if listing.path.is_file():
        yield from listing.files(".csv")
        return
    for place in (listing, *map(listing.folder, ("annotations", "labels", "metadata"))):
        yield from place.files(".csv") if place else ()


def _files(listing: Listing) -> list[Path]:
    return [file for file in _tables(listing) if set(read_head(file)) >= _BOXED]


OPEN_IMAGES = Form("Open Images", lambda listing: bool(_files(listing)), _read)
