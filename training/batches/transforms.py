"""SSD's transforms that albumentations lacks: a crop by minimum IoU, expansion, colour jitter.

The first two cut a *window* out of an image; a window that reaches outside shows grey there. They
take a `Crop` and only move its window, so that no canvas (16 times the image) is ever filled:
`ToInput` then makes the network's input in one go.

Import this module lazily: albumentations takes seconds. It is kept from looking for its own
updates.

Boxes here are float64 `(N, 6)`: xyxy in fractions of the window, not clipped to it; the label;
and 1 for a crowd or difficult object, else 0.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

from albumentations import DualTransform, ImageOnlyTransform

from detector.boxes import clip, pairwise_iou, xyxy_to_cxcywh
from training.batches.crop import Window

_TRIALS = 50  # patches, Caffe SSD: max_trials
_WHOLE = -1.0  # in the place of a minimum IoU: the whole image
NEUTRAL = (1.0, 1.0, 1.0, 0.0)  # brightness, contrast, saturation, hue: no change
_TO_YIQ = np.array(  # NTSC. The first row is a pixel's grey; a grey pixel has no I and no Q.
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
)
_TO_RGB = np.linalg.inv(_TO_YIQ)
GREY_OF_RGB = _TO_YIQ[0]


class _Cut(DualTransform):
    """A transform that shows a window of the image: `get_params_dependent_on_data` says which."""

    def apply(self, img: Any, window: Window, **_params: Any) -> Any:
        """The window of a `Crop`, a `Crop`."""
        return img.cut(window)

    def apply_to_bboxes(
        self, bboxes: np.ndarray, window: Window, shape: Sequence[int], **_params: Any
    ) -> np.ndarray:
        """The boxes, in fractions of the window."""
        x1, y1, x2, y2 = window
        height, width = shape[:2]
        corners = bboxes[:, :4] * (width, height, width, height) - (x1, y1, x1, y1)
        corners /= (x2 - x1, y2 - y1, x2 - x1, y2 - y1)
        return np.concatenate([corners, bboxes[:, 4:]], axis=1)


class Expand(_Cut):
    """The image at a random place on a larger grey canvas, so that its objects get smaller.

    Args:
        max_ratio: of the canvas's sides to the image's; the ratio is uniform in 1 ... this.
        p: probability.

    Source:
        Liu et al. 2016, section 3.6; Caffe SSD `ExpandImage`.
    """

    def __init__(self, max_ratio: float, p: float) -> None:
        super().__init__(p=p)
        self.max_ratio = max_ratio

    def get_params_dependent_on_data(
        self,
        params: dict[str, Any],
        data: dict[str, Any],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Draw the canvas: `window`, px of the image."""
        height, width = params["shape"][:2]
        ratio, *place = self.random_generator.random(3).tolist()
        ratio = 1 + (self.max_ratio - 1) * ratio
        canvas_width, canvas_height = round(ratio * width), round(ratio * height)
        left = int(place[0] * (canvas_width - width + 1))
        top = int(place[1] * (canvas_height - height + 1))
        return {"window": (-left, -top, canvas_width - left, canvas_height - top)}


