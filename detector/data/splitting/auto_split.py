"""Train and validation splits for a data set that comes without: by hash, without leaks.

Images that belong together go to one side: near-duplicates, what was augmented from one source,
and numbered sequences such as the frames of a video. A group's side is decided by a hash of its
name alone, as far as both sides get their share and every class. Where that cannot be
(`raccoon-N.jpg`, or `cat-N.jpg` beside `dog-N.jpg`), sequences are cut into runs of ten numbers.
What was placed before stays where it is, and its group follows it.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from detector.data.findings import counted
from detector.data.scenes.similar import alike_pairs
from detector.data.splitting.split_names import parse_names
from detector.data.splitting.split_shares import Balance, Group, Shares
from detector.types import Sample


class AutoSplit(NamedTuple):
    """A `train` and a `val` split.

    Attributes:
        is_val: bool `(N,)`, for each image.
        remarks: what is not as it should be, for the user.
    """

    is_val: np.ndarray
    remarks: tuple[str, ...]


def automatic_splits(
    samples: Sequence[Sample], names: Sequence[str], placed: Mapping[str, bool]
) -> AutoSplit:
    """A `train` and a `val` split, the same for the same images wherever they lie.

    About a fifth goes to `val`. Of two images or more each part gets one, of ten or more 15 %.
    Each class that has two groups is in both parts, as far as what else these hold allows it.

    Args:
        samples: at least one; unless all are placed, their images are read to find those that
            look alike.
        names: of their images, relative to any folder, with "/".
        placed: whether an image is in `val`, by name; those that are gone count as well.
    """
    if all(name in placed for name in names):
        is_val = np.array([placed[name] for name in names], bool)
        return AutoSplit(is_val, tuple(_about_shares(is_val)))
    split = _Split(samples, names, placed)
    whole = split.attempt(split.torn)
    best = whole
    if any(whole.balance.fault):
        every = {name.sequence for name in split.names}
        ways = [whole, split.attempt(split.torn | split.lonely(whole)), split.attempt(every)]
        best = min([*ways, split.attempt(every, loose=True)], key=lambda one: one.balance.fault)
    is_val = split.sides(best)
    parted = _even_out(split, best, is_val)
    return AutoSplit(is_val, tuple(_remarks(split, best, is_val, parted)))


class _Attempt(NamedTuple):
    """A way to split."""

    groups: list[list[int]]  # of nodes
    movable: list[list[int]]  # those to be placed
    balance: Balance
    loose: dict[int, str]  # the runs of nodes that were taken out of them


class _Split:
    """What is to be split. A node is an image, or one that was placed and is gone."""

    def __init__(
        self, samples: Sequence[Sample], names: Sequence[str], placed: Mapping[str, bool]
    ) -> None:
        gone = sorted(placed.keys() - set(names))  # they still hold their groups together
        self.names = parse_names([*names, *gone])
        self.placed = [placed.get(name) for name in (*names, *gone)]
        self.classes = [_classes(sample) for sample in samples]
        self.count = len(samples)
        self._looks = alike_pairs([sample.path for sample in samples])
        self._runs: dict[str, set[bool]] = defaultdict(set)  # sides of what is placed
        self._sequences: dict[object, set[bool]] = defaultdict(set)
        self._nearest: dict[int, set[bool]] = {}  # by node: of what it looks like, and its run
        for name, side in zip(self.names, self.placed, strict=True):
            if side is not None:
                self._runs[name.unit({name.sequence})].add(side)
                self._sequences[name.sequence].add(side)
        self.torn = {name for name, sides in self._sequences.items() if len(sides) == 2}
        runs = {name.sequence for name in self.names}
        for group in self._groups([name.unit(runs) for name in self.names]):
            placed_there = {side for i in group if (side := self.placed[i]) is not None}
            self._nearest |= dict.fromkeys(group, placed_there)

    def attempt(self, cut: Collection[object], loose: bool = False) -> _Attempt:
        """Place what is new where these sequences are cut into runs.

        With `loose`, an image of these that looks like one of another run leaves its own: by a few
        copies in a list of photos all its runs would chain.
        """
        units = [name.unit(cut) for name in self.names]
        across = {
            node
            for pair in self._looks.tolist()
            if loose and units[pair[0]] != units[pair[1]]
            for node in pair
            if self.names[node].number >= 0 and self.names[node].sequence in cut
        }
        groups = self._groups([(one, i if i in across else -1) for i, one in enumerate(units)])
        movable = [group for group in groups if all(self.placed[i] is None for i in group)]
        held = [one for group in groups for one in self._held(group)]
        new = [self._group(members, cut) for members in movable]
        balance = Balance(Shares.of(self.count), held, new)
        return _Attempt(groups, movable, balance, {node: units[node] for node in across})

    def sides(self, attempt: _Attempt) -> np.ndarray:
        """Whether each image is in `val`: bool `(N,)`."""
        is_val = np.zeros(len(self.names), bool)
        for group in attempt.groups:
            is_val[group] = self._sides(group) or False
        for side, group in zip(attempt.balance.in_val, attempt.movable, strict=True):
            is_val[group] = side
        return is_val[: self.count]

    def _sides(self, group: Sequence[int]) -> list[bool] | None:
        """Whether each node of a group goes to `val`; None where none of it is placed.

        Between nodes of both sides, what is new goes with its run, else with what looks like it,
        else with its sequence, else to train, where it spoils no figure.
        """
        placed = {self.placed[i] for i in group} - {None}
        if not placed:
            return None
        return [self._side(i, placed) for i in group]

    def _side(self, node: int, of_group: Collection[bool | None]) -> bool:
        side, name = self.placed[node], self.names[node]
        if side is not None:
            return side
        run = self._runs[name.unit({name.sequence})]
        sequence = self._sequences[name.sequence]
        known = (run, self._nearest[node], of_group, sequence)
        return next((one for one in known if len(one) == 1), None) == {True}

    def lonely(self, attempt: _Attempt) -> set[object]:
        """Sequences in groups that hold a class alone."""
        sets = [frozenset().union(*map(self._labels, group)) for group in attempt.groups]
        groups_with = Counter(itertools.chain.from_iterable(sets))
        alone = {label for label, count in groups_with.items() if count == 1}
        held = (g for g, labels in zip(attempt.groups, sets, strict=True) if labels & alone)
        return {self.names[i].sequence for group in held for i in group}

    def _held(self, group: list[int]) -> Iterator[tuple[bool, Group]]:
        """What of a group stays where it is, on each side."""
        sides = self._sides(group)
        for side in (False, True) if sides else ():
            stays = [i for i, one in zip(group, sides or (), strict=True) if one == side]
            yield side, self._group(stays)

    def _group(self, nodes: Sequence[int], cut: Collection[object] = ()) -> Group:
        """Nodes as a group, with the position of its first name."""
        name = self.names[nodes[0]].unit(cut) if nodes else ""
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
        position = int.from_bytes(digest[:6]) / 2**48
        images = sum(node < self.count for node in nodes)
        return Group(position, images, frozenset().union(*map(self._labels, nodes)))

    def _labels(self, node: int) -> frozenset[int]:
        return self.classes[node] if node < self.count else frozenset()

    def _groups(self, units: Sequence[object]) -> list[list[int]]:
        """What belongs together, each in the order of names: units that look alike."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        codes: dict[object, int] = {}
        numbers = np.array([codes.setdefault(unit, len(codes)) for unit in units])
        first, second = numbers[self._looks.T]
        edges = coo_array((np.ones(len(first)), (first, second)), (len(codes), len(codes)))
        labels = connected_components(edges, directed=False)[1][numbers].tolist()
        groups: dict[int, list[int]] = defaultdict(list)
        for node in sorted(range(len(labels)), key=self.names.__getitem__):
            groups[labels[node]].append(node)
        return list(groups.values())


