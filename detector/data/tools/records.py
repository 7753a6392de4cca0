"""What the readers of other tools' forms yield: `ImageRecord`s with `ReadObject`s, as written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detector.data.dataset import SPLIT_FOLDERS
from detector.data.findings import FileFindings
from detector.data.tools.shapes_drawn import Drawn


@dataclass(frozen=True)
class ReadObject:
    """An object as its file has it."""

    element: str  # where it stands: "shape 3"
    name: str  # of its class
    drawn: Drawn  # in the unit of its record
    is_crowd: bool = False
    is_difficult: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)  # what else the file says of it


@dataclass(frozen=True)
class ImageRecord:
    """An image and its objects as their file has them.

    Attributes:
        source: the annotation file.
        names: paths of the image as written, to be tried in this order.
        objects: those that could be read.
        height: of the image, px, as the file says; 0 if it does not.
        width: likewise.
        element: where it stands in `source`; "" for all of it.
        stem: of the image, where the file names no suffix, or the name written may be wrong.
        is_fraction: whether boxes and outlines are fractions of the image, not pixels.
        split: that the file puts it into, or "".
        about: what else the file says of the image.
        embedded: gives the image that stands in the file itself, None if it is damaged.
    """

    source: Path
    names: tuple[str, ...]
    objects: list[ReadObject]
    height: int = 0
    width: int = 0
    element: str = ""
    stem: str = ""
    is_fraction: bool = False
    split: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    embedded: Callable[[], Path | None] | None = None


def read_objects(
    entries: Iterable[Any],
    noun: str,
    read: Callable[[Any, str], ReadObject],
    findings: FileFindings,
    path: Path,
) -> list[ReadObject]:
    """The objects that can be read; of the others a finding each.

    Args:
        entries: of the file.
        noun: what the file calls one of them.
        read: makes an object of an entry, and of where it stands; raises ValueError.
        findings: takes what cannot be read.
        path: of the file.
    """
    found = []
    for position, entry in enumerate(entries, start=1):
        element = f"{noun} {position}"
        try:
            found.append(read(entry, element))
        except ValueError as error:
            findings.add("bad-object", element, str(error), path)
    return found


def split_in(name: str) -> str:
    """The part that a file's name speaks of ("oidv6-train-annotations"), or ""."""
    words = re.split("[^a-z]+", name.lower())
    return next((word for word in words if word in SPLIT_FOLDERS), "")
