"""What lies beside the images of a data set and is not read: images, too."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from detector.data.dataset import Dataset
from detector.data.findings import KINDS, Finding, counted
from detector.images import SUFFIXES

_SHOWN = 5  # kinds of files in a note
_EXPECTED_NAMES = ("readme", "license", "licence", "changelog", "classes", "thumbs", "desktop")
_EXPECTED_SUFFIXES = (".yaml", ".yml", ".cache", ".md", ".names", ".data", ".labels", ".ini", ".db")
_LISTS = ("train", "val", "valid", "test", "trainval", "notes", "labels", "predefined_classes")
_BY_STEM = (".xml", ".txt")  # annotation files that belong to the image of their name


def folder_notes(dataset: Dataset) -> list[str]:
    """Notes on the files in the folders of the images: what is no image, and what is not listed."""
    known = {str(sample.path) for sample in dataset}
    known |= {str(finding.path) for finding in dataset.findings}
    annotations = set(_annotations(dataset))
    known |= set(map(str, annotations))
    by_stem = {path.suffix.lower() for path in annotations} & {*_BY_STEM}
    others: Counter[str] = Counter()
    unlisted = 0
    for folder, names in _folders(dataset).items():
        parts = {name: os.path.splitext(name) for name in names}  # noqa: PTH122
        stems = {stem for stem, suffix in parts.values() if suffix.lower() in SUFFIXES}
        for name, (stem, suffix) in parts.items():
            suffix = suffix.lower()
            if os.path.join(folder, name) in known:  # noqa: PTH118, as many as there are images
                continue
            if suffix in SUFFIXES:
                unlisted += 1
            # Beside an image of its name lies an annotation, perhaps of another split.
            elif not _is_expected(name) and not (suffix in by_stem and stem in stems):
                others[suffix or "without a suffix"] += 1
    return [*_about_unlisted(dataset, unlisted), *_about_others(others)]


def check_shared_annotations(dataset: Dataset) -> list[Finding]:
    """Images whose names differ in the suffix alone, so that one annotation file is of them all."""
    source_of = {str(one.path): one.source for one in dataset}
    findings = []
    for folder, names in _folders(dataset).items():
        same: dict[str, list[str]] = defaultdict(list)
        for name in names:
            stem, suffix = os.path.splitext(name)  # noqa: PTH122
            if suffix.lower() in SUFFIXES:
                same[stem].append(name)
        for group in same.values():
            if len(group) > 1:
                findings += _shared([Path(folder, name) for name in group], source_of)
    return findings


def _shared(images: Sequence[Path], source_of: dict[str, Path | None]) -> Iterator[Finding]:
    used = [path for path in images if str(path) in source_of]
    sources = {source_of[str(path)] for path in used}
    source = sources.pop() if len(sources) == 1 else None
    if source is None or source.suffix.lower() not in _BY_STEM:
        return
    names = " and ".join(path.name for path in images)
    which = "all are used" if len(used) == len(images) else f"{used[0].name} is used"
    message = f"{names} share {source.name}; {which}"
    kind, others = KINDS["shared-annotation"], tuple(path for path in images if path != used[0])
    yield Finding(kind, used[0], "", message, others)


def _folders(dataset: Dataset) -> dict[str, list[str]]:
    """The names in each folder that holds an image of the data set, without hidden ones."""
    folders = dict.fromkeys(os.path.dirname(str(sample.path)) for sample in dataset)  # noqa: PTH120
    return {folder: sorted(_files(folder)) for folder in folders}


def _files(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder or ".") as entries:
            yield from (entry.name for entry in entries if entry.name[0] != "." and entry.is_file())
    except OSError:  # the images' own findings tell of it
        return


def _annotations(dataset: Dataset) -> Iterable[Path]:
    return filter(None, [dataset.path, *(sample.source for sample in dataset)])


def _is_expected(name: str) -> bool:
    lower = name.lower()
    stem, suffix = os.path.splitext(lower)  # noqa: PTH122
    return (
        suffix in _EXPECTED_SUFFIXES
        or lower.startswith(_EXPECTED_NAMES)
        or (suffix in (".txt", ".json") and stem in _LISTS)
    )


def _about_unlisted(dataset: Dataset, unlisted: int) -> Iterator[str]:
    lists = dict.fromkeys(sample.source for sample in dataset)
    names = [path.name for path in lists if path and path.suffix.lower() not in _BY_STEM]
    is_each_its_own = len(names) == len(dataset) > 1  # as LabelMe's
    if unlisted and names and not is_each_its_own:
        verb = "is" if unlisted == 1 else "are"
        yield f"{counted(unlisted, 'image')} beside those used {verb} not listed in {names[0]}" + (
            f" or {counted(len(names) - 1, 'other file')}" if len(names) > 1 else ""
        )


def _about_others(others: Counter[str]) -> Iterator[str]:
    if others:
        kinds = [f"{count:,} {suffix}" for suffix, count in others.most_common(_SHOWN)]
        kinds += ["..."] if len(others) > _SHOWN else []
        total = counted(others.total(), "other file")
        verb = "is" if others.total() == 1 else "are"
        yield f"{total} beside the images {verb} not read: {', '.join(kinds)}"
