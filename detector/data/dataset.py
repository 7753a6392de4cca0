"""A data set: annotated images, their classes, and the named splits of them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import numpy as np

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.findings import Finding
from detector.data.lazy_samples import (
    LazySamples,
    ObjectColumns,
    Relabelled,
    Selection,
    object_columns,
)
from detector.data.splitting.split_record import (
    MadeSplit,
    folder_of,
    image_names,
    listed_as,
    make_split,
)
from detector.types import Sample

SPLIT_FOLDERS = ("train", "training", "val", "valid", "validation", "test")
"""Names of folders, in lower case, that hold a split each."""

_SAME_SPLIT = ({"train", "training", "trn"}, {"val", "valid", "validation", "dev"}, {"test"})


@dataclass(frozen=True, eq=False)
class Dataset(LazySamples):
    """Annotated images on disk; no pixels.

    Attributes:
        name: as its user named it.
        path: the file or folder it was read from.
        classes: labels, names and category ids.
        samples: the images, in the order of the annotations.
        splits: indices into `samples` by the name of each split that the source has.
        findings: what was wrong with the annotations.
        notes: what the reader decided, to be told to the user.
        about: what else the source says of itself.
        form: of the annotations, such as "COCO JSON"; of parts in several all of them.
        folders: where its images may lie, beside the folder that `path` lies in.
        voc_origin: of VOC what its corners count from, 0 or 1, where its files tell.
        part: the split of the source that this is; "" for the whole.
        made: the automatic splits that this is one of, for its keeping.
        unmeasured: images that cannot be read, without whose size their boxes are not known;
            their samples are without objects. Read as annotated, else there are none.
    """

    name: str
    path: Path
    classes: ClassMap
    samples: Sequence[Sample]
    splits: Mapping[str, np.ndarray] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    form: str = ""
    folders: tuple[Path, ...] = ()
    voc_origin: int | None = None
    part: str = ""
    made: tuple[MadeSplit, ...] = ()
    unmeasured: frozenset[Path] = frozenset()

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self.samples[i] for i in range(*index.indices(len(self)))]
        return self.samples[index]

    def split(self, name: str) -> Dataset:
        """One split, by its name or another usual one (`val` for `valid` or `val2017`).

        Where the source has no splits, it is one of those that `with_splits` makes.

        Raises:
            UserError: there is no such split, or it is of none and its record is damaged.
        """
        whole = self.with_splits()
        found = find_split(name, whole.splits)
        if found is None:
            raise UserError(f"{self.name} has no split {name!r}, only {', '.join(whole.splits)}")
        chosen = Selection(self.samples, whole.splits[found])
        part = f"{self.part}.{found}" if self.part else found
        return replace(whole, name=f"{self.name}:{found}", samples=chosen, splits={}, part=part)

    def with_splits(self, earlier: Mapping[str, bool] | None = None) -> Dataset:
        """The same with its splits; without any, with `train` and `val` made, and notes on them.

        They are always the same, and as the record beside the data says (`make_split`); nothing
        is written.

        Args:
            earlier: images of a run before, as in `make_split`.

        Raises:
            UserError: the record is damaged, or of another data set.
        """
        if self.splits:
            return self
        made = make_split(self.name, self.path, self.part, self.samples, earlier or {})
        notes = (*self.notes, *made.notes)
        return replace(self, splits=made.splits, notes=notes, made=(*self.made, made))

    def as_listed(self, parts: Mapping[str, Sequence[str]]) -> Dataset:
        """The same with splits that list the names of their images; a note says what they lack.

        Raises:
            UserError: none of those images is here.
        """
        names = self.image_names()
        sets = {part: set(listed) for part, listed in parts.items()}
        known = listed_as([*set().union(*sets.values())], names)
        if not known:
            raise UserError(f"{self.name} holds none of the images that the run learnt from")
        splits = {
            part: np.array([row for row, one in enumerate(names) if known.get(one) in listed], int)
            for part, listed in sets.items()
        }
        new = len(set(names).difference(known))
        note = (f"{new:,} images of {self.name} are not of this run, and left out",) if new else ()
        return replace(self, splits=splits, notes=(*self.notes, *note))

    def image_names(self) -> list[str]:
        """The images' paths, relative to the folder of the data set (`split_record`)."""
        return image_names((sample.path for sample in self.samples), folder_of(self.path))

    def keep_splits(self) -> list[str]:
        """Keep the automatic splits that this is of beside the data; notes for the user."""
        by_record = {made.record: made for made in self.made}
        return [note for made in by_record.values() if (note := made.keep())]

    def in_classes(self, classes: ClassMap) -> Dataset:
        """The same in the labels of another class map, which has all names of this one.

        Raises:
            UserError: it lacks one.
        """
        if classes == self.classes:
            return self
        return self.relabelled(classes, classes.labels_of(self.classes.names))

    def relabelled(self, classes: ClassMap, new_labels: Sequence[int]) -> Dataset:
        """The same in other classes: the new label of each of its own, -1 to drop its objects."""
        table = np.array(new_labels, np.int64)
        return replace(self, classes=classes, samples=Relabelled([self.samples], [table]))

    def object_columns(self) -> ObjectColumns:
        """Labels and flags of all objects, without making the samples."""
        return object_columns(self.samples)

    def object_counts(self) -> dict[str, int]:
        """Objects of each class, by name; crowds and difficult ones are not counted."""
        found = self.object_columns()
        counts = np.bincount(found.labels[~found.is_ignored], minlength=len(self.classes))
        return dict(zip(self.classes.names, counts.tolist(), strict=True))


