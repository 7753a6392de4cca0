"""Calibration images for int8 quantisation, and images to compare networks on."""

from __future__ import annotations

import numpy as np

from configs.errors import UserError
from detector.data.dataset import Dataset
from detector.data.orientation import read_sample
from detector.images import sample_photo
from detector.preprocess import resize

CALIBRATION_IMAGES = 150
"""To set scales by."""


def photo_views(input_size: int) -> list[np.ndarray]:
    """Views of a photo that every installation has, where there are no other images.

    Returns:
        six, uint8 `(S, S, 3)`, RGB.
    """
    photo = sample_photo()
    views = [photo, photo[:, ::-1], photo[:300], photo[:, :300], photo[200:], photo[:, 200:]]
    return [resize(view, input_size) for view in views]


def sample_images(dataset: Dataset, input_size: int, count: int, seed: int) -> list[np.ndarray]:
    """Images of a data set as the network sees them, chosen by chance.

    Args:
        dataset: images that cannot be read are passed over.
        input_size: S, px.
        count: at most.
        seed: of the choice.

    Returns:
        uint8 `(S, S, 3)`, RGB.

    Raises:
        UserError: none can be read.
    """
    chosen: list[np.ndarray] = []
    said = ""
    for index in np.random.default_rng(seed).permutation(len(dataset)).tolist():
        if len(chosen) == count:
            break
        try:
            chosen.append(resize(read_sample(dataset[index])[0], input_size))
        except UserError as error:
            said = str(error)
    if not chosen:
        raise UserError(f"{dataset.name} holds no image that can be read: {said or 'none at all'}")
    return chosen
