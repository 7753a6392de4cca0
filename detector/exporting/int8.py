"""Quantisation to int8: the error of each layer, and the correction of biases."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from detector.exporting.converters import make_converter, quiet
from detector.exporting.frozen_graph import write_saved_model

if TYPE_CHECKING:
    import keras

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


def correct_biases(network: keras.Model, images: Sequence[np.ndarray]) -> None:
    """Change biases so that rounding the weights shifts no channel's mean.

    What a channel takes in behind ReLU6 is positive, so weights that are rounded move what it gives
    out by as much in every image, and the next layers add to it. The shift is known: what the
    changes of the weights make of the inputs, in the mean.

    Args:
        network: of `folded_network`; the biases of its convolutions change.
        images: uint8 `(S, S, 3)`, from which the means are taken.

    Source:
        Nagel et al. 2019 (Data-Free Quantization), section 4.2 and appendix D, with means that
        are measured.
    """
    import keras

    convs: list[Any] = [
        layer
        for layer in network.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))
    ]
    inputs = keras.Model(network.input, [conv.input for conv in convs])
    changes = [_rounded(conv.get_weights()[0], conv) - conv.get_weights()[0] for conv in convs]
    shifts = [np.zeros(conv.output.shape[-1]) for conv in convs]
    for image in images:
        seen: list[Any] = inputs(image[None], training=False)
        for conv, one, change, shift in zip(convs, seen, changes, shifts, strict=True):
            convolve = keras.ops.depthwise_conv if _is_depthwise(conv) else keras.ops.conv
            moved: Any = convolve(one, change, conv.strides, conv.padding)
            shift += np.mean(moved, axis=(0, 1, 2)) / len(images)
    for conv, shift in zip(convs, shifts, strict=True):
        kernel, bias = conv.get_weights()
        conv.set_weights([kernel, bias - shift])


def _is_depthwise(conv: Any) -> bool:
    import keras

    return isinstance(conv, keras.layers.DepthwiseConv2D)


def _rounded(kernel: np.ndarray, conv: Any) -> np.ndarray:
    """As eight bits hold it: 127 steps either way, of a size of its own for each channel out."""
    others = (0, 1) if _is_depthwise(conv) else (0, 1, 2)
    step = np.abs(kernel).max(axis=others, keepdims=True) / 127
    step = np.where(step > 0, step, 1)
    return np.round(kernel / step) * step
