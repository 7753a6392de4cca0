import warnings

import numpy as np
import pytest


@pytest.fixture
def make_tflite(tmp_path, keras):
    """Writes a `.tflite` of a TensorFlow function; `calibration` arrays make it int8."""

    def make(function, shape, dtype=np.uint8, calibration=(), io=None):
        import tensorflow as tf

        signature = tf.TensorSpec(shape, tf.as_dtype(dtype))
        graph = tf.function(function).get_concrete_function(signature)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], tf.Module())
        if len(calibration):
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([array] for array in calibration)
            converter.inference_input_type, converter.inference_output_type = io
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the converter, about itself
            (tmp_path / "model.tflite").write_bytes(converter.convert())
        return tmp_path / "model.tflite"

    return make


@pytest.fixture
def make_onnx(tmp_path):
    """Writes an `.onnx` that gives constants, or casts its input, whatever the image shows."""

    def make(input_shape, outputs, dtype="UINT8"):
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        image = helper.make_tensor_value_info("image", getattr(TensorProto, dtype), input_shape)
        nodes = [
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values))
            for name, values in outputs.items()
        ]
        results = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
            for name, v in outputs.items()
        ]
        graph = helper.make_graph(nodes, "constants", [image], results)
        opset = helper.make_opsetid("", 17)
        onnx.save(
            helper.make_model(graph, opset_imports=[opset], ir_version=9), tmp_path / "model.onnx"
        )
        return tmp_path / "model.onnx"

    return make
