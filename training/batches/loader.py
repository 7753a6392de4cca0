"""The data loader: batches of augmented images and padded boxes, the same ones in every run.

What is loaded depends on the seed, the epoch and the index of the image alone (and on how often it
was shown before, where an epoch repeats it), and the order on the seed and the epoch; so a run can
go on in the middle of an epoch. Shuffling moves indices; no more images are held than a few batches
ask for.
"""

from __future__ import annotations

import copy
import itertools
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil
from PIL import ImageFile

from configs.errors import UserError
from configs.schema import Config
from detector.boxes import area
from detector.data.findings import KINDS
from detector.data.lazy_samples import object_columns
from detector.data.usable import usable
from detector.types import Sample
from training.batches.augment import (
    MOSAIC_IMAGES,
    Augmented,
    Augmenter,
    most_zoom,
    objects_of,
)
from training.batches.cache import make_reader
from training.batches.course import IMAGE, ORDER, Course, random_numbers
from training.batches.repeats import draw, images_shown, repeat_factors

_BATCHES_AHEAD = 2
_CACHE_SHARE = 0.5  # of the memory that is free
# bytes; Pillow hands over pixels in pieces of 64 KB, and holds up the other threads for each
_PILLOW_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Batch:
    """Images and objects, padded to shapes that never change but for the size of the images."""

    images: np.ndarray  # uint8 (B, S, S, 3), RGB
    boxes_fraction: np.ndarray  # float32 (B, N, 4), xyxy; padded with 0
    labels: np.ndarray  # int64 (B, N); padded with -1
    is_ignored: np.ndarray  # bool (B, N), crowds and difficult objects; False where padded
    indices: np.ndarray  # int64 (B,), of the samples

    @classmethod
    def empty(cls, images: int, size: int, max_objects: int) -> Batch:
        """Room for black images of S = `size` px without objects, to be filled row by row."""
        rows = (images, max_objects)
        return cls(
            images=np.zeros((images, size, size, 3), np.uint8),
            boxes_fraction=np.zeros((*rows, 4), np.float32),
            labels=np.full(rows, -1, np.int64),
            is_ignored=np.zeros(rows, bool),
            indices=np.zeros(images, np.int64),
        )


