"""Forms that are recognised and not read: whose they are, and what to export or do instead."""

from __future__ import annotations

from pathlib import Path

from configs.errors import UserError
from detector.data.form import Listing
from detector.data.tools.table_file import read_head
from detector.data.tools.tool_json import as_dict, load_text

_PACKED = (".zip", ".tar", ".tgz", ".gz", ".7z", ".rar", ".bz2", ".xz")
_HEAD = 1 << 16  # bytes of a file that are looked into


def advice(listing: Listing) -> str:
    """What to do with a file or folder that no reader takes; "" where nothing is known of it."""
    for path in listing.files(*_PACKED):
        return f"{path} is packed; unpack it and name the folder"
    for path in listing.files(".parquet"):
        return (
            f"{path}: Parquet is not read; with the library datasets, save the images and a "
            "metadata.jsonl (an image folder)"
        )
    for path in listing.files(".ndjson", ".jsonl"):
        if said := _of_lines(path):
            return said
    for path in listing.files(".csv"):
        columns = ", ".join(_head(path)[:8]) or "nothing"
        return (
            f"{path}: a CSV with the columns {columns} is none of Open Images, VIA or Label "
            "Studio; convert it to COCO or VOC"
        )
    return ""


def _of_lines(path: Path) -> str:
    try:
        with path.open("rb") as file:
            keys = as_dict(load_text(path, file.readline(_HEAD))).keys()
    except (OSError, UserError):
        keys = {}.keys()
    if {"data_row", "projects"} <= keys:
        return f"{path} is Labelbox's export; convert it to COCO with its SDK"
    if {"type", "task", "class_names"} <= keys:
        return f"{path} is Ultralytics' NDJSON; convert it with convert_ndjson_to_yolo there"
    return f"{path}: lines with {', '.join(list(keys)[:8]) or 'no JSON'} are of no known form"


def _head(path: Path) -> list[str]:
    try:
        return read_head(path)
    except UserError:
        return []
