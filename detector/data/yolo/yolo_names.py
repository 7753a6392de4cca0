"""Class names of YOLO data sets: from `data.yaml`, or from a list in a file of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from configs.errors import UserError, shortened
from detector.data.findings import counted
from detector.data.values import as_utf8, number, read_lines

_LISTS = ("classes.txt", "obj.names", "_darknet.labels")
MOST_CLASSES = 10_000
"""A higher class index, or count of classes, is a slip."""

_NOTES = "notes.json"  # of Label Studio


class Names(NamedTuple):
    """Class names in the order of their indices."""

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()  # what there is to say about them


def numbered(count: int) -> tuple[str, ...]:
    """Names for classes without any, the same as Ultralytics makes."""
    return tuple(f"class_{index}" for index in range(count))


def names_in_yaml(path: Path, values: Mapping[str, Any]) -> Names | None:
    """The names that a `data.yaml` lists or maps from 0, 1, ...; None where it has none.

    Raises:
        UserError: they are something else, or one is empty or stands twice.
    """
    said = number(values.get("nc"))
    if values.get("names") is None:
        if said is None or not 1 <= said <= MOST_CLASSES:
            return None
        note = f"{path} names no classes (names:): they are called class_0, class_1, ..."
        return Names(numbered(int(said)), (note,))
    names = _checked(path, _in_order(values["names"]))
    if said is None or said == len(names):
        return Names(names)
    note = f"{path} says nc: {said:g}, but has {counted(len(names), 'name')}: the names count"
    return Names(names, (note,))


def names_in_files(folders: Sequence[Path]) -> Names | None:
    """The names in a list that lies in one of these folders; None without any.

    Raises:
        UserError: such a file cannot be read, or a name stands twice.
    """
    lists = (folder / name for folder in folders for name in _LISTS)
    listed = next((path for path in lists if path.is_file()), None)
    names = names_in_list(listed) if listed else None
    for folder in folders:
        noted = _names_in_notes(folder / _NOTES)
        if noted and names and noted != names:
            note = f"{listed} and {folder / _NOTES} name different classes: the former counts"
            return Names(names, (note,))
        names = names or noted
    return Names(names) if names else None


def names_in_list(path: Path) -> tuple[str, ...]:
    """The names in a text file, one a line.

    Raises:
        UserError: it cannot be read, holds none, or one stands twice.
    """
    return _checked(path, list(filter(None, read_lines(path))))


def _names_in_notes(path: Path) -> tuple[str, ...] | None:
    """The names that Label Studio notes beside its `classes.txt`; None if there are none."""
    try:
        found = json.loads(as_utf8(path.read_bytes()))["categories"]
        return tuple(str(one["name"]) for one in sorted(found, key=lambda one: one["id"])) or None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _in_order(names: Any) -> list[str] | None:
    """Names as a list; None if they are neither a list nor a mapping from 0, 1, ..."""
    if isinstance(names, dict):
        by_index = {number(key): name for key, name in names.items()}
        if len(by_index) != len(names) or set(by_index) != set(range(len(names))):
            return None
        names = [by_index[index] for index in range(len(names))]
    return names if isinstance(names, list) and all(isinstance(n, str) for n in names) else None


def _checked(path: Path, names: list[str] | None) -> tuple[str, ...]:
    if not names:
        raise UserError(f"{path}: names must list the classes, or map 0, 1, ... to them")
    found = tuple(name.strip() for name in names)
    wrong = next((name for name in found if not name or found.count(name) > 1), None)
    if wrong is not None:
        raise UserError(f"{path}: class name {shortened(wrong)} is empty or stands twice")
    return found
