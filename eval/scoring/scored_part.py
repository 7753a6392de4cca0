"""How much of a data set is scored: images that cannot be read, annotations that were left out.

Figures on part of a data set mislead, so that a part is scored only where it is asked for, and is
told with every figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from configs.errors import UserError
from detector.data.dataset import Dataset
from detector.data.findings import Finding, counted
from detector.data.lazy_samples import Selection
from detector.data.open import open_dataset
from detector.data.orientation import lies
from detector.images import read_header
from detector.threads import in_threads
from detector.types import Detections, Sample
from eval.scoring.coco_form import result_ids

_LOST = (
    "unreadable-annotation",
    "missing-picture",
    "bad-object",
    "unknown-class",
    "id-collision",
    "dangling-id",
    "missing-from-split",
)  # kinds of findings whose annotations, or whole images, a reader leaves out
PART = ("images_missing", "images_share", "annotations_left_out")
"""The settings that count what is not scored, where something is not."""

_SLACK = 1.0  # px; detections reach out of their image by rounding


class ToScore(NamedTuple):
    """A data set as annotated, with the images that can be scored.

    Attributes:
        dataset: with these alone.
        listed: images of the whole.
        whole: where that is another.
        rows: of these images in it.
    """

    dataset: Dataset
    listed: int
    whole: Dataset | None = None
    rows: Sequence[int] = ()


def open_to_score(
    data: str,
    images: Path | None = None,
    voc_origin: int | None = None,
    *,
    reads_images: bool,
    allow_missing: bool = False,
) -> ToScore:
    """Open a data set with the frames of its annotations; `data` ... are those of `open_dataset`.

    Args:
        data: to score on.
        images: the folder of the images.
        voc_origin: what VOC's corners count from.
        reads_images: whether a model will run on the images. Else only those are needed without
            which boxes are not known (YOLO).
        allow_missing: leave out images that are needed and missing, or no images by their first
            bytes.

    Raises:
        UserError: the data set cannot be read, or such images may not be left out, or are all.
    """
    dataset = open_dataset(data, images, voc_origin=voc_origin, as_annotated=True)
    needed = [reads_images or sample.path in dataset.unmeasured for sample in dataset]
    faults = _faults(dataset, np.flatnonzero(needed).tolist(), read_header)
    if not faults:
        return ToScore(_numbered(dataset) if reads_images else dataset, len(dataset))
    if len(faults) == len(dataset):
        open_dataset(data, images, voc_origin=voc_origin)  # raises, with the reason of the form
    if not allow_missing or len(faults) == len(dataset):
        raise UserError(_refusal(dataset, faults))
    kept = np.array([row for row in range(len(dataset)) if row not in faults])
    rest = replace(dataset, samples=Selection(_numbered(dataset).samples, kept), splits={})
    return ToScore(rest, len(dataset), dataset, kept.tolist())


def _numbered(dataset: Dataset) -> Dataset:
    """Where ids repeat, with those of results files: a part keeps the numbers of the whole."""
    ids = result_ids(dataset)
    if all(sample.image_id == one for sample, one in zip(dataset, ids, strict=True)):
        return dataset
    named = [replace(sample, image_id=one) for sample, one in zip(dataset, ids, strict=True)]
    return replace(dataset, samples=named)


def refuse_unreadable(dataset: Dataset, read: Callable[[Path], Any]) -> None:
    """Show that all images of a data set can be read.

    Args:
        dataset: whose images are meant.
        read: of one image; raises UserError.

    Raises:
        UserError: some cannot; it says how many.
    """
    if faults := _faults(dataset, range(len(dataset)), read):
        raise UserError(_refusal(dataset, faults))


def _faults(dataset: Dataset, rows: Sequence[int], read: Callable[[Path], Any]) -> dict[int, str]:
    """What is wrong with each image of some that cannot be read, by row."""

    def fault(row: int) -> str:
        try:
            read(dataset[row].path)
        except UserError as error:
            return str(error)
        return ""

    found = zip(rows, in_threads(fault, rows), strict=True)
    return {row: said for row, said in found if said}


def _refusal(dataset: Dataset, faults: Mapping[int, str]) -> str:
    first = next(iter(faults.values()))
    return (
        f"{dataset.name}: {len(faults):,} of {counted(len(dataset), 'image')} missing or "
        f"unreadable, such as: {first}; put them there, name their folder with --images, or score "
        "the rest with eval --allow-missing"
    )


def part_settings(part: ToScore, scored: int) -> dict[str, Any]:
    """The settings that say how much is scored; none where everything is.

    Args:
        part: that was to be scored.
        scored: images that were.
    """
    settings: dict[str, Any] = {}
    if scored < part.listed:
        settings["images_missing"] = part.listed - scored
        settings["images_share"] = round(scored / part.listed, 4)
    if lost := _left_out(part.dataset):
        settings["annotations_left_out"] = sum(lost.values())
        settings["left_out"] = ", ".join(f"{title} ({count:,})" for title, count in lost.items())
    return settings


def _left_out(dataset: Dataset) -> Counter[str]:
    """What a reader left out of this data set, or of this split, by the titles of findings."""
    lost = [
        one
        for one in dict.fromkeys(dataset.findings)  # of an image in two splits both tell
        if one.kind.name in _LOST and not one.element.startswith("categor")
    ]
    if lost and dataset.part:
        sources = {sample.source for sample in dataset if sample.source}
        has_lists = any(one.kind.name == "missing-from-split" for one in lost)
        lost = list(filter(partial(_is_of, dataset.part, sources, has_lists), lost))
    elif lost:  # of the whole an entry of a list is nothing by itself
        lost = [one for one in lost if one.kind.name != "missing-from-split"]
    return Counter(one.kind.title for one in lost)


def _is_of(part: str, sources: Collection[Path], has_lists: bool, finding: Finding) -> bool:
    """Whether a finding is about a split, whose annotation files are known."""
    if finding.kind.name == "missing-from-split":
        return finding.path.stem == part.rpartition(".")[2]
    if finding.path in sources:
        return True
    # No sample is of a file that cannot be read: its list names it, or else its folder.
    return not has_lists and finding.path.parent in {source.parent for source in sources}


def turned_settings(pairs: Sequence[tuple[Sample, Detections]]) -> dict[str, Any]:
    """A setting on detections of a file that look drawn on the upright image; without, none.

    Such boxes reach out of the frame of their annotation, and fit the image that EXIF turns. Only
    images that are at hand tell.
    """
    turned = sum(_fits_upright(*pair) for pair in pairs)
    return {"images_in_another_frame": turned} if turned else {}


def _fits_upright(sample: Sample, detections: Detections) -> bool:
    size = np.array((sample.width, sample.height))
    far = detections.boxes[:, 2:]
    is_out = np.any(far > size + _SLACK, axis=1)
    if not size.all() or not is_out.any() or np.any(far > size[::-1] + _SLACK):
        return False
    try:
        return lies(sample)
    except UserError:
        return False


def part_lines(settings: Mapping[str, Any]) -> Iterator[str]:
    """The sentences that stand beside figures that are not of everything."""
    if missing := settings.get("images_missing"):
        listed = settings["images"] + missing
        share = f"{settings['images_share']:.1%}"
        yield (
            f"scored on {settings['images']:,} of {listed:,} images ({share}): the others are "
            "missing or unreadable"
        )
    if count := settings.get("annotations_left_out"):
        yield f"{counted(count, 'annotation')} not scored: {settings['left_out']}"
    if turned := settings.get("images_in_another_frame"):
        yield (
            f"detections in {counted(turned, 'image')} reach out of the annotation's frame and fit "
            "the image as EXIF turns it; results are taken in the annotation's frame"
        )
