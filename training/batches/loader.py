"""From samples to batches: the same ones in every run, whatever reads them.

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
from pathlib import Path

import cv2
import numpy as np
import psutil
from PIL import ImageFile

from configs.errors import UserError
from configs.schema import Config
from detector.boxes import area
from detector.data.findings import KINDS
from detector.data.usable import usable
from detector.types import Sample
from training.batches.augment import MOSAIC_IMAGES, Augmenter
from training.batches.batch import Batch, Example, collate
from training.batches.cache import Reader, make_reader

_ORDER, _IMAGE = 1, 2  # keep the two kinds of random numbers apart
_BATCHES_AHEAD = 2
_MOST_ZOOM = 1.5  # of cached images, over the input size
_CACHE_SHARE = 0.5  # of the memory that is free
# bytes; Pillow hands over pixels in pieces of 64 KB, and holds up the other threads for each
_PILLOW_BLOCK = 1 << 20


class Loader:
    """Loads the samples of a data set, in batches, in threads.

    An epoch has every sample once; where the last batch is short, it is filled up with the first
    ones of the epoch, so that no sample is left out, even of a set smaller than a batch, and all
    batches have one shape.

    For the whole process, OpenCV's own threads are switched off in favour of ours, and Pillow is
    given larger buffers.

    Args:
        samples: the data set.
        read: gives the pixels of a sample.
        augmenter: of the images.
        augment: False for images that are resized only.
        batch_size: B.
        max_objects: N; of more objects in an image, the largest are kept.
        seed: 0 or more.
        workers: threads.
        report: is told of each image that cannot be read, once, in one line.

    Attributes:
        max_objects: N.
        failed: what is wrong with each image that could not be read, by index. Another one, the
            next that can be read, stands in its place.
        unusable: how many objects are left out as no boxes, by index (`detector.data.usable`).
        cut: how many objects were left out for `max_objects`, at most, by index.

    Raises:
        UserError: there is no sample.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        read: Reader,
        augmenter: Augmenter,
        *,
        augment: bool,
        batch_size: int,
        max_objects: int,
        seed: int,
        workers: int,
        report: Callable[[str], None],
    ) -> None:
        if not len(samples):
            raise UserError("the data set has no images to load; choose another split")
        cv2.setNumThreads(1)
        ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, _PILLOW_BLOCK)
        self._samples, self._read, self._augmenter = samples, read, augmenter
        self._augment, self._seed = augment, seed
        self._batch_size, self.max_objects = batch_size, max_objects
        self._workers, self._report = workers, report
        self._lock = threading.Lock()
        self.failed: dict[int, str] = {}
        self.unusable: dict[int, int] = {}
        self.cut: dict[int, int] = {}

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

    def load(self, index: int, epoch: int) -> Example:
        """Load one sample; always the same for the same seed, epoch and index.

        Raises:
            UserError: no image of the data set can be read.
        """
        image, sample, index_read = self._read_next(index)
        if self._augment:
            generator = self._generator(_IMAGE, epoch, index)
            if generator.random() < self._augmenter.mosaic_probability:
                image, sample = self._mosaic((image, sample), generator)
            seed = int(generator.integers(2**63))
            image, boxes, rows = self._augmenter.augment(image, sample, seed)
        else:
            image, boxes, rows = self._augmenter.resize(image, sample)
        if len(rows) > self.max_objects:
            boxes, rows = self._largest(boxes, rows, index_read)
        is_ignored = sample.is_crowd | sample.is_difficult
        return Example(index_read, image, boxes, sample.labels[rows], is_ignored[rows])

    def batches(self, epoch: int, start_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from one on; those that a run from its start would see.

        Raises:
            UserError: no image of the data set can be read.
        """
        order = self.order(epoch).reshape(self.steps, self._batch_size)[start_step:].tolist()
        share = -(-self._batch_size // self._workers)
        pool = ThreadPoolExecutor(self._workers, "loader")
        pending: deque[list[Future[list[Example]]]] = deque()
        try:
            for step in range(len(order)):
                for indices in order[step + len(pending) : step + 1 + _BATCHES_AHEAD]:
                    shares = [indices[i : i + share] for i in range(0, len(indices), share)]
                    pending.append([pool.submit(self._load_all, part, epoch) for part in shares])
                examples = [future.result() for future in pending.popleft()]
                yield collate(list(itertools.chain.from_iterable(examples)), self.max_objects)
        finally:  # also where the caller stops early
            pool.shutdown(cancel_futures=True)

    def _load_all(self, indices: Sequence[int], epoch: int) -> list[Example]:
        return [self.load(index, epoch) for index in indices]

    def _generator(self, *purpose: int) -> np.random.Generator:
        kind, *which = purpose
        return np.random.Generator(np.random.Philox([kind, self._seed, *which]))

    def _read_next(self, index: int) -> tuple[np.ndarray, Sample, int]:
        """Pixels, usable objects and index of a sample, or of the next that can be read."""
        for candidate in itertools.chain(range(index, len(self._samples)), range(index)):
            if candidate in self.failed:
                continue
            try:
                image, sample = self._read(self._samples[candidate])
            except UserError as error:
                self._note_failure(candidate, str(error))
                continue
            kept = usable(sample)
            if len(kept) < len(sample):
                self.unusable[candidate] = len(sample) - len(kept)
            return image, kept, candidate
        first = next(iter(self.failed.values()))
        raise UserError(f"none of the {len(self._samples)} images can be read: {first}")

    def _note_failure(self, index: int, reason: str) -> None:
        with self._lock:
            is_news = index not in self.failed
            self.failed[index] = reason
        if is_news:
            self._report(f"{reason}; {KINDS['unreadable-picture'].action}")

    def _mosaic(
        self, first: tuple[np.ndarray, Sample], generator: np.random.Generator
    ) -> tuple[np.ndarray, Sample]:
        others = generator.integers(len(self._samples), size=MOSAIC_IMAGES - 1).tolist()
        parts = [first, *(self._read_next(other)[:2] for other in others)]
        return self._augmenter.mosaic(parts, generator)

    def _largest(
        self, boxes: np.ndarray, rows: np.ndarray, index: int
    ) -> tuple[np.ndarray, np.ndarray]:
        excess = len(rows) - self.max_objects
        self.cut[index] = max(excess, self.cut.get(index, 0))
        keep = np.sort(np.argsort(-area(boxes), kind="stable")[: self.max_objects])
        return boxes[keep], rows[keep]


def make_loader(
    samples: Sequence[Sample],
    config: Config,
    *,
    augment: bool,
    report: Callable[[str], None] | None = None,
    cache_folder: Path | None = None,
) -> Loader:
    """The loader that a configuration describes.

    Args:
        samples: the data set.
        config: all of its sections but the model's network count.
        augment: False for images that are only resized, as for validation.
        report: as for `Loader`; by default, a line on stderr.
        cache_folder: of `cache: disk`; by default this user's.

    Raises:
        UserError: there is no sample, or the cache's folder cannot be written to.
    """
    report, size = report or _to_stderr, config.model.input_size
    cache, kept_size = config.loader.cache, _kept_size(config) if augment else size
    is_kept = True
    if cache_bytes(len(samples), config) > _CACHE_SHARE * psutil.virtual_memory().available:
        report(
            f"{len(samples):,} images of {kept_size} px do not fit in memory, and are read from "
            "their files; loader.cache=disk would be faster"
        )
        is_kept = False  # but resized as if they were: pixels depend on no machine's memory
    return Loader(
        samples,
        make_reader(cache, kept_size, cache_folder, is_kept),
        Augmenter(config.augment, size),
        augment=augment,
        batch_size=config.loader.batch_size,
        max_objects=_needed_rows(samples, config),
        seed=config.seed,
        workers=config.loader.workers or _default_workers(cache if is_kept else "none"),
        report=report,
    )


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
    most = max((len(sample) for sample in samples), default=0)
    return max(1, min(images * most, config.loader.max_objects))


def _default_workers(cache: str) -> int:
    # Only decoding runs on several cores. Without it, threads queue for the interpreter, and one
    # alone is faster than two.
    return (os.cpu_count() or 1) if cache == "none" else 1


def _to_stderr(line: str) -> None:
    sys.stderr.write(" ".join(line.splitlines()) + "\n")
