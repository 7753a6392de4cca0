"""The graph that is exported: batch norm folded, weights frozen to constants; SavedModels of it.

Source for the freezing: without it, Keras 3's variables become variables of the exported graph,
which LiteRT can neither initialise nor quantise.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.errors import UserError
from detector.artefact import SAVED_MODEL
from detector.fold import Folding
from detector.network import build_detector

if TYPE_CHECKING:
    import keras

    from detector.artefact import DetectorSpec

OUTPUTS = ("box_deltas", "class_logits")


def folded_network(network: keras.Model, spec: DetectorSpec) -> keras.Model:
    """The same function without batch norm.

    Args:
        network: of `detector.network.build_detector`, with stock layers.
        spec: describes it.
    """
    folded = build_detector(spec.model, len(spec.class_names), norm=None, plus_norm=None)
    folded.set_weights(Folding(network, folded).fold())
    return folded


def raw_function(network: keras.Model, dtype: str = "uint8", batch: int | None = 1) -> Any:
    """A TensorFlow function from images to the raw heads, its weights constants.

    Args:
        network: of `folded_network`.
        dtype: of the images, whose values are 0 ... 255 either way: "uint8", or "float32" for a
            converter that sets the integers in itself.
        batch: B; None leaves it free.

    Returns:
        a `tf.function` from `image` `(B, S, S, 3)`, RGB, to a dict of `box_deltas` `(B, A, 4)` and
        `class_logits` `(B, A, C + 1)`, float32.
    """
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    # Around the input layer, which would cast floats to integers.
    rescale: Any = network.get_layer("rescale")
    body = keras.Model(rescale.output, network.output)
    image = tf.TensorSpec((batch, *network.input_shape[1:]), tf.as_dtype(dtype), "image")
    live = tf.function(lambda image: body(rescale(image), training=False), autograph=False)
    frozen = convert_variables_to_constants_v2(live.get_concrete_function(image))

    def run(image: Any) -> dict[str, Any]:
        return dict(zip(OUTPUTS, frozen(image), strict=True))  # a dict's values come by name

    return tf.function(run, input_signature=[image], autograph=False)


def write_saved_model(function: Any, folder: Path) -> None:
    """Write a SavedModel whose one signature, `serving_default`, is the function.

    Raises:
        UserError: the folder cannot be written to.
    """
    import tensorflow as tf

    module: Any = tf.Module()
    module.run = function
    try:
        tf.saved_model.save(module, str(folder), signatures={"serving_default": function})
    except tf.errors.OpError as error:
        said = (error.message or "").rpartition(";")[2].strip()
        raise UserError(f"cannot write {folder}: {said}") from error


class SavedModelRuntime:
    """Runs a SavedModel (`detector.runtimes.Runtime`), to compare it with what it was made of.

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