def _classes(sample: Sample) -> frozenset[int]:
    return frozenset(sample.labels[~(sample.is_crowd | sample.is_difficult)].tolist())


def _even_out(split: _Split, attempt: _Attempt, is_val: np.ndarray) -> int:
    """Where groups leave a part too small, take new images out of them; how many were parted.

    Args:
        split: what is split.
        attempt: the groups.
        is_val: bool `(N,)`, changed in place.
    """
    shares, moved = Shares.of(split.count), set[int]()
    sides = ((True, shares.wanted, shares.most), (False, shares.least, split.count - shares.least))
    for side, wanted, most in sides:
        if (is_val == side).sum() >= shares.least:
            continue
        for unit in _units_to_move(split, attempt, is_val, side):
            lacking = wanted - (is_val == side).sum()
            if lacking <= 0:
                break
            chosen = unit if len(unit) - lacking <= most - wanted else unit[-lacking:]
            is_val[chosen] = side
            moved.update(chosen)
    sides_of = [*is_val.tolist(), *split.placed[split.count :]]
    torn = (group for group in attempt.groups if len({sides_of[i] for i in group}) > 1)
    return len(moved.intersection(itertools.chain.from_iterable(torn)))


def _here(split: _Split, group: Iterable[int]) -> list[int]:
    return [node for node in group if node < split.count]