class MinIoUCrop(_Cut):
    """A random patch that overlaps an object by a minimum IoU.

    One choice is drawn of: the whole image, a patch without a condition on the IoU, and a patch
    with each IoU of `min_ious`. A patch must also hold the centre of an object, if the image has
    one. Where no patch is found in 50 tries, another choice is drawn. Objects whose centre lies
    outside the patch go; crowds and difficult ones stay while they overlap it, so that what shows
    of them is ignored and not taught as background.

    Args:
        min_ious: in 0 ... 1.
        min_area: of a patch, as a share of the image; the area is uniform in this ... 1.
        max_aspect_ratio: width / height of a patch, as fractions of the image, lies between
            the inverse of this and this, wide ones as likely as tall ones.
        p: probability.

    Source:
        Liu et al. 2016, section 2.2, "Data augmentation"; 50 tries, and that the IoU is with the
        best object: Caffe SSD.
    """

    def __init__(
        self, min_ious: Sequence[float], min_area: float, max_aspect_ratio: float, p: float
    ) -> None:
        super().__init__(p=p)
        self.min_ious = tuple(min_ious)
        self.min_area = min_area
        self.max_aspect_ratio = max_aspect_ratio

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Draw the patch: `window`, px of the image."""
        height, width = params["shape"][:2]
        choices = self.random_generator.permutation([_WHOLE, 0.0, *self.min_ious]).tolist()
        before_whole = choices[: choices.index(_WHOLE)]
        if before_whole:
            patches = self._draw_patches(height, width)
            best_ious = _best_ious(patches / (width, height, width, height), data["bboxes"])
            for min_iou in before_whole:
                fitting = np.flatnonzero(best_ious >= min_iou)
                if len(fitting):
                    return {"window": tuple(patches[fitting[0]].tolist())}
        return {"window": (0, 0, width, height)}

    def apply_to_bboxes(
        self, bboxes: np.ndarray, window: Window, shape: Sequence[int], **params: Any
    ) -> np.ndarray:
        """The boxes that stay, in fractions of the window."""
        moved = super().apply_to_bboxes(bboxes, window, shape, **params)
        inside = clip(moved[:, :4], 1.0, 1.0)
        overlaps = (inside[:, 2:] > inside[:, :2]).all(axis=1)
        unit = np.array([[0.0, 0.0, 1.0, 1.0]])
        return moved[np.where(moved[:, 5] > 0, overlaps, _holds_centre(unit, moved)[0])]

    def _draw_patches(self, height: int, width: int) -> np.ndarray:
        """Patches, int64 `(_TRIALS, 4)`, xyxy in px."""
        draws = self.random_generator.random((4, _TRIALS))
        area = self.min_area + (1 - self.min_area) * draws[0]
        log_limit = np.minimum(np.log(self.max_aspect_ratio), -np.log(area))  # no side above 1
        ratio = np.exp((2 * draws[1] - 1) * log_limit)
        sides = np.sqrt(np.stack([area * ratio, area / ratio], axis=1))
        whole = np.array([width, height])
        size = np.clip(np.rint(sides * whole), 1, whole).astype(np.int64)
        corner = (draws[2:].T * (whole - size + 1)).astype(np.int64)
        return np.concatenate([corner, corner + size], axis=1)


class ToInput(DualTransform):
    """A `Crop` to the network's input; boxes are fractions and stay as they are.

    Args:
        input_size: px.
    """

    def __init__(self, input_size: int) -> None:
        super().__init__(p=1.0)
        self.input_size = input_size

    def apply(self, img: Any, **_params: Any) -> np.ndarray:
        """uint8 `(input_size, input_size, 3)`."""
        return img.render(self.input_size)

    def apply_to_bboxes(self, bboxes: np.ndarray, **_params: Any) -> np.ndarray:
        """The same boxes."""
        return bboxes


class Colours(ImageOnlyTransform):
    """Brightness, contrast, saturation and hue, each changed or not on its own.

    All four are one matrix (`colour_matrix`), applied once: a fifth of the time of albumentations'
    `ColorJitter`, which goes through HSV, and no rounding or clipping in between.

    Args:
        reach: of the factors of brightness, contrast and saturation, each uniform in 1 - this ...
            1 + this; and of the turn of the hue, -this ... this, where 1 is the whole circle.
        each_probability: of each of the four.
    """

    def __init__(self, reach: Sequence[float], each_probability: float) -> None:
        super().__init__(p=1.0)
        self.reach = tuple(reach)
        self.each_probability = each_probability

    def get_params(self) -> dict[str, Any]:
        """Draw three factors and a turn: `colours`."""
        reach = np.array(self.reach)
        is_drawn, place = self.random_generator.random((2, 4))
        change = np.where(is_drawn < self.each_probability, reach * (2 * place - 1), 0.0).tolist()
        factors, turn = [1 + value for value in change[:3]], change[3]
        return {"colours": (*factors, turn)}

    def apply(
        self, img: np.ndarray, colours: tuple[float, float, float, float], **_params: Any
    ) -> np.ndarray:
        """The image in other colours, uint8 `(H, W, 3)`."""
        if colours == NEUTRAL:
            return img
        grey = float(GREY_OF_RGB @ cv2.mean(img)[:3])
        return cv2.transform(img, colour_matrix(*colours, mean_grey=grey))


def colour_matrix(
    brightness: float, contrast: float, saturation: float, hue: float, mean_grey: float
) -> np.ndarray:
    """One matrix for four changes of colour, in this order.

    Args:
        brightness: factor of all values.
        contrast: factor of their distance to the mean grey.
        saturation: factor of their distance to the grey of their pixel.
        hue: turn about the grey axis, as a share of the whole circle.
        mean_grey: of the image, before the changes.

    Returns:
        float64 `(3, 4)`: a pixel's new colour is this times its `(R, G, B, 1)`.

    Source:
        Liu et al. 2016, section 2.2, after Howard 2013; as one matrix: `color_twist` of NVIDIA's
        DALI, with which its SSD is trained.
    """
    saturate = saturation * np.eye(3) + (1 - saturation) * np.tile(GREY_OF_RGB, (3, 1))
    cos, sin = np.cos(2 * np.pi * hue), np.sin(2 * np.pi * hue)
    turn = _TO_RGB @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ _TO_YIQ
    # Neither of these two changes a grey, so the one that contrast adds passes through them.
    added = np.full((3, 1), brightness * (1 - contrast) * mean_grey)
    return np.hstack([brightness * contrast * turn @ saturate, added])


def _best_ious(patches: np.ndarray, bboxes: np.ndarray) -> np.ndarray:
    """The IoU of each patch with its best object; -inf if it holds the centre of none.

    Without objects to learn, all are 1: any patch will do.
    """
    objects = bboxes[bboxes[:, 5] == 0]
    if not len(objects):
        return np.ones(len(patches))
    ious = pairwise_iou(patches, objects[:, :4]).max(axis=1)
    return np.where(_holds_centre(patches, objects).any(axis=1), ious, -np.inf)


def _holds_centre(patches: np.ndarray, bboxes: np.ndarray) -> np.ndarray:
    """Whether patch i holds the centre of box j: bool `(P, N)`."""
    centres = xyxy_to_cxcywh(bboxes[:, :4])[:, :2]
    first, last = patches[:, None, :2], patches[:, None, 2:]
    return ((centres >= first) & (centres < last)).all(axis=2)
