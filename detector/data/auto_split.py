"""Train and validation splits for a data set that comes without: by hash, without leaks.

Images that belong together go to one side: near-duplicates, what was augmented from one source,
and numbered sequences such as the frames of a video. Where that cannot be (sequences are too long
for `val`, as in `raccoon-N.jpg`, or `train` would lack a class, as in `cat-N.jpg` beside
`dog-N.jpg`), they are cut into runs of ten numbers.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from detector.data.similar import alike_pairs
from detector.types import Sample

VAL_SHARE = 0.2
_SLACK = 1.25  # times the share, the most that `val` may hold where there is a choice
_RUN = 10  # numbers per run, where one sequence is all there is
_AUGMENTED = re.compile(r"_(?:jpe?g|png|bmp|webp)\.rf\.[0-9a-f]+$", re.IGNORECASE)  # Roboflow
_NUMBERED = re.compile(r"^(.*?)(\d+)$")


def automatic_splits(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """A `train` and a `val` split, the same for the same images wherever they lie.

    About a fifth goes to `val`: groups in the order of a hash of their names, as they fit.

    Args:
        samples: at least one; their images are read to find those that look alike.

    Returns:
        indices by split, ascending. `val` is empty only where a single image is all there is.
    """
    looks = alike_pairs([sample.path for sample in samples]).tolist()
    wanted = len(samples) * VAL_SHARE
    tries = (_choose(_groups(samples, looks, whole), wanted) for whole in (True, False))

    def fault(val: Sequence[int]) -> tuple[int, bool]:
        kept = (samples[i].labels.tolist() for i in set(range(len(samples))).difference(val))
        return -len(set(itertools.chain.from_iterable(kept))), len(val) > wanted * _SLACK

    val = min(tries, key=fault)  # of equals the first, in which sequences are whole
    train = sorted(set(range(len(samples))) - set(val))
    return {"train": np.array(train, int), "val": np.array(val, int)}


def _groups(
    samples: Sequence[Sample], looks: Sequence[Sequence[int]], whole: bool
) -> list[tuple[str, list[int]]]:
    """Each group's name, that of its first image, and its members."""
    from scipy.cluster.hierarchy import DisjointSet  # takes a third of a second

    paths = [sample.path for sample in samples]
    together = DisjointSet(range(len(paths)))
    for first, *others in itertools.chain(_runs(paths, whole), looks):
        for other in others:
            together.merge(first, other)
    members = [sorted(group) for group in together.subsets()]
    return [(min(paths[i].name for i in group), group) for group in members]


def _runs(paths: Sequence[Path], whole: bool) -> Iterable[list[int]]:
    """Images whose names say that they are of one source."""
    sequences: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    sources: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, path in enumerate(paths):
        stem = _AUGMENTED.sub("", path.stem)
        sources[str(path.parent), stem].append(index)
        if matched := _NUMBERED.match(stem):
            sequences[str(path.parent), matched[1]].append((int(matched[2]), index))
    yield from sources.values()
    for numbered in sequences.values():
        if whole and len(numbered) <= len(paths) / 2:
            yield [index for _, index in numbered]
            continue
        runs: dict[int, list[int]] = defaultdict(list)
        for number, index in numbered:
            runs[number // _RUN].append(index)
        yield from runs.values()


def _choose(groups: Sequence[tuple[str, list[int]]], wanted: float) -> list[int]:
    """Members of the groups that make the validation split, ascending."""
    if len(groups) == 1:  # all look alike, or are one video: one cut, before the last fifth
        members = groups[0][1]
        return members[-max(1, round(wanted)) :] if len(members) > 1 else []
    ranked = sorted(groups, key=lambda group: hashlib.sha256(group[0].encode()).digest())
    chosen: list[int] = []
    for _, members in ranked:
        if len(chosen) + len(members) <= wanted * _SLACK:
            chosen += members
        if len(chosen) >= wanted:
            break
    return sorted(chosen or min((members for _, members in ranked), key=len))
