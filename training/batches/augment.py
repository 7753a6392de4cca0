"""Random changes of training images, and the one filter that their boxes pass.

Cuts are made on the source image, so that a crop keeps its sharpness, and go straight to the
input size; the mirror (which resizing does not notice) and the colours come last, on the small
image, where they cost a fraction.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from configs.schema import AugmentConfig
from detector.boxes import area, clip, scale
from detector.preprocess import resize
from detector.types import Sample
from training.batches.crop import View

_CORNERS = ((False, False), (True, False), (False, True), (True, True))  # right, below
MOSAIC_IMAGES = len(_CORNERS)

Augmented = tuple[np.ndarray, np.ndarray, np.ndarray]  # image, boxes in fractions, rows


class Augmenter:
    """The changes that a configuration asks for. Several threads may use one at once.

    Args:
        config: probabilities and ranges.
        input_size: S, px.
    """

    def __init__(self, config: AugmentConfig, input_size: int) -> None:
        self._config = config
        self._input_size = input_size
        self._local = threading.local()  # a pipeline holds a random state

    @property
    def mosaic_probability(self) -> float:
        """How often an image is to go through `mosaic` first."""
        return self._config.mosaic_probability

    def augment(self, image: np.ndarray, sample: Sample, seed: int) -> Augmented:
        """Change one image; a pure function of the arguments and the configuration.

        Args:
            image: uint8 `(H, W, 3)`, RGB; the sample's image, at any size. It is left alone.
            sample: its boxes are pixels of `sample.height` by `sample.width`.
            seed: 0 or more.

        Returns:
            uint8 `(S, S, 3)`; boxes, float32 `(M, 4)`, xyxy in fractions, inside and of positive
            area; int64 `(M,)`, the row of each box in the sample, ascending.
        """
        pipeline = self._pipeline()
        # One stream for all. `set_random_seed` would give each transform a copy of the same one,
        # so that the mirror, the canvas and the colours came together or not at all.
        pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        done = pipeline(image=View.of(image), bboxes=_with_rows(sample))
        return done["image"], *self._filter(done["bboxes"])

    def resize(self, image: np.ndarray, sample: Sample) -> Augmented:
        """What `augment` returns, without any change."""
        return resize(image, self._input_size), *self._filter(_with_rows(sample))

    def mosaic(
        self, parts: Sequence[tuple[np.ndarray, Sample]], generator: np.random.Generator
    ) -> tuple[np.ndarray, Sample]:
        """Four images that meet in a random point, as if they were one.

        Each is shrunk until it just covers its corner, so that little of it is cut.

        Args:
            parts: `MOSAIC_IMAGES` images and samples, as for `augment`.
            generator: of the point, in the middle 0.4 of the sides.

        Returns:
            uint8 `(S, S, 3)`; and a sample of that size, named after the first, with the objects
            that can be seen.

        Source:
            Bochkovskiy et al. 2020 (YOLOv4). albumentations' own forgets how much of an object
            its cut has left.
        """
        size = self._input_size
        x, y = generator.integers(round(0.3 * size), round(0.7 * size), 2, endpoint=True).tolist()
        canvas, bboxes, start = np.empty((size, size, 3), np.uint8), [], 0
        for (image, sample), (right, below) in zip(parts, _CORNERS, strict=True):
            side = max(size - x if right else x, size - y if below else y)
            left, top = x if right else x - side, y if below else y - side
            canvas[_span(top, side), _span(left, side)] = resize(image, side)[
                _span(-top, size), _span(-left, size)
            ]
            moved = _with_rows(sample, start)
            moved[:, :4] = (moved[:, :4] * side + (left, top, left, top)) / size
            bboxes.append(moved)
            start += len(sample)
        boxes, rows = self._filter(np.concatenate(bboxes))
        return canvas, _joined([sample for _, sample in parts], size, boxes, rows)

    def _filter(self, bboxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        min_area = self._config.min_area / self._input_size**2
        return filter_boxes(bboxes, min_area, self._config.min_visibility)

    def _pipeline(self) -> Any:
        if not hasattr(self._local, "pipeline"):
            self._local.pipeline = _make_pipeline(self._config, self._input_size)
        return self._local.pipeline


def filter_boxes(
    bboxes: np.ndarray, min_area: float, min_visibility: float
) -> tuple[np.ndarray, np.ndarray]:
    """Clip boxes to the image, and drop those of which too little is left.

    Crowds and difficult objects stay, whatever is left of them, as regions to be ignored.

    Args:
        bboxes: `(N, 6)`, as in `training.batches.transforms`.
        min_area: what must be left of a box, as a share of the image.
        min_visibility: what must be left of it, as a share of itself.

    Returns:
        boxes, float32 `(M, 4)`, in [0, 1] and of positive area; their rows, int64 `(M,)`.
    """
    # Rounded first and judged then, so that what is returned is what was judged.
    boxes = clip(bboxes[:, :4].astype(np.float32), 1.0, 1.0)
    left = area(boxes.astype(np.float64))
    needed = np.maximum(min_area, (min_visibility - 1e-3) * area(bboxes[:, :4]))  # rounding
    is_box = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    keep = is_box & ((left >= needed) | (bboxes[:, 5] > 0))
    return boxes[keep], bboxes[keep, 4].astype(np.int64)


def _make_pipeline(config: AugmentConfig, input_size: int) -> Any:
    # First: it keeps albumentations, which takes seconds to import, from going online.
    from training.batches.transforms import Colours, Expand, MinIoUCrop, ToInput  # isort: split
    from albumentations import Compose, HorizontalFlip, VerticalFlip

    patch = (config.crop_min_ious, config.crop_min_area, config.crop_max_aspect_ratio)
    colours = (config.brightness, config.contrast, config.saturation, config.hue)
    changes = [
        Expand(config.expand_max_ratio, p=config.expand_probability),
        MinIoUCrop(*patch, p=config.crop_probability),
        ToInput(input_size),
        HorizontalFlip(p=config.flip_probability),
        VerticalFlip(p=config.flip_vertical_probability),
        Colours(*colours, each_probability=config.photometric_probability),
    ]
    # No `bbox_params`: its checks raise on rounding. `filter_boxes` does their work.
    return Compose(changes, is_check_shapes=False)


def _with_rows(sample: Sample, first_row: int = 0) -> np.ndarray:
    """The boxes of a sample as `(N, 6)` of `training.batches.transforms`."""
    bboxes = np.empty((len(sample), 6))
    bboxes[:, :4] = sample.boxes
    bboxes[:, :4] /= (sample.width, sample.height, sample.width, sample.height)
    bboxes[:, 4] = np.arange(first_row, first_row + len(sample))
    bboxes[:, 5] = sample.is_crowd | sample.is_difficult
    return bboxes


def _span(offset: int, length: int) -> slice:
    """The part of `length` px from `offset` on that is not negative."""
    return slice(max(offset, 0), offset + length)


def _joined(samples: Sequence[Sample], size: int, boxes: np.ndarray, rows: np.ndarray) -> Sample:
    def pick(name: str) -> np.ndarray:
        return np.concatenate([getattr(sample, name) for sample in samples])[rows]

    return Sample(
        image_id=samples[0].image_id,
        path=samples[0].path,
        height=size,
        width=size,
        boxes=scale(boxes, size, size),
        labels=pick("labels"),
        is_crowd=pick("is_crowd"),
        is_difficult=pick("is_difficult"),
    )
