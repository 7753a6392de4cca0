"""The lists in `ImageSets/Main`, the splits of a VOC data set."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from unicodedata import normalize

import numpy as np

from detector.data.findings import FileFindings
from detector.data.values import read_lines
from detector.types import Sample

_OF_CLASS = re.compile(r"(.*\S)\s+-?[01]")  # "2007_000027 -1" in the list of one class

ImageSets = Mapping[Path, Sequence[str]]
"""By list the stems of its images, as `VocFolders` gives them; else the name as it stands."""


def read_image_sets(root: Path, known: Collection[str]) -> ImageSets:
    """Read the lists; those of single classes are no splits, and left out.

    Args:
        root: the folder of the data set.
        known: stems of annotations and images.
    """
    folder = root / "ImageSets" / "Main"
    stems = _Stems(known)
    lists = {}
    for path in sorted(folder.glob("*.txt")) if folder.is_dir() else []:
        lines = [_plain(line) for line in read_lines(path, errors="replace") if line]
        if not _is_of_class(lines, known):
            lists[path] = [stems.of(line) for line in lines]
    return lists


def split_by_lists(
    lists: ImageSets, samples: Sequence[Sample], findings: FileFindings
) -> dict[str, np.ndarray]:
    """Indices by split; names of what is no sample are reported."""
    index_of = {str(sample.image_id): index for index, sample in enumerate(samples)}
    splits: dict[str, np.ndarray] = {}
    for path, stems in lists.items():
        for line, stem in enumerate(stems, start=1):
            if stem not in index_of:
                message = f"{stem} has no annotation"
                findings.add("missing-from-split", f"line {line}", message, path)
        splits[path.stem] = np.array([index_of[s] for s in stems if s in index_of], int)
    everything = len(splits) == 1 and len(next(iter(splits.values()))) == len(samples)
    return {} if everything else splits  # one list of all images splits nothing


class _Stems:
    """The stems that lines mean: with or without suffix, with more folders or fewer before them."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = known

    def of(self, line: str) -> str:
        parts = line.replace("\\", "/").split("/")
        for first in range(len(parts)):
            name = "/".join(parts[first:])
            if found := next((one for one in (name, _no_suffix(name)) if one in self._known), None):
                return found
        found = self._by_name.get(parts[-1]) or self._by_name.get(_no_suffix(parts[-1]), [])
        return found[0] if len(found) == 1 else _no_suffix(parts[-1])

    @cached_property
    def _by_name(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for stem in self._known:
            found[stem.rpartition("/")[2]].append(stem)
        return found


def _plain(line: str) -> str:
    """A line with composed accents, and without the quotes that datumaro puts around spaces."""
    return normalize("NFC", re.sub(r'^"([^"]*)"', r"\1", line))


def _no_suffix(name: str) -> str:
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name


def _is_of_class(lines: Sequence[str], known: Collection[str]) -> bool:
    """Whether a list says where a class occurs; "photo 1" may do so, or be an image's name."""

    def is_mark(line: str) -> bool:
        found = None if line in known else _OF_CLASS.fullmatch(line)
        return found is not None and (found[1] in known or len(found[1].split()) == 1)

    return bool(lines) and all(map(is_mark, lines))
