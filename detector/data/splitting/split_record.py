"""Automatic splits are kept in a record, by which no image ever moves: a JSON beside the data.

It lists the images of `train` and of `val` by their paths, relative to the data set's folder.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from configs.errors import UserError, shortened
from detector.data.findings import counted
from detector.data.splitting.auto_split import automatic_splits
from detector.files import reason, write_text
from detector.types import Sample

RECORD = "ssdlite_splits.json"
"""The name of the record of a data set that is a folder, and the end of any other's."""

PARTS = ("train", "val")
"""What an automatic split is made of."""

_WAY_OUT = "delete it to split anew"


class MadeSplit(NamedTuple):
    """An automatic split.

    Attributes:
        splits: indices of images by part, ascending.
        notes: what was done, for the user.
        record: where it is kept, or is to be.
        parts: names of images by part, with those that are gone.
        is_kept: whether the record says all that already.
    """

    splits: dict[str, np.ndarray]
    notes: tuple[str, ...]
    record: Path
    parts: dict[str, list[str]]
    is_kept: bool

    def keep(self) -> str:
        """Write the record; a note for the user, "" where nothing had to be written."""
        if self.is_kept:
            return ""
        try:
            write_record(self.record, self.parts)
        except UserError as error:
            return f"the split is not kept with the data: {error}"
        return f"the split is kept in {self.record}, so that no image ever changes sides"


def make_split(
    name: str, source: Path, part: str, samples: Sequence[Sample], earlier: Mapping[str, bool]
) -> MadeSplit:
    """Split a data set as its record says; what that does not know is placed now.

    Args:
        name: of the data set, for the note.
        source: the file or folder it was read from.
        part: the split of it that is split; "" for the whole.
        samples: at least one.
        earlier: whether a run before used an image to validate, by name. What it trained on never
            gets into `val`, whatever the record says.

    Raises:
        UserError: the record cannot be read, or is of another data set.
    """
    record = record_path(source, part)
    names = image_names((sample.path for sample in samples), folder_of(source))
    kept = read_record(record)
    known = _known(kept, names, record)
    there = set(names)
    here = {one: side for one, side in earlier.items() if one in there}
    changed = [one for one, side in here.items() if not side and known.get(one)]
    before = here | known | dict.fromkeys(changed, False)
    made, remarks = automatic_splits(samples, names, before)
    after = before | dict(zip(names, made.tolist(), strict=True))
    is_val = np.array([after[one] for one in names], bool)  # a file may have several entries
    parts = {part: [one for one in after if after[one] == (part == "val")] for part in PARTS}
    splits = {"train": np.flatnonzero(~is_val), "val": np.flatnonzero(is_val)}
    note = (
        f"{name} has no splits: made train ({len(splits['train'])}) and val "
        f"({len(splits['val'])}) {_how(record, before, after) if kept else 'by hash'}"
    )
    notes = [note, *remarks]
    if changed:
        notes.append(f"{len(changed):,} images of val went to train: the run before learnt them")
    return MadeSplit(splits, tuple(notes), record, parts, bool(kept) and after == known)


def _how(record: Path, before: Mapping[str, bool], after: Mapping[str, bool]) -> str:
    new = Counter(side for name, side in after.items() if name not in before)
    return f"as in {record}" + (
        f", {counted(new[False], 'new image')} joined train and {new[True]:,} val" if new else ""
    )


def _known(
    kept: Mapping[str, Sequence[str]] | None, names: Sequence[str], record: Path
) -> dict[str, bool]:
    """What is placed already; where the folder of the images was renamed, by their own names."""
    sides = placed(kept) if kept else {}
    if not sides or not sides.keys().isdisjoint(names):
        return sides
    found = listed_as(sides, names)
    if not found:
        raise UserError(f"{record}: lists none of the images that are here; {_WAY_OUT}")
    return {name: sides[listed] for name, listed in found.items()}


