"""A fixed copy of a data set: only faults that can be put right without guessing."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from configs.errors import UserError
from detector.boxes import area
from detector.data.dataset import Dataset
from detector.data.findings import counted
from detector.data.inside import refuse_strays
from detector.data.usable import box_faults, usable
from detector.data.write import Format, check_new_folder, has_own_area, write_dataset
from detector.files import reason
from detector.images import read_image, write_image
from detector.types import Sample
from training.doctor.examine import Examination
from training.doctor.fix_set import fix_set
from training.doctor.image_checks import Image, lying_suffix, same_boxes
from training.doctor.lookalikes import duplicate_groups, rank_of
from training.doctor.set_checks import parts

_FORMS: dict[str, Format] = {"COCO JSON": "coco", "VOC": "voc", "YOLO": "yolo"}
_MISREAD = ("box-form", "resized-images", "unmatched-labels")


def fix(examination: Examination, folder: Path) -> list[str]:
    """Write a fixed copy in the form of the source, which is left alone.

    The ids of one image are joined, and classes that only group others are dropped.
    Boxes are clipped; unusable objects and the second of two equal ones are left out, as are
    images that cannot be read and copies of an image; images that EXIF turns are turned and
    written without the tag; names get the suffix of what the file is.

    Args:
        examination: of a data set opened with `details=True`.
        folder: does not exist, or is empty.

    Returns:
        what was done, line by line.

    Raises:
        UserError: the folder holds something, lies in the data set or cannot be written to, no
            image would be left, one lies outside of the data set, or boxes or labels are read
            wrongly as a whole.
    """
    _require_read_rightly(examination)
    check_new_folder(folder)
    refuse_strays(examination.dataset)
    _require_apart(folder, examination.dataset)
    done: Counter[str] = Counter()  # what was done, in the order in which it is told
    examination = fix_set(examination, done)
    dataset = examination.dataset
    keep, splits = _choose_images(examination, done)
    if not keep:
        raise UserError(f"{dataset.name}: no image would be left in the fixed copy")
    try:
        with tempfile.TemporaryDirectory(prefix="fix.") as staging:
            samples = [
                _fix_sample(examination.images[index], Path(staging) / str(index), done)
                for index in keep
            ]
            fixed = replace(
                dataset,
                samples=samples,
                splits=splits,
                findings=(),
                folders=(*dataset.folders, Path(staging)),
            )
            notes = write_dataset(fixed, folder, _FORMS.get(dataset.form, "coco"))
    except OSError as error:
        raise UserError(f"cannot write {folder}: {reason(error)}") from error
    holds = f"{counted(len(samples), 'image')}, {counted(sum(map(len, samples)), 'object')}"
    told = [f"  {what}: {count:,}" for what, count in done.items() if count]
    return [f"saved {folder}: {holds}", *told, *(f"  note: {note}" for note in notes)]


def _require_read_rightly(examination: Examination) -> None:
    """A copy would hold what was read, and the faults could not be seen any more."""
    wrong = (finding for finding in examination.findings if finding.kind.name in _MISREAD)
    if finding := next(wrong, None):
        raise UserError(f"{finding.path}: {finding.message}; --fix cannot know better")


def _require_apart(folder: Path, dataset: Dataset) -> None:
    """A copy inside the data set would be read as a part of it."""
    root = dataset.path if dataset.path.is_dir() else dataset.path.parent
    for place in {root, *(sample.path.parent for sample in dataset)}:
        if folder.resolve().is_relative_to(place.resolve()):
            raise UserError(f"{folder} lies in the data set ({place}); name a folder outside of it")


def _choose_images(
    examination: Examination, done: Counter[str]
) -> tuple[list[int], dict[str, np.ndarray]]:
    """The images that stay, and their splits with the new indices."""
    dataset, images = examination.dataset, examination.images
    unreadable = {index for index, image in enumerate(images) if image.header is None}
    copies = _copies(images, _ranks(dataset))
    leaks = _leaks(examination) - copies
    done["images left out, unreadable"] = len(unreadable)
    done["images left out, copies of another"] = len(copies)
    done["images left out, alike one in another split, which keeps it"] = len(leaks)
    gone = unreadable | copies | leaks
    keep = [index for index in range(len(dataset)) if index not in gone]
    new_index = {old: new for new, old in enumerate(keep)}
    splits = _disjoint(dataset, done)
    return keep, {
        name: np.array([new_index[row] for row in rows if row in new_index], np.int64)
        for name, rows in splits.items()
    }


def _ranks(dataset: Dataset) -> list[int]:
    """How much each sample's split has a claim to an image; the lowest number is the first."""
    ranks = [rank_of("train")] * len(dataset)
    for name, rows in parts(dataset).items():
        for row in rows.tolist():
            ranks[row] = min(ranks[row], rank_of(name))
    return ranks


