"""Quantisation to int8: the error of each layer, and the correction of biases."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from detector.exporting.converters import make_converter, quiet
from detector.exporting.frozen_graph import OUTPUTS, write_saved_model
from detector.network import KINDS, predictions

if TYPE_CHECKING:
    import keras

    from detector.artefact import DetectorSpec

_DEBUG_IMAGES = 10  # for a layer's error, to which each has thousands of values


class LayerError(NamedTuple):
    """What integers cost one layer, given inputs without error.

    Attributes:
        layer: its name in the network; the converter's where it is none of its layers.
        error: root mean square, in steps of its output's scale; 0.29 is rounding alone.
        tensor: the converter's name of its output.
    """

    layer: str
    error: float
    tensor: str


class Quantizer:
    """Makes eight-bit models of one network.

    Weights have a scale for each channel; inputs are uint8, outputs float32.

    Args:
        function: of `raw_function`, taking float32.
        calibration: images, uint8 `(S, S, 3)`, from which the scales of the layers' outputs are
            taken; calibrated once for all models.
        network: for the names of its layers.
    """

    def __init__(
        self, function: Any, calibration: Sequence[np.ndarray], network: keras.Model
    ) -> None:
        import tensorflow as tf

        self._names = [layer.name for layer in network.layers]
        debugged = [[image[None].astype(np.float32)] for image in calibration[:_DEBUG_IMAGES]]
        with tempfile.TemporaryDirectory() as scratch, quiet():
            write_saved_model(function, Path(scratch))
            # TensorFlow's way to keep some layers in float, beside telling what each loses.
            self._debugger: Any = tf.lite.experimental.QuantizationDebugger(
                converter=make_converter(scratch, calibration), debug_dataset=lambda: debugged
            )

    def model(self, in_float: Iterable[str] = ()) -> bytes:
        """A `.tflite` model.

        Args:
            in_float: tensors of `LayerError` that are computed in float32.
        """
        import tensorflow as tf
        from tensorflow.lite.python.util import modify_model_io_type

        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=list(in_float))
        with quiet():
            self._debugger.options = options
            model = self._debugger.get_nondebug_quantized_model()
            integer, real = cast("Any", tf.uint8), cast("Any", tf.float32)
            return bytes(modify_model_io_type(model, integer, real))

    def errors(self) -> list[LayerError]:
        """What each layer loses, the worst first."""
        text = io.StringIO()
        with quiet():
            self._debugger.run()
            self._debugger.layer_statistics_dump(text)
        rows = csv.DictReader(io.StringIO(text.getvalue()))
        found = [
            LayerError(
                self._layer(row["tensor_name"]),
                float(row["mean_squared_error"]) ** 0.5 / float(row["scale"]),
                row["tensor_name"],
            )
            for row in rows
        ]
        return sorted(found, key=lambda one: -one.error)

    def _layer(self, tensor: str) -> str:
        """The layer whose output a tensor is: its own name is a path for each operation fused."""
        parts = {part for path in tensor.split(";") for part in path.split("/")}
        known = [name for name in self._names if parts & {name, f"{name}_1"}]
        return known[0] if known else tensor


def correct_biases(
    network: keras.Model, spec: DetectorSpec, mean_errors: Mapping[str, np.ndarray]
) -> None:
    """Take the mean error of the exported heads out of their biases.

    Args:
        network: of `folded_network`; its last convolutions change.
        spec: describes it.
        mean_errors: for each output its mean error over images, `(A, channels)`.

    Source:
        Nagel et al. 2019 (Data-Free Quantization), section 4.2, on the last layers alone: there
        no non-linearity follows.
    """
    for output, kind in zip(OUTPUTS, KINDS, strict=True):
        convs = predictions(spec.model, kind)
        ends = np.cumsum([one.cells * one.per_cell for one in convs])
        for one, errors in zip(convs, np.split(mean_errors[output], ends[:-1]), strict=True):
            conv: Any = network.get_layer(one.layer)
            kernel, bias = conv.get_weights()
            mean = errors.reshape(one.cells, one.per_cell, -1).mean(axis=0).ravel()
            conv.set_weights([kernel, bias - mean])
