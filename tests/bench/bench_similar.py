"""How time and memory of the search for look-alikes grow with the number of images.

Run by `make proofs`: python -m tests.bench.bench_similar. Each row is a process of its own; the
figures are seconds of CPU and the peak of that process's memory.
"""

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.scenes.hash_index import near_pairs, nearest_pairs
from detector.types import Sample
from training.doctor.image_checks import look_at_images
from training.doctor.lookalikes import check_twins

COUNT = 40_000


def random_hashes(count: int) -> str:
    """Near pairs of random hashes, and the nearest of the other split for a fifth of them."""
    hashes = np.random.default_rng(0).integers(0, 2**64, count, dtype=np.uint64)
    near = near_pairs(hashes)
    sides = (np.arange(count) % 5 == 0).astype(int)
    nearest = nearest_pairs(hashes, sides, np.array([[False, False], [True, False]]))
    return f"{len(near):,} near and {len(nearest):,} nearest pairs"


def twins(count: int, *, equal: bool) -> str:
    """Images of one scene in two splits: equal files, or equal hashes of files that differ."""
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (64, 64, 1), np.uint8).repeat(3, axis=2)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.bmp" for index in range(count)]
        for index, path in enumerate(paths):
            if not equal:
                scene[0, :8, 0] = np.array([index], np.int64).view(np.uint8)
            Image.fromarray(scene).save(path)
        nothing = np.zeros(0, np.int64)
        flags = nothing > 0
        boxes = np.zeros((0, 4), np.float32)
        samples = [Sample(p.stem, p, 64, 64, boxes, nothing, flags, flags) for p in paths]
        rows = np.arange(count)
        splits = {"train": rows[rows % 5 > 0], "val": rows[rows % 5 == 0]}
        dataset = Dataset("twins", Path(folder), ClassMap(("a",)), samples, splits)
        findings = check_twins(dataset, look_at_images(samples))
    return findings[0].message


def _measure(name: str, function, *args, **kwargs) -> None:
    start = time.process_time()
    told = function(*args, **kwargs)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:32} {seconds:7.1f} s {peak:7,.0f} MB  {told}", flush=True)


def main() -> None:
    """Print a row for each case."""
    context = multiprocessing.get_context("spawn")
    rows = [(f"{n:,} random hashes", random_hashes, (n,), {}) for n in (10_000, 100_000, 1_000_000)]
    for count in (COUNT // 4, COUNT // 2, COUNT):
        rows += [
            (f"{count:,} equal images", twins, (count,), {"equal": True}),
            (f"{count:,} images of equal hash", twins, (count,), {"equal": False}),
        ]
    for name, function, args, kwargs in rows:
        process = context.Process(target=_measure, args=(name, function, *args), kwargs=kwargs)
        process.start()
        process.join()


if __name__ == "__main__":
    main()