def find_split(name: str, known: Mapping[str, Any]) -> str | None:
    """The name of a split among those known: itself, a synonym, or the only longer form."""
    if name in known:
        return name
    synonyms = next((group for group in _SAME_SPLIT if name in group), {name})
    found = [other for other in known if other.lower() in synonyms]
    found = found or [other for other in known if other.startswith(name) and name]
    return found[0] if len(found) == 1 else None


def is_union(name: str, splits: Mapping[str, Collection[int]]) -> bool:
    """Whether a split is a list of others taken together, as VOC's `trainval` and an `all` are.

    One that is called train, val or test never is: if it holds all of two others, they leak.
    """
    if any(name.lower() in group for group in _SAME_SPLIT):
        return False
    mine = set(splits[name])
    parts = [set(rows) for other, rows in splits.items() if other != name and mine > set(rows)]
    return len(parts) > 1 and mine == set().union(*parts)


def join(name: str, path: Path, parts: Mapping[str, Dataset]) -> Dataset:
    """Several data sets as the splits of one; classes are brought together by name.

    Category ids are kept where the parts agree on them, else counted anew from 1.
    """
    datasets = list(parts.values())
    classes = _union([part.classes for part in datasets])
    new_labels = [np.array(classes.labels_of(part.classes.names)) for part in datasets]
    ends = np.cumsum([len(part) for part in datasets])
    splits = {
        split: np.arange(end - len(part), end)
        for (split, part), end in zip(parts.items(), ends, strict=True)
    }
    return Dataset(
        name,
        path,
        classes,
        Relabelled([part.samples for part in datasets], new_labels),
        splits,
        tuple(itertools.chain.from_iterable(part.findings for part in datasets)),
        tuple(dict.fromkeys(itertools.chain.from_iterable(part.notes for part in datasets))),
        datasets[0].about,
        " and ".join(dict.fromkeys(part.form for part in datasets if part.form)),
        tuple(dict.fromkeys(itertools.chain.from_iterable(part.folders for part in datasets))),
        common_origin(datasets),
        made=tuple(itertools.chain.from_iterable(part.made for part in datasets)),
        unmeasured=frozenset[Path]().union(*(part.unmeasured for part in datasets)),
    )


def common_origin(parts: Iterable[Dataset]) -> int | None:
    """What the corners of those parts count from that tell it, None if they differ."""
    known = {part.voc_origin for part in parts} - {None}
    return known.pop() if len(known) == 1 else None


def _union(maps: Sequence[ClassMap]) -> ClassMap:
    pairs = [pair for one in maps for pair in zip(one.names, one.category_ids, strict=True)]
    names = tuple(dict.fromkeys(name for name, _ in pairs))
    ids = tuple(dict(reversed(pairs))[name] for name in names)
    if len(set(pairs)) == len(names) == len(set(ids)):
        order = np.argsort(ids)
        return ClassMap(tuple(names[i] for i in order), tuple(ids[i] for i in order))
    return ClassMap(tuple(sorted(names)))
