"""How large images and objects are that a run learns from, for the description of its model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detector.artefact import TrainingSizes
from detector.boxes import area
from detector.data.usable import usable
from detector.types import Sample

_SAMPLED = 5000  # images, spread over the data set: medians of more are the same
_LARGE = 0.9  # share of the objects that are no larger than what counts as large


def training_sizes(samples: Sequence[Sample], tile: int | None) -> TrainingSizes | None:
    """Measure a run's training images.

    Args:
        samples: to learn from.
        tile: side of the tiles that these are, px; None where they are whole images.

    Returns:
        None where there is no object to measure.
    """
    rows = np.unique(np.linspace(0, len(samples) - 1, min(len(samples), _SAMPLED)).astype(int))
    sizes, sides, shares, longest = [], [], [], []
    for sample in (samples[row] for row in rows.tolist()):
        objects = usable(sample)
        boxes = objects.boxes[~(objects.is_crowd | objects.is_difficult)]
        if not len(boxes):
            continue
        side = np.sqrt(area(boxes.astype(np.float64)))
        sizes.append((sample.width, sample.height))
        sides.append(side)
        shares.append(side / (sample.width * sample.height) ** 0.5)
        longest.append((boxes[:, 2:] - boxes[:, :2]).max(axis=1))
    if not sizes:
        return None
    width, height = np.median(sizes, axis=0)
    return TrainingSizes(
        image_width=round(width),
        image_height=round(height),
        object_px=round(float(np.median(np.concatenate(sides))), 1),
        object_share=round(float(np.median(np.concatenate(shares))), 4),
        large_object_px=round(float(np.quantile(np.concatenate(longest), _LARGE)), 1),
        tile=tile,
    )
