"""Changes of colour as one matrix."""

from __future__ import annotations

import numpy as np

NEUTRAL = (1.0, 1.0, 1.0, 0.0)
"""Brightness, contrast, saturation and hue that change nothing."""

_TO_YIQ = np.array(  # NTSC. The first row is a pixel's grey; a grey pixel has no I and no Q.
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
)
_TO_RGB = np.linalg.inv(_TO_YIQ)
GREY_OF_RGB = _TO_YIQ[0]


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
