"""Images that are equal or show the same scene: duplicates in a split, leaks between splits."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from detector.data.dataset import Dataset, find_split
from detector.data.findings import KINDS, Finding, counted
from detector.data.scenes.hash_index import NEAR
from detector.data.scenes.same_scene import Looks
from detector.data.scenes.similar import fingerprints, scene_pairs
from training.doctor.image_checks import Image
from training.doctor.set_checks import parts

_SHOWN = 4  # names in a message
_EQUAL = -1  # bits that differ, of equal files

# Where images of two splits show one scene, the earlier of these keeps it: training can spare it
# best, and a figure on images that were trained on is worth nothing.
_KEEPING = ("test", "val")


def rank_of(split: str) -> int:
    """How much a split has a claim to an image; the lowest number is the first."""
    ranks = (rank for rank, name in enumerate(_KEEPING) if find_split(name, {split: None}))
    return next(ranks, len(_KEEPING))


def check_twins(dataset: Dataset, images: Sequence[Image]) -> list[Finding]:
    """Images that are equal or show the same scene, within a split and across splits.

    Each image that is named was compared with another one named beside it, and is equal to it or
    shows its scene; a group is what such pairs join. Where there is more than the messages name,
    the first findings say how many images of each split leak.
    """
    sides = _sides(dataset)
    pairs = np.concatenate([_alike_pairs(images, sides), _equal_pairs(images, sides)])
    leak = sides.apart[sides.of_image[pairs[:, 0]], sides.of_image[pairs[:, 1]]]
    equal = pairs[:, 2] == _EQUAL
    leaks = list(_findings("leak", pairs[leak], images, sides))
    if len(leaks) > 1 or any(len(finding.others) >= _SHOWN for finding in leaks):
        leaks = [*_headlines(dataset, pairs[leak], sides), *leaks]
    return [
        *leaks,
        *_findings("near-duplicate", pairs[~leak & ~equal], images, sides),
        *_findings("duplicate-picture", pairs[~leak & equal], images, sides),
    ]


def duplicate_groups(images: Sequence[Image]) -> list[list[int]]:
    """Indices of images whose files are equal, two or more in each group."""
    same: dict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        if image.digest:
            same[image.digest].append(index)
    return [group for group in same.values() if len(group) > 1]


@dataclass(frozen=True, eq=False)
class _Sides:
    """Which splits images are in: one side for each combination.

    Attributes:
        splits: of each of the S sides.
        of_image: int64 `(N,)`, its side.
        apart: bool `(S, S)`, whether an image of one side leaks into the other.
        asks: bool `(S, S)`, those of `apart` where the first side has the better claim.
    """

    splits: Sequence[frozenset[str]]
    of_image: np.ndarray
    apart: np.ndarray
    asks: np.ndarray


def _sides(dataset: Dataset) -> _Sides:
    names: list[set[str]] = [set() for _ in range(len(dataset))]
    for name, indices in parts(dataset).items():
        for index in indices.tolist():
            names[index].add(name)
    numbers: dict[frozenset[str], int] = {}
    of_image = [numbers.setdefault(frozenset(one), len(numbers)) for one in names]
    splits = list(numbers)
    apart = [[bool(a and b) and a.isdisjoint(b) for b in splits] for a in splits]
    claims = [min(map(_claim, one), default=_claim("")) for one in splits]
    asks = [[a < b for b in claims] for a in claims]
    square = (len(splits), len(splits))
    is_apart = np.array(apart, bool).reshape(square)
    return _Sides(splits, np.array(of_image, int), is_apart, is_apart & np.reshape(asks, square))


def _claim(split: str) -> tuple[int, str]:
    return rank_of(split), split


def _equal_pairs(images: Sequence[Image], sides: _Sides) -> np.ndarray:
    """Pairs that join all equal files: int64 `(M, 3)`, the third being `_EQUAL`.

    Their number is that of the images, not its square: in one split each file is paired with the
    next, across splits with the first of the other.
    """
    pairs: list[tuple[int, int]] = []
    for group in duplicate_groups(images):
        members: dict[int, list[int]] = defaultdict(list)
        for index in group:
            members[int(sides.of_image[index])].append(index)
        for one in members.values():
            pairs += itertools.pairwise(one)
        for one, other in itertools.permutations(members.values(), 2):
            # Of one file in two splits `check_splits` tells.
            first = images[one[0]].sample.path
            pairs += [(one[0], i) for i in other if images[i].sample.path != first]
    found = np.unique(np.sort(np.array(pairs, np.int64).reshape(-1, 2), axis=1), axis=0)
    return np.insert(found, 2, _EQUAL, axis=1)


def _alike_pairs(images: Sequence[Image], sides: _Sides) -> np.ndarray:
    """Pairs of files that differ but show one scene; of equal files in one split the first counts.

    Returns:
        int64 `(M, 3)`: two indices, and how many bits of 64 differ between their hashes.
    """
    one_of: dict[tuple[str, int], int] = {}
    for index, image in enumerate(images):
        if image.digest:
            one_of.setdefault((image.digest, int(sides.of_image[index])), index)
    chosen = np.array(list(one_of.values()), int)
    looks = Looks([images[i].sample.path for i in chosen])
    prints, seen = fingerprints(looks)
    side = np.where(seen, sides.of_image[chosen], -1)
    found = scene_pairs(looks, prints, side, sides.asks)
    bits = np.bitwise_count(prints[found[:, 0]] ^ prints[found[:, 1]])
    pairs = np.column_stack([chosen[found], bits.astype(np.int64)])
    differ = [images[a].digest != images[b].digest for a, b in pairs[:, :2].tolist()]
    return pairs[np.array(differ, bool)]


def _headlines(dataset: Dataset, leaks: np.ndarray, sides: _Sides) -> Iterator[Finding]:
    """How many images of each split show a scene of a split that can spare it better."""
    leaking: dict[str, set[int]] = defaultdict(set)
    of: dict[str, set[str]] = defaultdict(set)
    for pair in itertools.chain(leaks[:, :2].tolist(), leaks[:, 1::-1].tolist()):
        index, other = (sides.splits[int(sides.of_image[i])] for i in pair)
        for split, spares in itertools.product(index, other):
            if _claim(split) < _claim(spares):
                leaking[split].add(pair[0])
                of[split].add(spares)
    for split in sorted(leaking, key=_claim):
        count, whole = len(leaking[split]), len(dataset.splits[split])
        scenes = "shows a scene" if count == 1 else "show a scene"
        others = _listed(sorted(of[split], key=_claim), "or")
        message = f"{count:,} of {counted(whole, 'image')} in {split} {scenes} of {others}"
        yield Finding(KINDS["leak"], dataset.path, "", message)


def _findings(
    kind: str, pairs: np.ndarray, images: Sequence[Image], sides: _Sides
) -> Iterator[Finding]:
    """One finding for each group that the pairs join, in the order of their first images."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(pairs):
        return
    nodes, ends = np.unique(pairs[:, :2], return_inverse=True)
    first, second = ends.reshape(-1, 2).T
    edges = coo_array((np.ones(len(first)), (first, second)), (len(nodes), len(nodes)))
    count, group_of = connected_components(edges, directed=False)
    furthest = np.full(count, _EQUAL)
    np.maximum.at(furthest, group_of[first], pairs[:, 2])
    _, examples = np.unique(group_of[first], return_index=True)
    order = np.argsort(group_of, kind="stable")
    groups = np.split(nodes[order], np.cumsum(np.bincount(group_of, minlength=count))[:-1])
    for group, bits, example in zip(groups, furthest.tolist(), examples, strict=True):
        pair = pairs[example, :2].tolist()
        # Of a group too large to be named whole, two that were compared stand first.
        others = group if len(group) <= _SHOWN else [*pair, *np.setdiff1d(group, pair)]
        yield _finding(kind, [int(i) for i in others], bits, images, sides)


def _finding(
    kind: str, group: Sequence[int], bits: int, images: Sequence[Image], sides: _Sides
) -> Finding:
    paths = [images[i].sample.path for i in group]
    splits = [sides.splits[int(sides.of_image[i])] for i in group[:_SHOWN]]
    names = [
        f"{path.name} ({', '.join(sorted(inside))})" if inside else path.name
        for path, inside in zip(paths, splits, strict=False)
    ]
    if len(group) > _SHOWN:
        names.append(f"{len(group) - _SHOWN:,} more")
    how = "are one image"
    if bits != _EQUAL:
        near = f"look alike ({bits} of 64 bits differ)"
        how = near if bits <= NEAR else "show one scene"
    return Finding(KINDS[kind], paths[0], "", f"{_listed(names)} {how}", tuple(paths[1:]))


def _listed(names: Collection[str], word: str = "and") -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
