"""Converts a data set: its images are copied, its annotations written in another format."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from configs.errors import UserError
from detector.boxes import area
from detector.data.coco.write_coco import write_coco
from detector.data.dataset import Dataset, find_split, is_union
from detector.data.inside import refuse_strays
from detector.data.orientation import settle_on_disk
from detector.data.voc.write_voc import write_voc
from detector.data.yolo.write_yolo import PARTS, outline_text, write_yolo
from detector.files import atomic_folder, check_folder
from detector.types import Sample

Format = Literal["coco", "voc", "yolo"]

_WRITERS = {"coco": write_coco, "voc": write_voc, "yolo": write_yolo}
_IMAGES = {"coco": "images", "voc": "JPEGImages", "yolo": "images"}
_NO_TEXT = re.compile("[\ud800-\udfff]")  # in Python's form of a name that is not UTF-8
_ROUNDING = 1e-3  # share of an area: files round, and boxes are float32


def write_dataset(dataset: Dataset, folder: Path, target: Format) -> list[str]:
    """Write a data set into a new folder; it appears whole or not at all.

    Images are copied byte by byte. Images of one name get their folder's name in front.

    Args:
        dataset: opened with `details=True`, or what the format could hold is lost.
        folder: does not exist, or is empty.
        target: of the annotations.

    Returns:
        what the format cannot hold, a line each.

    Raises:
        UserError: the folder holds something or cannot be written to, an image lies outside of
            the data set, or it cannot be read.
    """
    check_new_folder(folder)
    refuse_strays(dataset)
    with atomic_folder(folder) as new:
        samples = _copy_images(dataset, new / _IMAGES[target])
        splits, about_splits = _splits_for(dataset, target)
        _WRITERS[target](new, dataset, samples, splits)
        return about_splits + _not_held(target, dataset, samples, splits)


def check_new_folder(folder: Path) -> None:
    """Show that a folder can be made, and is none that holds something.

    Raises:
        UserError: it holds something, is a file, or cannot be made.
    """
    check_folder(folder)
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty; name a new folder")


def _copy_images(dataset: Dataset, folder: Path) -> list[Sample]:
    """Copy the images; the samples with their new paths, in the frame of their images."""
    from tqdm import tqdm

    folder.mkdir(parents=True)
    samples = []
    taken: set[str] = set()
    for sample in tqdm(dataset, desc="copying images", unit="image", delay=2):
        target = folder / _free_name(sample.path, taken)
        settled, _ = settle_on_disk(sample)
        shutil.copyfile(sample.path, target)
        samples.append(replace(settled, path=target))
    return samples


def _free_name(path: Path, taken: set[str]) -> str:
    """A name whose stem is not taken: VOC and YOLO tell images apart by it.

    What is no UTF-8 in it becomes "_", as annotations cannot hold it.
    """
    parts = (path.parent.name, path.stem, path.suffix)
    folder, own, suffix = (_NO_TEXT.sub("_", part) for part in parts)
    stem, number = own, 1
    if stem.casefold() in taken:
        stem = f"{folder}_{own}"
    while stem.casefold() in taken:
        number += 1
        stem = f"{folder}_{own}_{number}"
    taken.add(stem.casefold())
    return f"{stem}{suffix}"


def _splits_for(dataset: Dataset, target: Format) -> tuple[dict[str, list[int]], list[str]]:
    """The splits to be written, and what is to be told about them.

    What no split lists becomes `rest`. A union of others (VOC's trainval) is a list more in VOC,
    but would be a second copy of its annotations elsewhere.
    """
    splits = {name: indices.tolist() for name, indices in dataset.splits.items()}
    rest = set(range(len(dataset))).difference(*splits.values())
    if splits and rest:
        splits["rest"] = sorted(rest)
    unions = [] if target == "voc" else [name for name in splits if is_union(name, splits)]
    notes = [f"split {name} is the union of others, and left out" for name in unions]
    return {name: rows for name, rows in splits.items() if name not in unions}, notes


def _not_held(
    target: Format, dataset: Dataset, samples: Sequence[Sample], splits: Mapping[str, Any]
) -> list[str]:
    """What the format cannot hold, a line each; COCO holds everything."""
    if target == "coco":
        return []
    to_yolo = target == "yolo"
    crowds = int(sum(sample.is_crowd.sum() for sample in samples))
    difficult = int(sum(sample.is_difficult.sum() for sample in samples))
    written = [sample.objects(~sample.is_crowd) for sample in samples] if to_yolo else samples
    outlines = sum(
        _has_outline(details) and not (to_yolo and outline_text(sample, row))
        for sample in written
        for row, details in enumerate(sample.details)
    )
    areas = int(sum(has_own_area(sample).sum() for sample in written))
    lost = splits.keys() - {find_split(part, splits) for part in PARTS}
    own_ids = dataset.classes.category_ids != tuple(range(1, len(dataset.classes) + 1))
    those_of = "those of {:,} objects are left out".format
    limits = (
        ("voc", crowds, f"no crowds: {crowds} are written as difficult objects"),
        ("yolo", crowds, f"no crowds: {crowds} are left out"),
        ("yolo", difficult, f"no difficult objects: {difficult} are written as ordinary ones"),
        ("yolo", lost, f"train, val and test: {', '.join(sorted(lost))} is left out"),
        ("voc", own_ids, "no category ids: only the names are written"),
        ("yolo", own_ids, "no category ids: classes are numbered from 0"),
        ("voc", outlines, f"no outlines: {those_of(outlines)}"),
        ("yolo", outlines, f"outlines of one piece alone that fit their box: {those_of(outlines)}"),
        (target, areas, f"no areas: {those_of(areas)}, the box's count instead"),
    )
    return [
        f"{target.upper()} knows {text}" for form, count, text in limits if form == target and count
    ]


def has_own_area(sample: Sample) -> np.ndarray:
    """Whether each object's area is another than its box's: bool `(N,)`."""
    of_boxes = area(sample.boxes.astype(np.float64))
    return ~np.isclose(sample.areas, of_boxes, rtol=_ROUNDING, atol=0)


def _has_outline(details: Mapping[str, Any]) -> bool:
    """Whether the source says more of an object's shape than its box."""
    segmentation = details.get("segmentation")
    return any(segmentation) if isinstance(segmentation, list) else bool(segmentation)
