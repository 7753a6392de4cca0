"""Images with more objects than the model will give, or than training learns from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from configs.schema import Config
from detector.data.findings import counted
from detector.data.lazy_samples import object_columns
from detector.data.usable import usable
from detector.types import Sample

_ROUND = 100  # a limit that is advised is a multiple


def objects_per_image(samples: Sequence[Sample], above: int) -> np.ndarray:
    """Objects of each image to be found, crowds and difficult ones left out: int64 `(N,)`.

    Where there are more than `above`, the unusable ones are left out too.
    """
    columns = object_columns(samples)
    image = np.repeat(np.arange(len(columns.lengths)), columns.lengths)
    counts = np.bincount(image[~columns.is_ignored], minlength=len(columns.lengths))
    for row in np.flatnonzero(counts > above).tolist():
        kept = usable(samples[row])
        counts[row] = np.count_nonzero(~(kept.is_crowd | kept.is_difficult))
    return counts


def over_limits(parts: Iterable[Sequence[Sample]], config: Config) -> Iterator[str]:
    """What limits do to images with more objects, in words; nothing where none has more.

    Args:
        parts: of a data set.
        config: of the training.
    """
    given, learnt = config.postprocess.max_detections, config.loader.max_objects
    limits = (
        ("postprocess.max_detections", given, "the model gives no more"),
        ("loader.max_objects", learnt, "training learns the largest alone"),
    )
    above = min(given, learnt)
    counts = np.concatenate([objects_per_image(part, above) for part in parts])
    for name, limit, effect in limits:
        over = int((counts > limit).sum())
        if over:
            most = int(counts.max())
            advised = (most // _ROUND + 1) * _ROUND
            images = f"{counted(over, 'image')} with more than {limit} objects, up to {most:,}"
            yield f"{images}: {effect}; set {name}={advised}"
