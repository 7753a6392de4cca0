"""Which of many 64-bit hashes are near each other, without comparing all with all.

Two hashes that differ in at most `d` bits are equal in one of `d + 1` bands of bits at least
(multi-index hashing), so only those that share a band are compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

NEAR = 6
"""Bits of 64 that the hashes of two images may differ in and still count as alike."""

_BITS = 64
_ROWS = 128  # compared with the rest of their band at once
_MOST = 64  # near hashes that each is listed with, where there are more: those that differ least


def near_pairs(prints: np.ndarray, distance: int = NEAR, most: int = _MOST) -> np.ndarray:
    """Pairs of hashes that differ in few bits.

    Args:
        prints: uint64 `(N,)`.
        distance: the most bits that may differ.
        most: where a hash has more near ones after it than this, the nearest so many in each
            band are listed, so that the list does not grow with the square of N.

    Returns:
        int64 `(M, 2)`, each with the lower index first, in ascending order.
    """
    count = len(prints)
    found = [np.zeros(0, np.int64)]
    for rows in _buckets(prints, min(distance + 1, _BITS)):
        for start in range(0, len(rows) - 1, _ROWS):
            first, second = _near(prints, rows[start:], distance, most)
            found.append(first * count + second)
    pairs = np.unique(np.concatenate(found))
    return np.stack(np.divmod(pairs, max(count, 1)), axis=1)


def nearest_pairs(
    prints: np.ndarray, sides: np.ndarray, apart: np.ndarray, most: int = 1
) -> np.ndarray:
    """Each hash with the nearest of another side, approximately and in linear time.

    Hashes that share their first bits are neighbours in sorted order; they are sorted sixteen
    times, rotated by four bits each time, so that each bit comes first once.

    Args:
        prints: uint64 `(N,)`.
        sides: int64 `(N,)`, the side that each is on.
        apart: bool `(S, S)`, whether the hashes of one side (row) are compared with those of
            another (column).
        most: nearest ones of each hash.

    Returns:
        int64 `(M, 2)`, each with the lower index first, in ascending order.
    """
    best = np.zeros((0, 3), np.int64)  # a hash, another, the bits in which they differ
    if not apart.any():
        return best[:, :2]
    for turn in range(0, _BITS, 4):
        turned = prints << np.uint64(turn) | prints >> np.uint64((_BITS - turn) % _BITS)
        order = np.argsort(turned, kind="stable")
        found = [best]
        for step in (1, 2, 3, 4):
            for a, b in ((order[:-step], order[step:]), (order[step:], order[:-step])):
                chosen = apart[sides[a], sides[b]]
                one, other = a[chosen], b[chosen]
                bits = np.bitwise_count(prints[one] ^ prints[other]).astype(np.int64)
                found.append(np.stack([one, other, bits], axis=1))
        best = _first_of_each(np.concatenate(found), most)
    return np.unique(np.sort(best[:, :2], axis=1), axis=0)


def _buckets(prints: np.ndarray, bands: int) -> Iterator[np.ndarray]:
    """Ascending indices of hashes that are equal in a band, two or more at a time."""
    edges = np.linspace(0, _BITS, bands + 1).astype(int).tolist()
    for low, high in itertools.pairwise(edges):
        mask = np.uint64((1 << high) - (1 << low))
        keys = prints & mask
        order = np.argsort(keys, kind="stable")
        ends = np.flatnonzero(np.diff(keys[order])) + 1
        starts = np.concatenate([[0], ends])
        ends = np.concatenate([ends, [len(keys)]])
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if end - start > 1:
                yield order[start:end]


def _near(
    prints: np.ndarray, rows: np.ndarray, distance: int, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first rows of a bucket with those after them: indices of near pairs."""
    firsts = rows[:_ROWS]
    apart = np.bitwise_count(prints[firsts][:, None] ^ prints[rows][None])
    apart[np.tril_indices(len(firsts), 0, len(rows))] = _BITS + 1
    near = apart <= distance
    if near.sum(axis=1).max() > most:
        nearest = np.argpartition(apart, most - 1, axis=1)[:, :most]
        few = np.zeros_like(near)
        np.put_along_axis(few, nearest, values=True, axis=1)
        near &= few
    first, second = np.nonzero(near)
    return firsts[first], rows[second]


def _first_of_each(found: np.ndarray, most: int) -> np.ndarray:
    """Of each hash the nearest others, each once."""
    found = found[np.lexsort((found[:, 1], found[:, 2], found[:, 0]))]
    again = np.zeros(len(found), bool)
    again[1:] = (found[1:] == found[:-1]).all(axis=1)
    found = found[~again]
    starts = np.flatnonzero(np.r_[True, found[1:, 0] != found[:-1, 0]][: len(found)])
    rank = np.arange(len(found)) - np.repeat(starts, np.diff(np.r_[starts, len(found)]))
    return found[rank < most]
