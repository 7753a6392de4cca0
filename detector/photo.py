"""A real photo on every installation: the portrait that matplotlib carries as sample data."""

from pathlib import Path

import numpy as np

from detector.images import read_image


def sample_photo() -> np.ndarray:
    """A person in uniform before a flag: uint8 `(600, 512, 3)`, RGB."""
    from matplotlib import cbook

    return read_image(Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