def _units_to_move(
    split: _Split, attempt: _Attempt, is_val: np.ndarray, side: bool
) -> Iterator[list[int]]:
    """New images of the other side, copies of one source together.

    Those of the largest group come first, and of each the last ones; then those of groups that
    hold what was placed; at last those that the other side would lose a class with.
    """
    new = [
        [i for i in _here(split, group) if split.placed[i] is None and is_val[i] != side]
        for group in attempt.groups
    ]
    units: list[list[int]] = []
    kept = [any(split.placed[i] is not None for i in group) for group in attempt.groups]
    for _, group in sorted(zip(kept, new, strict=True), key=lambda one: (one[0], -len(one[1]))):
        by_source = itertools.groupby(
            group, lambda i: (split.names[i].folder, split.names[i].source)
        )
        sources = [list(members) for _, members in by_source]
        units += reversed(sources if len(sources) > 1 else [[i] for i in group])
    labels = (split.classes[i] for i in np.flatnonzero(is_val != side).tolist())
    left, needed = Counter(itertools.chain.from_iterable(labels)), []
    for unit in units:
        own = Counter(label for i in unit for label in split.classes[i])
        if any(left[label] <= count for label, count in own.items()):
            needed.append(unit)
        else:
            left.subtract(own)
            yield unit
    yield from needed


def _about_shares(is_val: np.ndarray) -> list[str]:
    """What is to be said of a part that is too small, as what was placed is never moved."""
    least, parts = Shares.of(len(is_val)).least, {"train": ~is_val, "val": is_val}
    return [
        f"{name} has only {held.sum():,} of {len(is_val):,} images, as none that was placed moves"
        for name, held in parts.items()
        if held.sum() < least
    ]


def _has_left(split: _Split, attempt: _Attempt, is_val: np.ndarray, node: int) -> bool:
    """Whether a new image is not where another one of its run is."""
    runs = {split.names[node].sequence}
    run = (i for i, name in enumerate(split.names) if name.unit(runs) == attempt.loose[node])
    sides = {is_val[i] if i < split.count else split.placed[i] for i in run}
    return split.placed[node] is None and len(sides) > 1


def _remarks(split: _Split, attempt: _Attempt, is_val: np.ndarray, parted: int) -> Iterator[str]:
    yield from _about_shares(is_val)
    if parted:
        yield (
            f"all but a few images belong together: {parted:,} were parted from the others, so "
            "that each part has its share"
        )
    left = [i for i in _here(split, attempt.loose) if _has_left(split, attempt, is_val, i)]
    if left:
        yield f"{counted(len(left), 'image')} were parted from neighbours in number for look-alikes"
    between = (
        group for group in attempt.groups if len({split.placed[i] for i in group} - {None}) > 1
    )
    new = [i for group in between for i in _here(split, group) if split.placed[i] is None]
    if new:
        val = int(is_val[new].sum())
        yield (
            f"{len(new):,} new images belong with images of both parts: {len(new) - val:,} joined "
            f"train, {val:,} val"
        )
