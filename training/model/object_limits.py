"""Images with more objects than the model will give, or than training learns from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from configs.schema import Config
from detector.data.findings import counted
from detector.data.lazy_samples import object_columns
from detector.types import Sample

_ROUND = 100  # a limit that is advised is a multiple


def objects_per_image(samples: Sequence[Sample]) -> np.ndarray:
    """Objects of each image to be found, crowds and difficult ones left out: int64 `(N,)`."""
    columns = object_columns(samples)
    image = np.repeat(np.arange(len(columns.lengths)), columns.lengths)
    return np.bincount(image[~columns.is_ignored], minlength=len(columns.lengths))


def over_limits(counts: np.ndarray, config: Config) -> Iterator[str]:
    """What limits do to images with more objects, in words; nothing where none has more.

    Args:
        counts: of `objects_per_image`.
        config: of the training.
    """
    given, learnt = config.postprocess.max_detections, config.loader.max_objects
    limits = (
        ("postprocess.max_detections", given, "the model gives no more"),
        ("loader.max_objects", learnt, "training learns the largest alone"),
    )
    for name, limit, effect in limits:
        over = int((counts > limit).sum())
        if over:
            most = int(counts.max())
            advised = (most // _ROUND + 1) * _ROUND
            images = f"{counted(over, 'image')} with more than {limit} objects, up to {most:,}"
            yield f"{images}: {effect}; set {name}={advised}"


def warnings_of_limits(parts: Iterable[Sequence[Sample]], config: Config) -> list[str]:
    """`over_limits` of all parts of a data set together."""
    counts = [objects_per_image(part) for part in parts]
    return list(over_limits(np.concatenate([np.zeros(0, np.int64), *counts]), config))