class Loader:
    """Loads the samples of a data set, in batches, in threads.

    An epoch has every sample once, and those of rare classes more often if that is asked for
    (`training.batches.repeats`); where the last batch is short, it is filled up with the first ones
    of the epoch, so that no sample is left out, even of a set smaller than a batch, and all batches
    have one shape.

    For the whole process, OpenCV's own threads are switched off in favour of ours, and Pillow is
    given larger buffers.

    Args:
        samples: the data set.
        config: all of its sections but the model's network count.
        augment: False for images that are only resized, as for validation.
        epochs: of the run; by default those of the configuration.
        report: is told of each image that cannot be read, once, in one line; by default stderr is.
        cache_folder: of `cache: disk`; by default this user's.

    Attributes:
        course: what changes from epoch to epoch.
        steps: batches per epoch, always as many.
        max_objects: N; of more objects in an image, the largest are kept.
        failed: what is wrong with each sample that could not be read, by index. Another one, the
            next that can be read, stands in its place.
        unreadable: their files, of which tiles share one.

    Raises:
        UserError: there is no sample, or the cache's folder cannot be written to.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        config: Config,
        *,
        augment: bool,
        epochs: int | None = None,
        report: Callable[[str], None] | None = None,
        cache_folder: Path | None = None,
    ) -> None:
        if not len(samples):
            raise UserError("the data set has no images to load; choose another split")
        self._report = report or _to_stderr
        self.course = Course(config, epochs or config.train.epochs)
        cache, kept_size = config.loader.cache, _kept_size(config, augment)
        is_kept = True
        if cache_bytes(len(samples), config) > _CACHE_SHARE * psutil.virtual_memory().available:
            self._report(
                f"{len(samples):,} images of {kept_size} px do not fit in memory, and are read "
                "from their files; loader.cache=disk would be faster"
            )
            is_kept = False  # but resized as if they were: pixels depend on no machine's memory
        self._read = make_reader(cache, kept_size, cache_folder, is_kept)
        self.max_objects = _needed_rows(samples, config)
        cv2.setNumThreads(1)
        ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, _PILLOW_BLOCK)
        sizes = {config.model.input_size, *config.train.input_sizes}
        self._augmenters = {size: Augmenter(config.augment, size) for size in sizes}
        self._samples, self._augment, self._seed = samples, augment, config.seed
        self._factors = repeat_factors(samples, config.loader.repeat_threshold)
        self._ends = np.cumsum(self._factors)
        self._batch_size = config.loader.batch_size
        self.steps = -(-images_shown(self._factors) // self._batch_size)
        # Only decoding runs on several cores. Without it, threads queue for the interpreter, and
        # one alone is faster than two.
        decodes = cache == "none" or not is_kept
        self._workers = config.loader.workers or ((os.cpu_count() or 1) if decodes else 1)
        self._lock = threading.Lock()
        self.failed: dict[int, str] = {}
        self.unreadable: set[str] = set()

    def order(self, epoch: int) -> np.ndarray:
        """The indices of an epoch's batches, one after the other: int64 `(steps * B,)`."""
        return self._order(epoch)[0]

    def _order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """`order`, and how often each was drawn before."""
        order, before = draw(self._factors, random_numbers(ORDER, self._seed, epoch))
        images = self.steps * self._batch_size
        return np.resize(order, images), np.resize(before, images)

    def at_size(self, input_size: int) -> Loader:
        """This loader, with its cache, as if one size were all that the run has."""
        config = self.course.config
        train = config.train.model_copy(update={"input_sizes": ()})
        model = config.model.at_size(input_size)
        loader = copy.copy(self)
        loader.course = Course(
            config.model_copy(update={"model": model, "train": train}), self.course.epochs
        )
        return loader

    def image(self, index: int) -> str:
        """The file of a sample."""
        return str(self._samples[index].path)

    def load(self, batch: Batch, row: int, index: int, epoch: int, before: int = 0) -> None:
        """Fill a row of a batch with a sample; always alike for the same seed and arguments.

        Args:
            batch: of the epoch's input size.
            row: to be filled.
            index: of the sample.
            epoch: from 0.
            before: how often the epoch has shown the sample before.

        Raises:
            UserError: no image of the data set can be read.
        """
        index_read, (image, objects) = self._read_next(index)
        augmenter = self._augmenters[batch.images.shape[1]]
        if self._augment:
            which = (epoch, index, before) if before else (epoch, index)
            generator = random_numbers(IMAGE, self._seed, *which)
            draws_mosaic = generator.random() < augmenter.config.mosaic_probability
            if draws_mosaic and epoch < self.course.epochs_with_mosaics:
                others = self._draw_others(generator)
                parts = [(image, objects), *(self._read_next(other)[1] for other in others)]
                image, objects = augmenter.mosaic(parts, generator)
            seed = int(generator.integers(2**63))
            image, objects = augmenter.augment(image, objects, seed)
        else:
            image, objects = augmenter.resize(image, objects)
        if len(objects) > self.max_objects:
            largest = np.argsort(-area(objects[:, :4].astype(np.float32)), kind="stable")
            objects = objects[np.sort(largest[: self.max_objects])]
        batch.images[row], batch.indices[row] = image, index_read
        batch.boxes_fraction[row, : len(objects)] = objects[:, :4]
        batch.labels[row, : len(objects)] = objects[:, 4]
        batch.is_ignored[row, : len(objects)] = objects[:, 5]

    def batches(self, epoch: int, start_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from one on; those that a run from its start would see.

        Raises:
            UserError: no image of the data set can be read.
        """
        order = np.stack(self._order(epoch), axis=1).reshape(self.steps, self._batch_size, 2)
        steps, size = order[start_step:].tolist(), self.course.input_size(epoch)
        share = -(-self._batch_size // self._workers)
        pool = ThreadPoolExecutor(self._workers, "loader")
        pending: deque[tuple[Batch, list[Future[None]]]] = deque()

        def load_rows(batch: Batch, first: int, pairs: Sequence[tuple[int, int]]) -> None:
            for row, (index, before) in enumerate(pairs, first):
                self.load(batch, row, index, epoch, before)

        try:
            for step in range(len(steps)):
                for pairs in steps[step + len(pending) : step + 1 + _BATCHES_AHEAD]:
                    batch = Batch.empty(len(pairs), size, self.max_objects)
                    jobs = [
                        pool.submit(load_rows, batch, first, pairs[first : first + share])
                        for first in range(0, len(pairs), share)
                    ]
                    pending.append((batch, jobs))
                batch, jobs = pending.popleft()
                for job in jobs:
                    job.result()
                yield batch
        finally:  # also where the caller stops early
            pool.shutdown(cancel_futures=True)

    def _draw_others(self, generator: np.random.Generator) -> list[int]:
        """The other images of a mosaic, as often as their factors say."""
        places = self._ends[-1] * generator.random(MOSAIC_IMAGES - 1)
        return np.searchsorted(self._ends, places, side="right").tolist()

    def _read_next(self, index: int) -> tuple[int, Augmented]:
        """Index, pixels and usable objects of a sample, or of the next that can be read."""
        for candidate in itertools.chain(range(index, len(self._samples)), range(index)):
            if candidate in self.failed:
                continue
            try:
                image, sample = self._read(self._samples[candidate])
            except UserError as error:
                with self._lock:
                    self.failed[candidate] = str(error)
                    is_news = self.image(candidate) not in self.unreadable
                    self.unreadable.add(self.image(candidate))
                if is_news:
                    self._report(f"{error}; {KINDS['unreadable-picture'].action}")
            else:
                return candidate, (image, objects_of(usable(sample)))
        first = next(iter(self.failed.values()))
        raise UserError(f"none of the {len(self._samples)} images can be read: {first}")


def _kept_size(config: Config, augment: bool = True) -> int:
    """Of cached images, px: enough for crops to be sharp, or nearly so, at any input size."""
    largest = max((config.model.input_size, *config.train.input_sizes))
    return round(most_zoom(config.augment) * largest) if augment else largest


def cache_bytes(images: int, config: Config) -> int:
    """Memory that the cached images of a data set come to."""
    return 3 * _kept_size(config) ** 2 * images if config.loader.cache == "memory" else 0


def _needed_rows(samples: Sequence[Sample], config: Config) -> int:
    """Rows for objects in a batch: no more than there can be, as each costs time in matching."""
    images = MOSAIC_IMAGES if config.augment.mosaic_probability else 1
    most = int(object_columns(samples).lengths.max(initial=0))
    return max(1, min(images * most, config.loader.max_objects))


def _to_stderr(line: str) -> None:
    sys.stderr.write(" ".join(line.splitlines()) + "\n")
