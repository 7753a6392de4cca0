"""The categories of a COCO JSON, in the ways that tools write them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.findings import FileFindings
from detector.data.values import Id, as_id, as_number


class CocoCategories(NamedTuple):
    """The categories of a file as classes."""

    label_of: Mapping[Id, int]  # by category id, as the file has it
    classes: ClassMap  # in the order of the ids
    entries: Sequence[Mapping[str, Any]]  # as in the file, each with its id as a number
    notes: tuple[str, ...]  # what was decided, to be told to the user


def read_categories(
    given: list[Any] | dict[str, Any],
    used: Callable[[], Collection[Any]],
    findings: FileFindings,
) -> CocoCategories:
    """Read `categories`: usually {id, name} each, but also names by id, or names alone.

    Args:
        given: as the file has them.
        used: gives the ids that annotations have; asked where there are names alone.
        findings: about the file; takes what is left out.

    Raises:
        UserError: there is no category, or the ids of names alone cannot be told.
    """
    notes: list[str] = []
    if isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        first = _first_id(len(given), used(), findings)
        given = [{"id": number, "name": name} for number, name in enumerate(given, first)]
        notes.append(f"{findings.path.name}: its categories have no ids: counted from {first}")
    entries = dict(_by_id(given, findings))
    if not entries:
        raise UserError(f"{findings.path}: names no category")
    numbers = {one: number for one in entries if (number := as_number(one)) is not None}
    if len(set(numbers.values())) < len(entries):
        numbers = {one: number for number, one in enumerate(entries, start=1)}
        text = next(one for one in entries if isinstance(one, str))
        note = f"{findings.path.name}: category ids such as {text!r} are no numbers: counted from 1"
        notes.append(note)
    first_id: dict[str, int] = {}
    for category_id in sorted(entries, key=numbers.__getitem__):
        name, number = entries[category_id]["name"], numbers[category_id]
        if (first := first_id.setdefault(name, number)) != number:
            message = f"has the name of category {first}, {name!r}"
            findings.add("category-name-collision", f"category {category_id}", message)
    label = {name: label for label, name in enumerate(first_id)}
    return CocoCategories(
        {category_id: label[entry["name"]] for category_id, entry in entries.items()},
        ClassMap(tuple(first_id), tuple(first_id.values())),
        [{**entry, "id": numbers[category_id]} for category_id, entry in entries.items()],
        tuple(notes),
    )


def _first_id(count: int, used: Collection[Any], findings: FileFindings) -> int:
    """Whether names alone are counted from 0 or from 1, as the annotations' ids say."""
    numbers = {as_number(as_id(one)) for one in used}
    fits = [first for first in (0, 1) if numbers <= set(range(first, first + count))]
    if len(fits) == 1:
        return fits[0]
    raise UserError(
        f"{findings.path}: its categories are names without ids, and the annotations do not tell "
        "whether they count from 0 or from 1; give each as {id, name}"
    )


def _by_id(
    given: list[Any] | dict[str, Any], findings: FileFindings
) -> Iterator[tuple[Id, dict[str, Any]]]:
    """Each category by its id; its name is a text with something in it."""
    found: dict[Id, str] = {}
    for position, entry in enumerate(_entries(given)):
        category_id, name = as_id(entry.get("id")), entry.get("name")
        name = str(name).strip() if isinstance(name, str | int) else ""
        element = f"categories[{position}]"
        if category_id is None or category_id == "" or not name:
            findings.add("unknown-class", element, "has no id, or no name")
        elif category_id in found:
            message = f"{name!r} has the id of {found[category_id]!r}"
            findings.add("id-collision", element, message)
        else:
            found[category_id] = name
            yield category_id, {**entry, "name": name}


def _entries(given: list[Any] | dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The categories as mappings; {1: "cat"} and {1: {"name": "cat"}} are {"id": 1, ...} too."""
    if isinstance(given, list):
        yield from (one if isinstance(one, dict) else {} for one in given)
        return
    for key, value in given.items():
        yield {"id": key, **(value if isinstance(value, dict) else {"name": value})}
