"""Data augmentation of images and boxes: crop, expand, flip, colours, mosaic, and a box filter.

Cuts are made on the source image, so that a crop keeps its sharpness, and go straight to the
input size; the mirror (which resizing does not notice) and the colours come last, on the small
image, where they cost a fraction.

Objects of an image are float64 `(N, 6)` here and in `training.batches.transforms`: xyxy in
fractions of the image, label, and 1 for a crowd or difficult object, else 0.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from configs.schema import AugmentConfig
from detector.boxes import area, clip
from detector.preprocess import resize
from detector.types import Sample
from training.batches.crop import Crop

_CORNERS = ((False, False), (True, False), (False, True), (True, True))  # right, below
MOSAIC_IMAGES = len(_CORNERS)
_MOST_ZOOM = 1.5  # that is prepared for

Augmented = tuple[np.ndarray, np.ndarray]  # image, objects


class Augmenter:
    """The transforms that a configuration asks for. Several threads may use one at once.

    Args:
        config: probabilities and ranges.
        input_size: S, px.
    """

    def __init__(self, config: AugmentConfig, input_size: int) -> None:
        self.config = config
        self.input_size = input_size
        self._local = threading.local()  # a pipeline holds a random state

    def augment(self, image: np.ndarray, objects: np.ndarray, seed: int) -> Augmented:
        """Change one image; a pure function of the arguments and the configuration.

        Args:
            image: uint8 `(H, W, 3)`, RGB, at any size. It is left alone.
            objects: float64 `(N, 6)`; they may reach outside.
            seed: 0 or more.

        Returns:
            uint8 `(S, S, 3)`; the objects that are left, in their order: inside, of positive area,
            and rounded to float32.
        """
        pipeline = self._pipeline()
        # One stream for all. `set_random_seed` would give each transform a copy of the same one,
        # so that the mirror, the canvas and the colours came together or not at all.
        pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        done = pipeline(image=Crop.of(image), bboxes=objects)
        return done["image"], self._filter(done["bboxes"])

    def resize(self, image: np.ndarray, objects: np.ndarray) -> Augmented:
        """What `augment` returns, without any change."""
        return resize(image, self.input_size), self._filter(objects)

    def mosaic(self, parts: Sequence[Augmented], generator: np.random.Generator) -> Augmented:
        """Four images that meet in a random point, as if they were one.

        Each is shrunk until it just covers its corner, so that little of it is cut: objects get 0.5
        to 0.7 times as wide and high. `M` is the input size times `most_zoom`, so that the crops
        that `augment` makes of it are sharp.

        Args:
            parts: `MOSAIC_IMAGES` images and their objects, as for `augment`.
            generator: of the point, in the middle 0.4 of the sides.

        Returns:
            uint8 `(M, M, 3)`; the objects that can be seen.

        Source:
            Bochkovskiy et al. 2020 (YOLOv4). albumentations' own forgets how much of an object
            its cut has left.
        """
        size = round(most_zoom(self.config) * self.input_size)
        x, y = generator.integers(round(0.3 * size), round(0.7 * size), 2, endpoint=True).tolist()
        canvas, moved = np.empty((size, size, 3), np.uint8), []
        for (image, objects), (right, below) in zip(parts, _CORNERS, strict=True):
            side = max(size - x if right else x, size - y if below else y)
            left, top = x if right else x - side, y if below else y - side
            canvas[_span(top, side), _span(left, side)] = resize(image, side)[
                _span(-top, size), _span(-left, size)
            ]
            corners = (objects[:, :4] * side + (left, top, left, top)) / size
            moved.append(np.concatenate([corners, objects[:, 4:]], axis=1))
        return canvas, self._filter(np.concatenate(moved))

    def _filter(self, objects: np.ndarray) -> np.ndarray:
        min_area = self.config.min_area / self.input_size**2
        return filter_boxes(objects, min_area, self.config.min_visibility)

    def _pipeline(self) -> Any:
        if not hasattr(self._local, "pipeline"):
            self._local.pipeline = _make_pipeline(self.config, self.input_size)
        return self._local.pipeline


def most_zoom(config: AugmentConfig) -> float:
    """By how much images are to be larger than the input, so that crops of them are sharp.

    1.5 at most, as larger ones take more memory and time than they are worth.
    """
    return min(config.crop_min_area**-0.5, _MOST_ZOOM) if config.crop_probability else 1.0


def objects_of(sample: Sample) -> np.ndarray:
    """The objects of a sample, float64 `(N, 6)`."""
    boxes = sample.boxes.astype(np.float64) / ([sample.width, sample.height] * 2)
    return np.column_stack([boxes, sample.labels, sample.is_crowd | sample.is_difficult])


def filter_boxes(objects: np.ndarray, min_area: float, min_visibility: float) -> np.ndarray:
    """Clip boxes to the image, and drop those of which too little is left.

    Crowds and difficult objects stay, whatever is left of them, as regions to be ignored.

    Args:
        objects: float64 `(N, 6)`.
        min_area: what must be left of a box, as a share of the image.
        min_visibility: what must be left of it, as a share of itself.

    Returns:
        float64 `(M, 6)`; boxes are rounded to float32, in [0, 1] and of positive area.
    """
    # Rounded first and judged then, so that what is returned is what was judged.
    boxes = clip(objects[:, :4].astype(np.float32), 1.0, 1.0)
    left = area(boxes.astype(np.float64))
    needed = np.maximum(min_area, (min_visibility - 1e-3) * area(objects[:, :4]))  # rounding
    is_box = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    keep = is_box & ((left >= needed) | (objects[:, 5] > 0))
    return np.concatenate([boxes[keep], objects[keep, 4:]], axis=1)


def _make_pipeline(config: AugmentConfig, input_size: int) -> Any:
    # First: it keeps albumentations, which takes seconds to import, from going online.
    from training.batches.transforms import Colours, Expand, MinIoUCrop, ToInput  # isort: split
    from albumentations import Compose, HorizontalFlip, VerticalFlip

    patch = (config.crop_min_ious, config.crop_min_area, config.crop_max_aspect_ratio)
    reach = (config.brightness, config.contrast, config.saturation, config.hue)
    changes = [
        Expand(config.expand_max_ratio, p=config.expand_probability),
        MinIoUCrop(*patch, p=config.crop_probability),
        ToInput(input_size),
        HorizontalFlip(p=config.flip_probability),
        VerticalFlip(p=config.flip_vertical_probability),
        Colours(reach, each_probability=config.photometric_probability),
    ]
    # No `bbox_params`: its checks raise on rounding. `filter_boxes` does their work.
    return Compose(changes, is_check_shapes=False)


def _span(offset: int, length: int) -> slice:
    """The part of `length` px from `offset` on that is not negative."""
    return slice(max(offset, 0), offset + length)