def listed_as(listed: Collection[str], names: Sequence[str]) -> dict[str, str]:
    """The names by which a record lists images; those that it does not list are left out.

    Where it lists none, folders were renamed or moved. Then their paths below the folder that
    holds all of them count, or else their own names, where no two have the same.

    Args:
        listed: all names in the record.
        names: of the images that are here.
    """
    there = set(listed)
    if found := {name: name for name in names if name in there}:
        return found
    inner = dict(zip(_below_all(listed), listed, strict=True))
    if found := {
        name: inner[below]
        for name, below in zip(names, _below_all(names), strict=True)
        if below in inner
    }:
        return found
    once, here = (Counter(PurePosixPath(name).name for name in many) for many in (listed, names))
    of_name = {PurePosixPath(name).name: name for name in listed}
    return {
        name: of_name[own]
        for name in names
        if once[own := PurePosixPath(name).name] == here[own] == 1
    }


def _below_all(names: Collection[str]) -> list[str]:
    """Paths below the folder that all lie in."""
    split = [name.split("/") for name in names]
    common = shared_parts([parts[:-1] for parts in split])
    return ["/".join(parts[common:]) for parts in split]


def shared_parts(folders: Sequence[Sequence[str]]) -> int:
    """How many of their first parts all folders share."""
    if not folders:
        return 0
    in_order = sorted(map(tuple, folders))
    first, last = in_order[0], in_order[-1]
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return sum(1 for _ in pairs)


def is_record(path: Path) -> bool:
    """Whether a file is a record, and no annotations, by its name."""
    return path.name.endswith(RECORD)


def record_path(source: Path, part: str) -> Path:
    """Where the record of a data set is kept: in its folder, or beside its file.

    Args:
        source: the file or folder it was read from.
        part: the split of it that is split; "" for the whole.
    """
    words = [] if source.is_dir() else [source.stem]
    words += [part] if part else []
    return folder_of(source) / ".".join([*words, RECORD])


def folder_of(source: Path) -> Path:
    """The folder that the names in a record are relative to."""
    return source if source.is_dir() else source.parent


def image_names(paths: Iterable[Path], folder: Path) -> list[str]:
    """Names of images in a record: paths relative to the folder, with "/"."""

    @functools.cache
    def relative(place: Path) -> str:
        try:
            found = Path(os.path.relpath(place, folder))
        except ValueError:  # on another drive of Windows
            found = place.absolute()
        return "" if found == Path() else f"{found.as_posix()}/"

    return [relative(path.parent) + path.name for path in paths]


def read_record(path: Path) -> dict[str, list[str]] | None:
    """Names of images by part; None where there is no record.

    Raises:
        UserError: it cannot be read, or is of another form.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason(error)}; {_WAY_OUT}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged, it is no JSON; {_WAY_OUT}") from error
    lists = [values.get(part) for part in PARTS] if isinstance(values, dict) else [None]
    if not all(
        isinstance(one, list) and all(isinstance(name, str) for name in one) for one in lists
    ):
        raise UserError(f"{path}: must list images as train and as val; {_WAY_OUT}")
    if others := [part for part in values if part not in PARTS]:
        raise UserError(
            f"{path}: lists images as {shortened(others[0])}, but only train and val are read "
            "here; to keep some for a test, move them to a folder of their own (docs/data.md)"
        )
    return {part: values[part] for part in PARTS}


def write_record(path: Path, parts: Mapping[str, Sequence[str]]) -> None:
    """Write a record, atomically.

    Raises:
        UserError: it cannot be written.
    """
    lists = {part: sorted(set(parts[part])) for part in PARTS}
    write_text(path, json.dumps(lists, indent=1))


def placed(parts: Mapping[str, Sequence[str]]) -> dict[str, bool]:
    """Whether an image is in `val`, by its name; what stands in both is in `train`."""
    return dict.fromkeys(parts["val"], True) | dict.fromkeys(parts["train"], False)
