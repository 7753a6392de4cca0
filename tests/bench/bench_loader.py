"""Prints what loading costs against bare decoding, and what the caches save: `make proofs`.

Not a test: speed never decides one. Every round runs all of them one after the other, and the
ratios are medians over the rounds, so that a busy machine disturbs them little.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from configs.schema import Config
from detector.data.open import open_dataset
from training.batches.loader import Loader

IMAGES = 96
ROUNDS = 9


def main() -> None:
    data = Path(os.environ.get("SSDLITE_TEST_DATA", "")) / "data/coco/annotations"
    if not data.is_dir():
        sys.exit("SSDLITE_TEST_DATA does not name the folder of real images and weights")
    samples = open_dataset(data / "instances_val2017.json")[:IMAGES]
    with tempfile.TemporaryDirectory() as folder:
        jobs = {"imread + resize": lambda _: bare(samples)}
        for cache in ("none", "memory", "disk"):
            for augment in (False, True):
                config = Config.model_validate({"loader": {"cache": cache}})
                loader = Loader(samples, config, augment=augment, cache_folder=Path(folder))
                jobs[name(cache, augment)] = lambda epoch, loader=loader: drain(loader, epoch)
        rates = measure(jobs)
    for job, values in rates.items():
        print(f"{job:28s} {np.median(values):7.0f} images/s")
    for augment in (False, True):
        compare(rates, name("none", augment), "imread + resize")
        for cache in ("memory", "disk"):
            compare(rates, name(cache, augment), name("none", augment))


def name(cache: str, augment: bool) -> str:
    source = "files" if cache == "none" else f"{cache} cache"
    return f"{source}{', augmented' if augment else ''}"


def bare(samples) -> None:
    def one(sample):
        return cv2.resize(cv2.imread(str(sample.path)), (300, 300))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(one, samples):
            pass


def drain(loader, epoch: int) -> None:
    for _ in loader.batches(epoch):
        pass


def measure(jobs) -> dict[str, np.ndarray]:
    """Images per second of each job, per round; the first round, which fills caches, left out."""
    rates = {job: [] for job in jobs}
    for epoch in range(ROUNDS + 1):
        for job, run in jobs.items():
            start = time.perf_counter()
            run(epoch)
            rates[job].append(IMAGES / (time.perf_counter() - start))
    return {job: np.array(values[1:]) for job, values in rates.items()}


def compare(rates, job: str, other: str) -> None:
    low, middle, high = np.quantile(rates[job] / rates[other], [0.25, 0.5, 0.75])
    print(f"{job:28s} {middle:7.2f} times {other} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
