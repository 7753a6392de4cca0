"""How many leaking images `check` names, and how many that do not leak.

Run by `make proofs`: SSDLITE_TEST_DATA=DIR python -m tests.bench.bench_leaks, where DIR is that of
the real test data. Frames of videos are split at random: an image of val leaks where a neighbouring
frame of its video is in train. Most of the others leak, too, by a frame that is further away; where
whole sequences are split, none should.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.open import open_dataset
from detector.types import Sample
from training.doctor.image_checks import look_at_images
from training.doctor.lookalikes import check_twins

SIDE = 300  # px of a frame
VIDEOS, FRAMES = 12, 60
SEEDS = range(3)


def main() -> None:
    """Print a row for each data set and each way to split it."""
    data = Path(os.environ["SSDLITE_TEST_DATA"]) / "data"
    foda = open_dataset(data / "foda")
    report("foda, its own split by sequences", foda, np.zeros(len(foda), bool))
    stretches = _stretches(foda)
    for seed in SEEDS:
        in_val = np.random.default_rng(seed).random(len(foda)) < 0.25
        whole = replace(foda, splits=_splits(in_val))
        report(f"foda, frames at random, seed {seed}", whole, _leaking(in_val, stretches))
    photos = sorted((data / "coco/val2017").glob("*.jpg"))
    for numbered in (True, False):
        names = "numbered" if numbered else "hashed"
        with tempfile.TemporaryDirectory() as folder:
            paths, videos = _write_videos(Path(folder), photos, numbered=numbered)
            report(f"videos, {names}, split by video", _dataset(paths, videos % 4 == 0))
            for seed in SEEDS:
                in_val = np.random.default_rng(seed).random(len(paths)) < 0.25
                leaking = _leaking(in_val, videos)
                title = f"videos, {names}, frames at random, seed {seed}"
                report(title, _dataset(paths, in_val), leaking)


def report(title: str, dataset: Dataset, leaking: np.ndarray | None = None) -> None:
    """Print how many of the leaking images, and of the others in val, are named."""
    leaking = np.zeros(len(dataset), bool) if leaking is None else leaking
    findings = check_twins(dataset, look_at_images(dataset.samples))
    named = {p for f in findings if f.kind.name == "leak" for p in (f.path, *f.others)}
    is_named = np.array([sample.path in named for sample in dataset])
    in_val = np.zeros(len(dataset), bool)
    in_val[dataset.splits["val"]] = True
    others = in_val & ~leaking
    found = f"{is_named[leaking].mean():7.1%} of {leaking.sum():,}" if leaking.any() else "-"
    print(f"{title:42} leaking: {found:18} others: {is_named[others].sum()} of {others.sum():,}")


def _splits(in_val: np.ndarray) -> dict[str, np.ndarray]:
    return {"train": np.flatnonzero(~in_val), "val": np.flatnonzero(in_val)}


def _leaking(in_val: np.ndarray, videos: np.ndarray) -> np.ndarray:
    """Images of val whose next or last frame is in train; `videos` are their numbers."""
    crosses = (videos[1:] == videos[:-1]) & (in_val[1:] != in_val[:-1])
    has_neighbour = np.zeros(len(videos), bool)
    has_neighbour[1:] |= crosses
    has_neighbour[:-1] |= crosses
    return has_neighbour & in_val


def _stretches(foda: Dataset) -> np.ndarray:
    """A number for each stretch of frames of one class on one side of foda's own split."""
    side = np.zeros(len(foda), int)
    side[foda.splits["val"]] = 1
    labels = np.array([sample.labels[0] if len(sample) else -1 for sample in foda])
    return np.cumsum(np.r_[0, (np.diff(labels) != 0) | (np.diff(side) != 0)])


def _dataset(paths: Sequence[Path], in_val: np.ndarray) -> Dataset:
    nothing = np.zeros(0, np.int64)
    flags, boxes = nothing > 0, np.zeros((0, 4), np.float32)
    samples = [Sample(p.stem, p, SIDE, SIDE, boxes, nothing, flags, flags) for p in paths]
    return Dataset("videos", paths[0].parent, ClassMap(("a",)), samples, _splits(in_val))


def _write_videos(
    folder: Path, photos: Sequence[Path], *, numbered: bool
) -> tuple[list[Path], np.ndarray]:
    """Frames of a camera that pans and zooms over photos, and the number of each one's video."""
    rng = np.random.default_rng(0)
    paths, videos = [], []
    wide = [photo for photo in photos if min(Image.open(photo).size) >= 420]
    for video, (photo, other) in enumerate(zip(wide[:VIDEOS], photos[100:], strict=False)):
        for frame in _frames(Image.open(photo).convert("RGB"), Image.open(other), rng):
            unlike = uuid.UUID(int=int(rng.integers(2**62))).hex
            name = f"{len(paths):06}" if numbered else f"{unlike}x"
            paths.append(folder / f"{name}.jpg")
            frame.save(paths[-1], quality=60)
            videos.append(video)
    return paths, np.array(videos)


def _frames(
    ground: Image.Image, thing: Image.Image, rng: np.random.Generator
) -> Iterator[Image.Image]:
    """A view that moves and zooms, an object that moves, light that changes, and noise."""
    size = np.array(ground.size, float)
    thing = thing.convert("RGB").resize((60, 60))
    view, side, speed = np.full(2, 20.0), 300.0, rng.uniform(2, 6, 2)
    zoom = rng.uniform(0.98, 1.02)
    place, drift = rng.uniform(0, size - 60), rng.uniform(-8, 8, 2)
    for _ in range(FRAMES):
        side = float(np.clip(side * zoom, 200, size.min() - 10))
        speed = np.where((view + speed < 0) | (view + speed > size - side), -speed, speed)
        view = np.clip(view + speed, 0, size - side)
        drift = np.where((place + drift < 0) | (place + drift > size - 60), -drift, drift)
        place = place + drift
        scene = ground.copy()
        scene.paste(thing, tuple(place.astype(int).tolist()))
        corners = (*view.astype(int).tolist(), *(view + side).astype(int).tolist())
        pixels = np.asarray(scene.crop(corners).resize((SIDE, SIDE)), float)
        pixels = pixels * rng.uniform(0.92, 1.08) + rng.normal(0, 6, pixels.shape)
        yield Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    if "SSDLITE_TEST_DATA" in os.environ:
        main()
    else:
        print("skipped: SSDLITE_TEST_DATA names no folder of real test data")
