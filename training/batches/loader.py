"""The data loader: batches of augmented images and padded boxes, the same ones in every run.

What is loaded depends on the seed, the epoch and the index of the image alone, and the order on
the seed and the epoch; so a run can go on in the middle of an epoch. Shuffling moves indices;
no more images are held than a few batches ask for.
"""

from __future__ import annotations

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
from training.batches.augment import MOSAIC_IMAGES, Augmented, Augmenter, objects_of
from training.batches.cache import make_reader

_ORDER, _IMAGE = 1, 2  # keep the two kinds of random numbers apart
_BATCHES_AHEAD = 2
_MOST_ZOOM = 1.5  # of cached images, over the input size
_CACHE_SHARE = 0.5  # of the memory that is free
# bytes; Pillow hands over pixels in pieces of 64 KB, and holds up the other threads for each
_PILLOW_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Batch:
    """Images and objects, padded to shapes that never change."""

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

    An epoch has every sample once; where the last batch is short, it is filled up with the first
    ones of the epoch, so that no sample is left out, even of a set smaller than a batch, and all
    batches have one shape.

    For the whole process, OpenCV's own threads are switched off in favour of ours, and Pillow is
    given larger buffers.

    Args:
        samples: the data set.
        config: all of its sections but the model's network count.
        augment: False for images that are only resized, as for validation.
        report: is told of each image that cannot be read, once, in one line; by default stderr is.
        cache_folder: of `cache: disk`; by default this user's.

    Attributes:
        max_objects: N; of more objects in an image, the largest are kept.
        failed: what is wrong with each image that could not be read, by index. Another one, the
            next that can be read, stands in its place.

    Raises:
        UserError: there is no sample, or the cache's folder cannot be written to.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        config: Config,
        *,
        augment: bool,
        report: Callable[[str], None] | None = None,
        cache_folder: Path | None = None,
    ) -> None:
        if not len(samples):
            raise UserError("the data set has no images to load; choose another split")
        self._report, size = report or _to_stderr, config.model.input_size
        cache, kept_size = config.loader.cache, _kept_size(config) if augment else size
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
        self._samples, self._augmenter = samples, Augmenter(config.augment, size)
        self._augment, self._seed = augment, config.seed
        self._batch_size = config.loader.batch_size
        # Only decoding runs on several cores. Without it, threads queue for the interpreter, and
        # one alone is faster than two.
        decodes = cache == "none" or not is_kept
        self._workers = config.loader.workers or ((os.cpu_count() or 1) if decodes else 1)
        self._lock = threading.Lock()
        self.failed: dict[int, str] = {}

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return -(-len(self._samples) // self._batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """The indices of an epoch's batches, one after the other: int64 `(steps * B,)`."""
        order = self._generator(_ORDER, epoch).permutation(len(self._samples))
        return np.resize(order, self.steps * self._batch_size)

    def image(self, index: int) -> str:
        """The file of a sample."""
        return str(self._samples[index].path)

    def load(self, batch: Batch, row: int, index: int, epoch: int) -> None:
        """Fill a row of a batch with a sample; always alike for the same seed, epoch and index.

        Raises:
            UserError: no image of the data set can be read.
        """
        index_read, (image, objects) = self._read_next(index)
        if self._augment:
            generator = self._generator(_IMAGE, epoch, index)
            if generator.random() < self._augmenter.config.mosaic_probability:
                others = generator.integers(len(self._samples), size=MOSAIC_IMAGES - 1).tolist()
                parts = [(image, objects), *(self._read_next(other)[1] for other in others)]
                image, objects = self._augmenter.mosaic(parts, generator)
            seed = int(generator.integers(2**63))
            image, objects = self._augmenter.augment(image, objects, seed)
        else:
            image, objects = self._augmenter.resize(image, objects)
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
        order = self.order(epoch).reshape(self.steps, self._batch_size)[start_step:].tolist()
        share = -(-self._batch_size // self._workers)
        pool = ThreadPoolExecutor(self._workers, "loader")
        pending: deque[tuple[Batch, list[Future[None]]]] = deque()

        def load_rows(batch: Batch, first: int, indices: Sequence[int]) -> None:
            for row, index in enumerate(indices, first):
                self.load(batch, row, index, epoch)

        try:
            for step in range(len(order)):
                for indices in order[step + len(pending) : step + 1 + _BATCHES_AHEAD]:
                    batch = Batch.empty(len(indices), self._augmenter.input_size, self.max_objects)
                    jobs = [
                        pool.submit(load_rows, batch, first, indices[first : first + share])
                        for first in range(0, len(indices), share)
                    ]
                    pending.append((batch, jobs))
                batch, jobs = pending.popleft()
                for job in jobs:
                    job.result()
                yield batch
        finally:  # also where the caller stops early
            pool.shutdown(cancel_futures=True)

    def _generator(self, *purpose: int) -> np.random.Generator:
        kind, *which = purpose
        return np.random.Generator(np.random.Philox([kind, self._seed, *which]))

    def _read_next(self, index: int) -> tuple[int, Augmented]:
        """Index, pixels and usable objects of a sample, or of the next that can be read."""
        for candidate in itertools.chain(range(index, len(self._samples)), range(index)):
            if candidate in self.failed:
                continue
            try:
                image, sample = self._read(self._samples[candidate])
            except UserError as error:
                with self._lock:
                    is_news = candidate not in self.failed
                    self.failed[candidate] = str(error)
                if is_news:
                    self._report(f"{error}; {KINDS['unreadable-picture'].action}")
            else:
                return candidate, (image, objects_of(usable(sample)))
        first = next(iter(self.failed.values()))
        raise UserError(f"none of the {len(self._samples)} images can be read: {first}")


def _kept_size(config: Config) -> int:
    """Of cached images: enough for crops to be sharp, or nearly so."""
    if not config.augment.crop_probability:
        return config.model.input_size
    zoom = min(config.augment.crop_min_area**-0.5, _MOST_ZOOM)
    return round(zoom * config.model.input_size)


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
