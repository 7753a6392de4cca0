"""Images that show the same scene: copies, near-copies and neighbouring frames.

Candidates come from perceptual hashes (pHash: 64 bits, the signs of the low frequencies of the
image's cosine transform) and from consecutive numbers in file names; a look at the pixels of each
candidate decides (`same_scene`).
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from detector.data.scenes.hash_index import near_pairs, nearest_pairs
from detector.data.scenes.same_scene import BLOCK, Looks, Rule
from detector.threads import in_threads

# The likelier a pair is before its pixels are seen, the less likeness is asked for. Measured on
# frames of FOD-A and on photos: docs/data.md.
_NEAR = Rule(0.7, scaled=False)  # hashes that differ in few bits
_NEAREST = Rule(0.8, scaled=True, hint=0.25)  # the nearest hash of another split, however far
_FRAME = Rule(0.45, scaled=True, same_tint=True)  # neighbours in a video

_BATCH = 4096  # images hashed at once
_FREQUENCIES = 8  # lowest ones of each axis in the hash
_PARTNERS = 2  # in the other of two groups of equal hashes, for each image
_FRAMES = 4  # frames before and after that a frame of a video is compared with
_VIDEO = 0.25  # of the neighbouring numbers show one scene where they number a video's frames,
_TWICE = 2  # and so many times the share that far numbers do: pages and screenshots are all alike
_FAR_PAIRS = 200  # compared for that, in sequences long enough to have them
_AUGMENTED = re.compile(r"_(?:jpe?g|png|bmp|webp)\.rf\.[0-9a-f]+$", re.IGNORECASE)  # Roboflow
_NUMBER = re.compile(r"(.*?)(\d+)(\D*)")
_SPLIT = re.compile(r"train(ing)?|val(id(ation)?)?|test(ing)?|dev", re.IGNORECASE)


def alike_pairs(paths: Sequence[Path]) -> np.ndarray:
    """Pairs of images that look alike and show the same scene.

    Args:
        paths: of the images; one that cannot be read is in no pair.

    Returns:
        int64 `(M, 2)` indices, each with the lower one first, in ascending order. Of more than a
        few images with equal hashes not every pair is listed, but each image is.
    """
    looks = Looks(paths)
    prints, readable = fingerprints(looks)
    return _verified(looks, _near_images(prints, np.where(readable, 0, -1)), _NEAR)


def source_of(file: str) -> str:
    """The name of what an image was augmented from: without suffix, and without Roboflow's mark."""
    return _AUGMENTED.sub("", PurePosixPath(file).stem)


def fingerprints(looks: Looks) -> tuple[np.ndarray, np.ndarray]:
    """The perceptual hash of each image.

    Returns:
        uint64 `(N,)`, 0 where an image cannot be read; and bool `(N,)`, whether it could be.
    """
    from tqdm import tqdm

    count = len(looks.paths)
    prints, readable = np.zeros(count, np.uint64), np.zeros(count, bool)
    with tqdm(desc="comparing images", total=count, unit="image", delay=2) as bar:
        for start in range(0, count, _BATCH):
            rows = range(start, min(start + _BATCH, count))
            blocks = np.zeros((len(rows), BLOCK, BLOCK), np.float32)
            for row, look in zip(rows, in_threads(looks.get, rows), strict=True):
                if look is not None:
                    readable[row], blocks[row - start] = True, look.block
                bar.update()
            prints[rows.start : rows.stop] = _hash(blocks)
    prints[~readable] = 0
    return prints, readable


def _hash(blocks: np.ndarray) -> np.ndarray:
    """PHash of grey blocks `(N, 32, 32)`: uint64 `(N,)`."""
    steps = np.arange(BLOCK) * 2 + 1
    cosines = np.cos(np.pi * np.arange(_FREQUENCIES)[:, None] * steps / (2 * BLOCK))
    low = (cosines @ blocks.astype(np.float64) @ cosines.T).reshape(len(blocks), -1)
    low = low.round(6)  # an image without structure has zeros, not their rounding errors
    signs = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(signs, axis=1).view(">u8")[:, 0].astype(np.uint64)


