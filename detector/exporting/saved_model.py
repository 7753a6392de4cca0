"""TensorFlow's SavedModel: written for servers, and run here only to compare it."""

from pathlib import Path
from typing import Any

import numpy as np

from detector.artefact import SAVED_MODEL
from detector.exporting.frozen_graph import OUTPUTS


class SavedModelRuntime:
    """Runs a SavedModel (`detector.runtimes.Runtime`).

    Args:
        folder: of the SavedModel.
    """

    name = SAVED_MODEL

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self._model: Any = tf.saved_model.load(str(folder))
        self._call = self._model.signatures["serving_default"]

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `detector.runtimes.Runtime`."""
        import tensorflow as tf

        outputs = [self._call(tf.constant(image[None])) for image in images]
        deltas, logits = (
            np.concatenate([one[name].numpy() for one in outputs]) for name in OUTPUTS
        )
        return deltas, logits
