"""Which groups of images go to `val`: by their positions, so that each part gets its share."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

VAL_SHARE = 0.2
_LEAST, _MOST = 0.15, 0.25  # of the images: in each part; in `val`, where there is a choice
_FEW = 10  # images, below which one in each part is enough


class Shares(NamedTuple):
    """How many images the parts of a split should hold.

    Attributes:
        least: in each part.
        most: in `val`, where there is a choice.
        wanted: in `val`.
    """

    least: int
    most: float
    wanted: int

    @classmethod
    def of(cls, images: int) -> Shares:
        """For a data set of so many."""
        if images < 2:
            return cls(0, 0, 0)
        least = math.ceil(_LEAST * images) if images >= _FEW else 1
        return cls(least, max(least, _MOST * images), max(least, round(VAL_SHARE * images)))


class Group(NamedTuple):
    """Images that belong together.

    Attributes:
        position: of its name's hash, 0 ... 1; below `VAL_SHARE` lies `val`.
        images: how many.
        classes: labels of their objects.
    """

    position: float
    images: int
    classes: frozenset[int]


class Balance:
    """Groups on two sides, with as few of them as can be where their hash does not put them.

    Args:
        shares: to be kept.
        held: what stays where it is: whether in `val`, and as a group.
        groups: to be placed.

    Attributes:
        in_val: whether each of `groups` goes to `val`.
    """

    def __init__(
        self, shares: Shares, held: Iterable[tuple[bool, Group]], groups: Sequence[Group]
    ) -> None:
        self._shares, self._groups = shares, groups
        self._images = [0, 0]
        self._with = (Counter[int](), Counter[int]())  # groups with a class, in train and in val
        self.in_val = [group.position < VAL_SHARE for group in groups]
        for side, group in [*held, *zip(self.in_val, groups, strict=True)]:
            self._count(side, group, 1)
        self._holders: dict[int, list[int]] = defaultdict(list)
        for index, group in enumerate(groups):
            for label in group.classes:
                self._holders[label].append(index)
        self._cover(False)  # a class that is not learnt is worse than one that is not measured
        self._cover(True)
        self._share()

    @property
    def fault(self) -> tuple[int, int, int, bool]:
        """What is wrong, the worst first.

        Classes that are not in train, images that a part lacks, classes that are not in val, and
        whether val is larger than it should be.
        """
        train, val = self._images
        lacking = sum(max(0, self._shares.least - images) for images in (train, val))
        missing = [self._missing(side) for side in (False, True)]
        return len(missing[0]), lacking, len(missing[1]), val > self._shares.most

    def _missing(self, side: bool) -> list[int]:
        there, here = self._with[not side], self._with[side]
        return sorted(label for label, groups in there.items() if groups and not here[label])

    def _count(self, side: bool, group: Group, times: int) -> None:
        self._images[side] += times * group.images
        for label in group.classes:
            self._with[side][label] += times

    def _move(self, index: int) -> None:
        side, group = self.in_val[index], self._groups[index]
        self._count(side, group, -1)
        self._count(not side, group, 1)
        self.in_val[index] = not side

    def _cover(self, side: bool) -> None:
        """Bring each class to a side that lacks it, by the group that is nearest to it."""
        for label in self._missing(side):
            if self._with[side][label] or (side and self._with[False][label] < 2):
                continue  # another group has brought it, or train would lose it
            there = [i for i in self._holders[label] if self.in_val[i] != side]
            free = [i for i in there if self._may_leave(i)] if side else there
            if free:
                self._move(min(free, key=lambda i: (self._overfills(i), *self._distance(i))))

    def _may_leave(self, index: int) -> bool:
        here = self._with[self.in_val[index]]
        return all(here[label] > 1 for label in self._groups[index].classes)

    def _overfills(self, index: int) -> bool:
        """Whether val would be too large with a group that is in train."""
        more = 0 if self.in_val[index] else self._groups[index].images
        return self._images[True] + more > self._shares.most

    def _distance(self, index: int) -> tuple[float, int]:
        """How far a group would be moved: its images count, each as far as its position."""
        group = self._groups[index]
        return abs(group.position - VAL_SHARE) * group.images, index

    def _share(self) -> None:
        """Move groups, the nearest first, until each part has its share."""
        least, most, _ = self._shares
        nearest = sorted(range(len(self._groups)), key=self._distance)
        fitting = [i for i in nearest if not self.in_val[i]]
        for index in fitting if self._images[True] < least else ():
            if self._images[True] < least and not self._overfills(index):
                self._leave(index)
        smallest = sorted(fitting, key=lambda i: self._groups[i].images)
        for index in smallest if self._images[True] < least else ():
            spare = self._images[False] - self._groups[index].images
            if self._images[True] < least <= spare and not self.in_val[index]:
                self._leave(index)
        for index in [i for i in nearest if self.in_val[i]] if self._images[True] > most else ():
            rest = self._images[True] - self._groups[index].images
            if self._images[True] > most and rest >= least:
                self._leave(index)

    def _leave(self, index: int) -> None:
        if self._may_leave(index):
            self._move(index)