def _copies(images: Sequence[Image], ranks: Sequence[int]) -> set[int]:
    """Of equal files all but one: that of the first split by rank with the most objects."""
    copies: set[int] = set()
    for group in duplicate_groups(images):
        kept = min(group, key=lambda i: (ranks[i], -len(usable(images[i].sample))))
        copies |= set(group) - {kept}
    return copies


def _leaks(examination: Examination) -> set[int]:
    """Of images that look alike across splits, those of the splits that can spare them."""
    ranks = _ranks(examination.dataset)
    indices: dict[Path, list[int]] = defaultdict(list)
    for index, sample in enumerate(examination.dataset.samples):
        indices[sample.path].append(index)
    leaks: set[int] = set()
    for finding in examination.findings:
        group = [i for path in (finding.path, *finding.others) for i in indices.get(path, ())]
        if finding.kind.name == "leak" and group:
            first = min(ranks[i] for i in group)
            leaks |= {i for i in group if ranks[i] > first}
    return leaks


def _disjoint(dataset: Dataset, done: Counter[str]) -> Mapping[str, list[int]]:
    """The splits, each image in one of those that exclude each other."""
    taken: set[int] = set()
    splits = {name: rows.tolist() for name, rows in dataset.splits.items()}
    for name in sorted(parts(dataset), key=rank_of):
        done["images taken out of a second split"] += len(taken.intersection(splits[name]))
        splits[name] = [row for row in splits[name] if row not in taken]
        taken.update(splits[name])
    return splits


def _fix_sample(image: Image, staging: Path, done: Counter[str]) -> Sample:
    """A sample with the boxes and the image that are to be written."""
    sample = image.sample
    faults = box_faults(sample.boxes, sample.height, sample.width)
    done["objects left out, unusable"] += int(faults.unusable.sum())
    done["boxes clipped"] += int(faults.clipped.sum())
    whole = _usable(sample)
    first, second = same_boxes(whole).T
    equal = (whole.boxes[first] == whole.boxes[second]).all(axis=1)
    twice = np.unique(second[equal & (whole.labels[first] == whole.labels[second])])
    done["objects left out, exact copies of another"] += len(twice)
    fixed = whole.objects(np.setdiff1d(np.arange(len(whole)), twice))
    return replace(fixed, path=_fix_image(image, staging, done))


def _usable(sample: Sample) -> Sample:
    """Its usable objects; an area that the source gives stays, a box's own goes with the box."""
    marked = replace(sample, areas=np.where(has_own_area(sample), sample.areas, np.nan))
    kept = usable(marked)
    of_boxes = area(kept.boxes.astype(np.float64))
    return replace(kept, areas=np.where(np.isnan(kept.areas), of_boxes, kept.areas))


def _fix_image(image: Image, staging: Path, done: Counter[str]) -> Path:
    """The image's own path, or that of a fixed copy in a staging folder."""
    path, header = image.sample.path, image.header
    if header is None:
        raise ValueError(f"{path} cannot be read")
    suffix = lying_suffix(path, header)
    if not suffix and header.orientation == 1:
        return path
    # Where two images have one name, the writer puts their folder's name in front.
    target = (staging / path.parent.name / path.name).with_suffix(suffix or path.suffix)
    target.parent.mkdir(parents=True)
    if header.orientation == 1:
        shutil.copyfile(path, target)
    else:
        write_image(target, read_image(path))
        done["images turned upright"] += 1
    done["images given their true suffix"] += bool(suffix)
    return target
