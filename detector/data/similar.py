"""Near-duplicate images, by perceptual hash.

The hash is pHash: 64 bits, the signs of the low frequencies of the image's cosine transform
(the ImageHash library). Copies that were resized, recompressed or brightened differ in few bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from configs.errors import UserError
from detector.images import read_thumbnail

NEAR = 6
"""Bits of 64 that two images may differ in and still count as one."""

_CHUNK = 128  # rows compared with all others at once: 120 MB for 118,000 images


def fingerprints(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """The perceptual hash of each image.

    Returns:
        uint64 `(N,)`, 0 where an image cannot be read; and bool `(N,)`, whether it could be.
    """
    from tqdm import tqdm

    with ThreadPoolExecutor() as pool:
        done = pool.map(_fingerprint, paths)
        found = [*tqdm(done, "comparing images", len(paths), unit="image", delay=2)]
    readable = np.array([one is not None for one in found], bool)
    return np.array([one or 0 for one in found], np.uint64), readable


def alike_pairs(paths: Sequence[Path]) -> np.ndarray:
    """Pairs of images that show the same scene.

    Args:
        paths: of the images; one that cannot be read is in no pair.

    Returns:
        int64 `(M, 2)` indices, each with the lower one first, in ascending order.
    """
    prints, readable = fingerprints(paths)
    return np.flatnonzero(readable)[near_pairs(prints[readable])]


def _fingerprint(path: Path) -> int | None:
    import imagehash

    try:
        return int(str(imagehash.phash(read_thumbnail(path, 64))), 16)
    except UserError:
        return None


def near_pairs(prints: np.ndarray, distance: int = NEAR) -> np.ndarray:
    """Pairs of hashes that differ in few bits.

    Args:
        prints: uint64 `(N,)`.
        distance: the most bits that may differ.

    Returns:
        int64 `(M, 2)`, each with the lower index first, in ascending order.
    """
    pairs = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(prints), _CHUNK):
        chunk = prints[start : start + _CHUNK]
        apart = np.bitwise_count(chunk[:, None] ^ prints[None, start:])
        first, second = np.nonzero(apart <= distance)
        later = second > first
        pairs.append(np.stack([first[later], second[later]], axis=1) + start)
    return np.concatenate(pairs)
