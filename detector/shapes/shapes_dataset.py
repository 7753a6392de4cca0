"""Synthetic images of shapes, written as a VOC data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.write import check_new_folder
from detector.data.write_voc import write_voc
from detector.files import atomic_folder
from detector.images import write_image
from detector.shapes.generator import Scene, draw_scene
from detector.shapes.outlines import SHAPES
from detector.types import Sample

_SIZES_HW = ((240, 320), (320, 320), (320, 240), (300, 400))


def write_shapes(
    folder: Path,
    count: int,
    seed: int = 0,
    photo: bool = False,
    val_share: float = 0.15,
    test_share: float = 0.15,
) -> Dataset:
    """Draw images and write them, with their annotations, as a VOC folder.

    The folder appears whole or not at all. Image number i of a seed is always the same,
    however many are written.

    Args:
        folder: does not exist, or is empty.
        count: of images.
        seed: of the images; those of another seed are others.
        photo: draw all of them printed and photographed.
        val_share: of the images, for the split `val`.
        test_share: likewise, for the split `test`; the others are `train`.

    Returns:
        what was written, with its splits.

    Raises:
        UserError: the folder holds something or cannot be written, or the shares leave nothing
            to train on.
    """
    splits = _splits(count, val_share, test_share)
    check_new_folder(folder)
    with atomic_folder(folder) as new:
        samples = list(_write_images(new / "JPEGImages", count, seed, photo))
        dataset = Dataset(str(folder), folder, ClassMap(SHAPES), samples, splits)
        rows = {name: indices.tolist() for name, indices in splits.items()}
        write_voc(new, dataset, samples, rows)
    return dataset


def _splits(count: int, val_share: float, test_share: float) -> dict[str, np.ndarray]:
    """Indices by split; one that has a share gets at least one image."""
    val, test = (max(1, round(count * share)) if share else 0 for share in (val_share, test_share))
    train = count - val - test
    if train < 1:
        raise UserError(f"of {count} images, val {val} and test {test} leave none to train on")
    ends = np.cumsum([train, val, test])
    parts = np.split(np.arange(count), ends[:-1])
    named = zip(("train", "val", "test"), parts, strict=True)
    return {name: part for name, part in named if len(part)}


def _write_images(folder: Path, count: int, seed: int, photo: bool) -> Iterator[Sample]:
    from tqdm import tqdm

    folder.mkdir(parents=True)
    for index in tqdm(range(count), desc="drawing images", unit="image", delay=2):
        size_hw = _SIZES_HW[np.random.default_rng([seed, index]).integers(len(_SIZES_HW))]
        scene = draw_scene(seed, index, size_hw, photo)
        path = folder / f"shapes_{index:06}.jpg"
        write_image(path, scene.image)
        yield _sample(path, scene)


def _sample(path: Path, scene: Scene) -> Sample:
    height, width = scene.image.shape[:2]
    no_crowd = np.zeros(len(scene.boxes), bool)
    return Sample(
        path.stem, path, height, width, scene.boxes, scene.labels, no_crowd, scene.is_difficult
    )