def scene_pairs(
    looks: Looks, prints: np.ndarray, sides: np.ndarray, asks: np.ndarray
) -> np.ndarray:
    """Pairs of images that look alike and show the same scene, as `alike_pairs`.

    Between sides scenes are looked for in more images: in the nearest of the other side, however
    far it is, and in neighbouring frames of a video.

    Args:
        looks: of N images.
        prints: uint64 `(N,)`, their hashes.
        sides: int64 `(N,)`, -1 for an image that is to be left out.
        asks: bool `(S, S)`: whether images of one side (row) are looked for among those of
            another (column).

    Returns:
        int64 `(M, 2)` indices, each with the lower one first, in ascending order.
    """
    kept = np.flatnonzero(sides >= 0)
    nearest = kept[nearest_pairs(prints[kept], sides[kept], asks)]
    found = [
        _verified(looks, _near_images(prints, sides), _NEAR),
        _verified(looks, nearest, _NEAREST),
        *(_frames(looks, rows, sides, asks | asks.T) for rows in _sequences(looks.paths, sides)),
    ]
    return np.unique(np.concatenate(found), axis=0)


def _near_images(prints: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Pairs of images with near hashes: int64 `(M, 2)`.

    Images of one side with equal hashes are one unit, so that the pairs are not the square of
    their number: each is paired with the next two, and with a few of each other unit.
    """
    units: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index in np.flatnonzero(sides >= 0).tolist():
        units[int(prints[index]), int(sides[index])].append(index)
    members = list(units.values())
    pairs: list[tuple[int, int]] = []
    for a, b in near_pairs(np.array([value for value, _ in units], np.uint64)).tolist():
        pairs += _between(members[a], members[b])
    for group, step in itertools.product(members, (1, 2)):
        pairs += zip(group, group[step:], strict=False)
    return np.array(pairs, np.int64).reshape(-1, 2)


def _between(one: Sequence[int], other: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each image of the larger group with a few of the smaller one, spread evenly over it."""
    few, many = sorted((one, other), key=len)
    for place, index in enumerate(many):
        first = place * len(few) // len(many)
        for step in range(min(_PARTNERS, len(few))):
            yield index, few[(first + step) % len(few)]


def _sequences(paths: Sequence[Path], sides: np.ndarray) -> list[np.ndarray]:
    """Indices of images whose names differ in a number alone, in the order of the number."""
    sequences: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for index in np.flatnonzero(sides >= 0).tolist():
        path = paths[index]
        if matched := _NUMBER.fullmatch(source_of(path.name)):
            # A video's frames may lie in folders of splits: `train/road_1.jpg`, `val/road_2.jpg`.
            folders = [part for part in path.parts[:-1] if not _SPLIT.fullmatch(part)]
            sequences[*folders, matched[1], matched[3]].append((int(matched[2]), index))
    return [np.array([index for _, index in sorted(one)]) for one in sequences.values()]


def _frames(looks: Looks, rows: np.ndarray, sides: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Pairs of neighbouring frames of one scene, if a sequence is a video.

    Numbers may as well be those of a list of photos or of pages; then neighbours are alike no more
    often than others, and as much likeness is asked for.
    """

    def neighbours(step: int) -> np.ndarray:
        pairs = np.stack([rows[:-step], rows[step:]], axis=1)
        return pairs[wanted[sides[pairs[:, 0]], sides[pairs[:, 1]]]]

    following = neighbours(1)
    same = _verified(looks, following, _FRAME)
    share = len(same) / max(len(following), 1)
    if share < _VIDEO or share < _TWICE * _far_share(looks, rows):
        return _verified(looks, same, _NEAREST)
    others = np.concatenate([neighbours(step) for step in range(2, _FRAMES + 1)])
    return np.concatenate([same, _verified(looks, others, _FRAME)])


def _far_share(looks: Looks, rows: np.ndarray) -> float:
    """The share of frames that show the scene of the one half a sequence away; 0 of a short one."""
    if len(rows) <= 4 * _FRAMES:
        return 0.0
    first = np.linspace(0, len(rows) - 1, min(len(rows), _FAR_PAIRS)).astype(int)
    pairs = np.stack([rows[first], rows[(first + len(rows) // 2) % len(rows)]], axis=1)
    return len(_verified(looks, pairs, _FRAME)) / len(np.unique(np.sort(pairs, axis=1), axis=0))


def _verified(looks: Looks, pairs: np.ndarray, rule: Rule) -> np.ndarray:
    """Those pairs that show the same scene: int64 `(M, 2)`, the lower index first, ascending."""
    from tqdm import tqdm

    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    bar = tqdm(pairs.tolist(), "verifying look-alikes", unit="pair", delay=2)
    return pairs[np.fromiter((looks.same_scene(a, b, rule) for a, b in bar), bool, len(pairs))]
