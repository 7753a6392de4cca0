"""Lazy crops: windows on an image, larger or smaller than it, copied only when rendered."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from detector.preprocess import resize

GREY = 127  # next to zero for the network, whose first layer is x / 127.5 - 1

Window = tuple[int, int, int, int]  # x1, y1, x2, y2, px


@dataclass(frozen=True, eq=False)
class Crop:
    """A window on an image, uint8 `(H, W, 3)`. Nothing is copied before `render` or `pixels`.

    All in px; `left` and `top` are places in the image, negative where the window begins outside.
    """

    image: np.ndarray
    left: int
    top: int
    height: int
    width: int

    @classmethod
    def of(cls, image: np.ndarray) -> Crop:
        """The whole image."""
        return cls(image, 0, 0, *image.shape[:2])

    @property
    def shape(self) -> tuple[int, int, int]:
        """As an array's."""
        return self.height, self.width, 3

    def cut(self, window: Window) -> Crop:
        """The crop of a window, x1, y1, x2, y2 in px of this one."""
        x1, y1, x2, y2 = window
        return Crop(self.image, self.left + x1, self.top + y1, y2 - y1, x2 - x1)

    def pixels(self) -> np.ndarray:
        """uint8 `(height, width, 3)`, grey outside the image."""
        canvas = np.full(self.shape, GREY, np.uint8)
        bottom, right = self.top + self.height, self.left + self.width
        seen = self.image[max(self.top, 0) : max(bottom, 0), max(self.left, 0) : max(right, 0)]
        y, x = max(-self.top, 0), max(-self.left, 0)
        canvas[y : y + seen.shape[0], x : x + seen.shape[1]] = seen
        return canvas

    def render(self, input_size: int) -> np.ndarray:
        """The network's input: `resize` of `pixels`, within one grey level.

        A canvas larger than the input is never filled, so its size costs nothing.

        Returns:
            uint8 `(input_size, input_size, 3)`.
        """
        bottom, right = self.top + self.height, self.left + self.width
        height, width = self.image.shape[:2]
        if self.left >= 0 and self.top >= 0 and right <= width and bottom <= height:
            return resize(self.image[self.top : bottom, self.left : right], input_size)
        if min(self.height, self.width) < input_size:  # enlarged, which treats borders otherwise
            return resize(self.pixels(), input_size)
        return self._warp(input_size)

    def _warp(self, input_size: int) -> np.ndarray:
        step_x, step_y = self.width / input_size, self.height / input_size
        # A pixel's centre lies half a pixel inside.
        x, y = step_x / 2 - 0.5 + self.left, step_y / 2 - 0.5 + self.top
        to_image = np.array([[step_x, 0, x], [0, step_y, y]])
        return cv2.warpAffine(
            self.image,
            to_image,
            (input_size, input_size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(GREY, GREY, GREY),
        )
