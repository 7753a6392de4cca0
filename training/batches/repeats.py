"""Repeat-factor sampling: images of rare classes are shown more often than once an epoch.

Source: Gupta et al. 2019 (LVIS), appendix B.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from configs.errors import cut
from configs.schema import Config
from detector.data.findings import counted
from detector.data.lazy_samples import object_columns
from detector.types import Sample

_ROUNDING = 1e-6  # of a sum of factors
_NAMED = 5  # classes, in a line of the plan


def repeat_factors(samples: Sequence[Sample], threshold: float) -> np.ndarray:
    """How often each image is to be shown in an epoch, on average.

    A class that is in a share f of the images has the factor max(1, sqrt(threshold / f)); an image
    has the highest of its classes, and 1 where it shows no object. Crowds and difficult objects are
    not counted, as nothing is learnt of them.

    Args:
        samples: of the training images.
        threshold: 0 to 1; classes in a smaller share of the images are repeated.

    Returns:
        float64 `(N,)`, at least 1.
    """
    factors = np.ones(len(samples))
    if threshold:
        label, image = _shown_classes(samples)
        of_class = np.sqrt(threshold * len(samples) / np.maximum(np.bincount(label), 1))
        np.maximum.at(factors, image, of_class[label])
    return factors


def repeats_in_words(samples: Sequence[Sample], names: Sequence[str], threshold: float) -> str:
    """For the plan: how much more often the images of which classes are shown; "" if not asked for.

    Args:
        samples: of the training images.
        names: of the classes.
        threshold: as for `repeat_factors`.
    """
    if not threshold:
        return ""
    factors = repeat_factors(samples, threshold)
    label, image = _shown_classes(samples)
    images = np.bincount(label, minlength=len(names))
    mean = np.bincount(label, factors[image], len(names)) / np.maximum(images, 1)
    by_rarity: list[int] = np.argsort(-mean, kind="stable").tolist()
    order = [one for one in by_rarity if mean[one] > 1]
    if not order:
        return f"every image is shown once: no class is in less than {threshold:.2%} of them"
    named = ", ".join(f"{cut(names[one])} {mean[one]:.2f}x" for one in order[:_NAMED])
    more = f" and {counted(len(order) - _NAMED, 'class')} more" if len(order) > _NAMED else ""
    shown = f"{images_shown(factors):,} images an epoch"
    return f"{shown}, as rare classes are shown more often: {named}{more}"


def _shown_classes(samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
    """A label and an image for each class that an image shows: int64 `(K,)`, twice."""
    labels, is_ignored, lengths = object_columns(samples)
    image = np.repeat(np.arange(len(samples)), lengths)
    pairs = np.unique((labels * len(samples) + image)[~is_ignored])
    return np.divmod(pairs, len(samples))


def images_shown(factors: np.ndarray) -> int:
    """Of an epoch: the sum of the factors, rounded up."""
    return math.ceil(float(factors.sum()) - _ROUNDING)


def steps_per_epoch(samples: Sequence[Sample], config: Config) -> int:
    """Batches in each epoch of a run; always as many."""
    shown = images_shown(repeat_factors(samples, config.loader.repeat_threshold))
    return -(-shown // config.loader.batch_size)


def draw(factors: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The images of an epoch, in a random order, each as often as its factor says.

    An image of factor 2.3 is shown twice, and a third time in 3 of 10 epochs. The third times are
    drawn together, systematically in a random order, so that an epoch has `images_shown` images or
    one less, where images drawn one by one would make epochs of unlike lengths.

    Args:
        factors: float64 `(N,)`, at least 1.
        generator: of the epoch.

    Returns:
        the indices, int64 `(M,)`; and how often each was shown before in this epoch, likewise.
    """
    order = generator.permutation(len(factors))
    if factors.max() == 1:
        return order, np.zeros_like(order)
    certain, part = np.divmod(factors[order], 1.0)
    # The running sum of parts passes a whole number, begun at chance, at each image that has more.
    passed = np.floor(np.cumsum(part) + generator.random())
    times = (certain + np.diff(passed, prepend=0.0)).astype(np.int64)
    indices = np.repeat(order, times)
    before = np.arange(len(indices)) - np.repeat(np.cumsum(times) - times, times)
    mixed = generator.permutation(len(indices))
    return indices[mixed], before[mixed]
