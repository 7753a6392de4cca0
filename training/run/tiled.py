"""Large training images in tiles, so that what is learnt is what `--slice` shows when detecting.

Tiles are windows of the images, cut when they are read: no file is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from configs.errors import UserError
from configs.schema import Config
from detector.boxes import area, clip
from detector.data.dataset import Dataset
from detector.data.findings import counted
from detector.data.lazy_samples import LazySamples, ObjectColumns, object_columns
from detector.data.orientation import settle_on_disk
from detector.data.usable import MIN_SIDE, usable
from detector.slicing.tiles import make_tiles
from detector.slicing.tiling import AUTO, LEAST_SIZE, overlap_for
from detector.threads import in_threads
from detector.types import Sample
from training.run.run_folder import RunSettings
from training.run.training_sizes import training_sizes

Window = tuple[int, int, int, int]

_SHARE = 0.1  # of a tile's side, that the median object fills where nothing else is asked for
_EMPTY = 0.25  # tiles without objects that are learnt from, for each with objects


def in_tiles(
    training: Dataset,
    validation: Dataset,
    settings: RunSettings,
    config: Config,
    tell: Callable[[str], None],
) -> tuple[Dataset, Dataset, RunSettings]:
    """The two splits of a run in tiles.

    An object that a border cuts is learnt as far as it shows, if `augment.min_visibility` of it
    does; else it is marked as difficult, and counts neither as an object nor as background.
    Validation is on all tiles, training on those with objects and a quarter as many without.

    Args:
        training: images to learn from.
        validation: images to choose the best model by.
        settings: whose `slice` is the side of a tile, px, or `AUTO`, by which the median object
            fills a tenth of it.
        config: gives the input size, under which a tile shows no more, and `min_visibility`.
        tell: takes a line for the user.

    Returns:
        both, and the settings with the side of a tile in px.

    Raises:
        UserError: a tile is larger than every image, or there is no object to learn.
    """
    sizes = training_sizes(training, None)
    if sizes is None:
        raise UserError(f"{training.name} holds no object to learn")
    input_size, visibility = config.model.input_size, config.augment.min_visibility
    by_itself = max(LEAST_SIZE, input_size, round(sizes.object_px / _SHARE))
    size = by_itself if settings.slice in (None, AUTO) else int(settings.slice)
    overlap = overlap_for(sizes.large_object_px, size)
    tiled, whole = (
        Tiled(dataset, size, overlap, visibility, empty)
        for dataset, empty in ((training, _EMPTY), (validation, None))
    )
    if settings.slice != AUTO and max(tiled.largest, whole.largest) < size:
        raise UserError(f"no image of {training.name} is as large as a tile of {size} px")
    why = f"; the median object, of {sizes.object_px:.0f} px, fills {sizes.object_px / size:.0%}"
    notes = (
        f"{counted(len(training), 'image')} in {counted(tiled.cut, 'tile')} of {size} px, which "
        f"overlap by {overlap:.0%}{why} of the side",
        f"{counted(tiled.left_out, 'tile')} without objects left out, {tiled.empty:,} kept; "
        f"{counted(tiled.hidden, 'object')} of which a tile shows under {visibility:.0%} ignored "
        "there",
        f"validation is on all {counted(len(whole), 'tile')} of its images, so AP is that of tiles",
    )
    for note in notes:
        tell(f"note: {note}")
    name = f"{validation.name} in tiles of {size} px"
    validated = replace(validation, samples=whole, name=name)
    return replace(training, samples=tiled), validated, replace(settings, slice=size)


class Tiled(LazySamples):
    """The tiles of a data set's images as samples, made when asked for.

    Args:
        samples: whole images.
        size: of a tile, px.
        overlap: of neighbouring tiles, the least, as a share of their side.
        visibility: share of an object that a tile must show.
        empty: tiles without objects to keep, for each with objects; None for all.

    Attributes:
        largest: longest side of an image, px.
        cut: tiles in all.
        empty: of those kept, without objects.
        left_out: tiles.
        hidden: objects in tiles that show too little of them.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        size: int,
        overlap: float,
        visibility: float,
        empty: float | None,
    ) -> None:
        self._samples = list(in_threads(_settled, samples))
        self._visibility = visibility
        self._tiles: list[tuple[int, Window]] = []
        kept: list[Sample] = []
        self.cut = self.empty = self.hidden = 0
        for row, sample in enumerate(self._samples):
            for window in make_tiles(sample.height, sample.width, size, overlap).tolist():
                tile, hidden = cut_sample(sample, tuple(window), visibility)
                self.cut += 1
                self.hidden += hidden
                self._tiles.append((row, tuple(window)))
                kept.append(tile)
        if empty is not None:
            chosen = _with_few_empty([len(one) for one in kept], empty)
            self._tiles, kept = [self._tiles[i] for i in chosen], [kept[i] for i in chosen]
        self.empty = sum(not len(one) for one in kept)
        self.left_out = self.cut - len(kept)
        self.largest = max((max(one.height, one.width) for one in self._samples), default=0)
        self._columns = object_columns(kept)

    def __len__(self) -> int:
        return len(self._tiles)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row, window = self._tiles[index]
        return cut_sample(self._samples[row], window, self._visibility)[0]

    def object_columns(self) -> ObjectColumns:
        """The objects of all tiles."""
        return self._columns


def cut_sample(sample: Sample, window: Window, visibility: float) -> tuple[Sample, int]:
    """What a tile shows of an image.

    Args:
        sample: the image, of its own size.
        window: of the tile, xyxy in px; all of the image leaves it as it is.
        visibility: share of an object's area that must show.

    Returns:
        the tile as a sample, with its objects clipped to it, those that show too little as
        difficult; and how many these are.
    """
    x1, y1, x2, y2 = window
    if (x2 - x1, y2 - y1) == (sample.width, sample.height):
        return sample, 0
    whole = usable(sample)
    boxes = clip(whole.boxes - np.array([x1, y1, x1, y1], np.float32), y2 - y1, x2 - x1)
    shows = ((boxes[:, 2:] - boxes[:, :2]) > MIN_SIDE).all(axis=1)
    whole, boxes = whole.objects(shows), boxes[shows]
    areas = area(boxes.astype(np.float64))
    is_hidden = areas < visibility * area(whole.boxes.astype(np.float64))
    tile = replace(
        whole,
        image_id=f"{sample.image_id}@{x1},{y1}",
        height=y2 - y1,
        width=x2 - x1,
        boxes=boxes,
        areas=areas,
        is_difficult=whole.is_difficult | is_hidden,
        is_ignore=whole.is_ignore & ~is_hidden,
        window=window,
    )
    return tile, int((is_hidden & ~whole.is_difficult & ~whole.is_crowd).sum())


def _with_few_empty(lengths: Sequence[int], share: float) -> list[int]:
    """Indices of what has objects and, spread over the rest, so many of it for each."""
    is_empty = np.array(lengths) == 0
    without = np.flatnonzero(is_empty)
    most = min(len(without), round(share * np.count_nonzero(~is_empty)))
    spread = np.linspace(0, len(without) - 1, most).astype(int)
    return np.sort(np.concatenate([np.flatnonzero(~is_empty), without[spread]])).tolist()


def _settled(sample: Sample) -> Sample:
    """A sample of its image's own size; the loader tells of an image that cannot be read."""
    try:
        return settle_on_disk(sample)[0]
    except UserError:
        return sample
