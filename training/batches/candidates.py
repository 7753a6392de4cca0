"""Which anchors an object can get where their centres decide, and not their IoU. NumPy alone.

The rule is that of `training.model.assigners`, for pages and figures that do without Keras.
"""

import numpy as np

from configs.schema import ModelConfig
from detector.anchors import feature_sizes, model_anchors

REACH = 2.0
"""Cells of the finest map: the least sides of the square in which centres count."""


def candidates(boxes: np.ndarray, config: ModelConfig) -> np.ndarray:
    """Whether the centre of an anchor lies in an object.

    Args:
        boxes: float32 `(N, 4)`, xyxy in fractions. One that is smaller than two cells of the
            finest map stands for a square of that size about its centre.
        config: of the model.

    Returns:
        bool `(N, A)`.
    """
    anchors = model_anchors(config)
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    least = np.float32(REACH / feature_sizes(config)[0] / 2)
    halves = np.maximum((boxes[:, 2:] - boxes[:, :2]) / 2, least)
    across, down = (
        np.abs(centres[:, axis] - middles[:, axis, None]) < halves[:, axis, None] for axis in (0, 1)
    )
    return across & down
