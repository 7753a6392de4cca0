import numpy as np
import pytest

from detector import artefact
from eval.timing.measurements import precision, size_mb


@pytest.mark.parametrize("kind", ["keras", "tflite", "onnx"])
def test_a_model_in_floating_point_is_float32(exported, kind):
    assert precision(exported / artefact.FILES[kind]) == "float32"


def test_the_official_weights_are_float32(tmp_path):
    assert precision(tmp_path / "coco") == "float32"


@pytest.fixture
def make_tflite(tmp_path, keras):
    """A convolution converted with what the converter is told, and images to calibrate on."""

    def make(**settings):
        import tensorflow as tf

        kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 512)).astype(np.float32)
        function = tf.function(lambda image: tf.nn.conv2d(image, kernel, 1, "SAME"))
        graph = function.get_concrete_function(tf.TensorSpec((1, 4, 4, 3), tf.float32))
        converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], tf.Module())
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        for name, value in settings.items():
            setattr(converter, name, value)
        (tmp_path / "model.tflite").write_bytes(converter.convert())
        return tmp_path / "model.tflite"

    return make


def test_a_quantised_tflite_is_int8(make_tflite):
    import tensorflow as tf

    images = [np.random.default_rng(i).random((1, 4, 4, 3), np.float32) for i in range(4)]
    path = make_tflite(
        representative_dataset=lambda: ([image] for image in images),
        inference_input_type=tf.int8,
        inference_output_type=tf.int8,
    )
    assert precision(path) == "int8"


def test_weights_in_int8_alone_are_told_apart(make_tflite):
    assert precision(make_tflite()) == "int8 weights"


def test_half_floats_are_told_apart(make_tflite):
    import tensorflow as tf

    target = tf.lite.TargetSpec(supported_types=[tf.float16])
    assert precision(make_tflite(target_spec=target)) == "float16"


@pytest.mark.parametrize(
    ("operation", "dtype", "expected"),
    [
        ("QLinearConv", np.int8, "int8"),
        ("ConvInteger", np.uint8, "int8 weights"),
        ("Conv", np.float16, "float16"),
        ("Conv", np.float32, "float32"),
    ],
)
def test_an_onnx_tells_by_weights_and_operations(tmp_path, operation, dtype, expected):
    import onnx
    from onnx import helper, numpy_helper

    weights = numpy_helper.from_array(np.zeros((8, 3, 3, 3), dtype), "weights")
    node = helper.make_node(operation, ["image", "weights"], ["out"])
    graph = helper.make_graph([node], "graph", [], [], [weights])
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    assert precision(tmp_path / "model.onnx") == expected


def test_the_size_is_the_files(tmp_path):
    (tmp_path / "model.onnx").write_bytes(bytes(3000))
    assert size_mb(tmp_path / "model.onnx") == 0.003


def test_weights_kept_apart_count_too(tmp_path):
    (tmp_path / "model.onnx").write_bytes(bytes(1000))
    (tmp_path / "model.onnx.data").write_bytes(bytes(4000))
    assert size_mb(tmp_path / "model.onnx") == 0.005


def test_a_folder_counts_as_a_whole(tmp_path):
    (tmp_path / "a").write_bytes(bytes(1000))
    (tmp_path / "b").write_bytes(bytes(4000))
    assert size_mb(tmp_path) == 0.005
