"""Tells whose JSON a file is, by the keys that its form has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

_LARGE = 1 << 26  # bytes; only COCO's files are so large, and looking takes a tenth of a second

_KEYS = {
    "COCO JSON": {"images", "annotations", "categories"},
    "LabelMe": {"shapes", "imagePath"},
    "VIA": {"_via_img_metadata"},
    "datumaro": {"items", "categories"},
    "Supervisely": {"size", "objects"},
}
"""Keys that the top of a JSON has, by its form."""

_ITEM_KEYS = {
    "COCO results": {"image_id", "category_id", "score"},
    "CreateML": {"image", "annotations"},
    "Label Studio": {"data", "annotations"},
    "Labelbox": {"data_row", "projects"},
}
"""Keys of the first item, where the top is a list."""


def json_kind(path: Path) -> str:
    """The form of a JSON file, as in the tables above; "" for any other, or no JSON at all."""
    try:
        if path.stat().st_size > _LARGE:
            return "COCO JSON"
        keys, is_list = _keys(path.read_bytes())
    except (OSError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""
    table = _ITEM_KEYS if is_list else _KEYS
    return next((form for form, needed in table.items() if needed <= keys), "")


def _keys(data: bytes) -> tuple[set[str], bool]:
    """The keys at the top, or of the first item of a list; and whether it is a list."""
    top: Any = msgspec.json.decode(data, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
    if isinstance(top, dict):
        return set(top), False
    first: Any = msgspec.json.decode(top[0]) if top else None
    return set(first) if isinstance(first, dict) else set(), True
