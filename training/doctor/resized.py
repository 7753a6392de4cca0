"""Images that were resized without their boxes.

An annotation may say a wrong size and hold boxes of the image as it is. So the boxes decide, of all
such images together: that they fit the size that was said, and not the image's own.
"""

from __future__ import annotations

import numpy as np

from detector.data.dataset import Dataset
from detector.data.findings import KINDS, Finding, counted
from detector.data.orientation import said_size

_FIT = 0.98  # of the boxes lie in the size that the annotation says,
_NEARLY = 0.01  # reaching out by at most this part.
_ASTRAY = 0.05  # of the boxes, and
_FEWEST = 3  # of them, reach out of the image itself
_BY_FAR = 0.05  # by more than this part.
_LARGER = 1.25  # times the size that was said is the image, at least, ...
_REACH = 0.85  # ... and boxes come so far in that size, but never beyond,
_MANY = 10  # where there are so many different ones


def check_resized(dataset: Dataset) -> list[Finding]:
    """Whether boxes fit the sizes that annotations say, and not those of the images.

    Args:
        dataset: with the images' own sizes, and the findings of those that are not as it was said.
    """
    sizes = {finding.path: size for finding in dataset.findings if (size := said_size(finding))}
    samples = [one for one in dataset if len(one) and one.path in sizes] if sizes else []
    if not samples:
        return []
    lengths = [*map(len, samples)]
    boxes = np.concatenate([sample.boxes for sample in samples]).astype(np.float64)
    said = np.repeat([sizes[sample.path][::-1] for sample in samples], lengths, axis=0)
    real = np.repeat([(sample.width, sample.height) for sample in samples], lengths, axis=0)
    if not (_is_shrunk(boxes, said, real) or _is_grown(boxes, said, real)):
        return []
    (width, height), first = said[0].tolist(), samples[0]
    message = (
        f"{counted(len(samples), 'image')} of another size than the annotation says, such as "
        f"{first.path.name}: {width}x{height}, it has {first.width}x{first.height}; the "
        f"{counted(len(boxes), 'box')} fit the sizes that it says: scale them with the images, or "
        "take the images as they were"
    )
    others = tuple(sample.path for sample in samples)
    return [Finding(KINDS["resized-images"], dataset.path, "", message, others)]


def _is_shrunk(boxes: np.ndarray, said: np.ndarray, real: np.ndarray) -> bool:
    """Whether boxes reach out of their images by far that fit the sizes said."""
    fits = (boxes[:, 2:] <= said * (1 + _NEARLY)).all(axis=1)
    astray = (boxes[:, 2:] > real * (1 + _BY_FAR)).any(axis=1)
    return bool(fits.mean() >= _FIT and astray.sum() >= max(_FEWEST, _ASTRAY * len(boxes)))


def _is_grown(boxes: np.ndarray, said: np.ndarray, real: np.ndarray) -> bool:
    """Whether boxes fill the sizes said, around their middles, and leave the rest empty."""
    reach = boxes[:, 2:] / said
    fits = (reach <= 1 + _NEARLY).all(axis=1).mean() >= _FIT
    is_larger = (real >= _LARGER * said).all(axis=0)
    is_full = reach.max(axis=0) >= _REACH
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    off_said, off_real = (abs((middles / size).mean(axis=0) - 0.5) for size in (said, real))
    is_much = len(np.unique(boxes, axis=0)) >= _MANY
    return bool(fits and is_much and (is_larger & is_full & (off_said < off_real)).any())
