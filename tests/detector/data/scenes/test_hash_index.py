import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.data.scenes.hash_index import near_pairs, nearest_pairs

FEW = st.lists(st.integers(0, 2**64 - 1), max_size=40)
CLOSE = st.lists(
    st.sets(st.integers(0, 63), max_size=4).map(lambda bits: sum(1 << b for b in bits))
)


def by_a_plain_loop(values: list[int], distance: int) -> list[list[int]]:
    return [
        [i, j]
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (values[i] ^ values[j]).bit_count() <= distance
    ]


@given(st.one_of(FEW, CLOSE), st.integers(0, 64))
def test_pairs_are_those_of_a_plain_loop(values, distance):
    wanted = by_a_plain_loop(values, distance)
    assert near_pairs(np.array(values, np.uint64), distance).tolist() == wanted


def test_pairs_are_found_in_buckets_of_more_than_one_block():
    hashes = np.random.default_rng(0).integers(0, 2**64, 1000, dtype=np.uint64)
    hashes[:300] &= np.uint64(0xFF)  # equal in all bands but one
    wanted = by_a_plain_loop(hashes.tolist(), 6)
    assert near_pairs(hashes, most=1000).tolist() == wanted


def test_of_many_near_ones_the_nearest_are_listed():
    hashes = np.array([0, *(1 << bit for bit in range(40)), 0, 3], np.uint64)
    pairs = near_pairs(hashes, distance=2, most=5)
    assert [0, 41] in pairs.tolist()
    assert len(pairs) <= 5 * 3 * len(hashes)  # five in each of three bands
    assert set(pairs.ravel().tolist()) == set(range(len(hashes)))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_for_a_pair(count):
    assert near_pairs(np.zeros(count, np.uint64)).shape == (0, 2)


def test_the_nearest_of_the_other_side():
    hashes = np.array([0b0000, 0b0001, 0xFF00, 0xFF01, 0b0111], np.uint64)
    sides = np.array([0, 1, 1, 0, 0])
    asks = np.array([[False, False], [True, False]])  # those of side 1
    assert nearest_pairs(hashes, sides, asks).tolist() == [[0, 1], [2, 3]]
    assert nearest_pairs(hashes, sides, asks, most=2).tolist() == [[0, 1], [0, 2], [1, 4], [2, 3]]


def test_no_side_asks_for_another():
    assert nearest_pairs(np.zeros(3, np.uint64), np.zeros(3, int), np.zeros((1, 1), bool)).size == 0
