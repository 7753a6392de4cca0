"""Resizing of an image to the network's input, and of boxes back to its pixels; nowhere else.

The image is stretched to the input size with bilinear interpolation and no antialiasing, as
the official model was trained. Normalisation is the network's own first layer.
`cv2.resize(INTER_LINEAR)` and `tf.image.resize(bilinear, antialias=False)` agree within one grey
level; INTER_AREA or antialiasing differ by 4 to 10.
"""

import cv2
import numpy as np

from detector.boxes import clip, scale


def resize(image: np.ndarray, input_size: int) -> np.ndarray:
    """Stretch an image to the network's input.

    Args:
        image: uint8 `(H, W, 3)`, RGB.
        input_size: S, px.

    Returns:
        uint8 `(S, S, 3)`.

    Raises:
        ValueError: `image` is not such an array.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"need a uint8 (H, W, 3) image, got {image.dtype} {image.shape}")
    return cv2.resize(image, (input_size, input_size), interpolation=cv2.INTER_LINEAR)


def to_source_pixels(boxes_fraction: np.ndarray, height: int, width: int) -> np.ndarray:
    """Boxes in fractions of the input to pixels of the image it was resized from.

    Args:
        boxes_fraction: `(N, 4)`, xyxy.
        height: of the source image, px.
        width: likewise.

    Returns:
        float32 `(N, 4)`, inside the image.
    """
    boxes = scale(boxes_fraction.astype(np.float32), height, width)
    return clip(boxes, height, width)
