from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from configs.errors import UserError
from detector.runtimes.engines import TfliteGraph
from detector.runtimes.graph import EngineOptions


def half(image):
    import tensorflow as tf

    return tf.cast(image, tf.float32) / 2


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_input_is_described(make_tflite, dtype):
    graph = TfliteGraph(make_tflite(half, (None, 4, 5, 3), dtype), EngineOptions(1))
    assert graph.input_shape == (1, 4, 5, 3)
    assert graph.input_dtype == dtype


@pytest.mark.parametrize("io", ["int8", "uint8"])
def test_scaled_integers_come_out_as_the_numbers_they_stand_for(make_tflite, io):
    import tensorflow as tf

    calibration = [np.linspace(0, 255, 60, dtype=np.float32).reshape(1, 4, 5, 3)]
    types = (tf.uint8, tf.as_dtype(io))
    graph = TfliteGraph(
        make_tflite(half, (1, 4, 5, 3), np.float32, calibration=calibration, io=types),
        EngineOptions(1),
    )
    pixels = np.arange(0, 240, 4, dtype=np.uint8).reshape(1, 4, 5, 3)
    (output,) = graph(pixels)
    assert output.values.dtype == np.float32
    np.testing.assert_allclose(output.values, pixels / 2, atol=0.51)  # one step of the scale


def test_an_input_of_no_fixed_size_is_refused(make_tflite):
    with pytest.raises(UserError, match="no fixed size"):
        TfliteGraph(make_tflite(half, (1, None, None, 3)), EngineOptions(1))


def test_outputs_bear_the_names_of_the_signature(make_tflite):
    def two(image):
        return {"class_logits": half(image), "box_deltas": -half(image)}

    graph = TfliteGraph(make_tflite(two, (1, 4, 5, 3)), EngineOptions(1))
    outputs = graph(np.full((1, 4, 5, 3), 8, np.uint8))
    signs = {name: output.values.mean() for output in outputs for name in output.names}
    assert signs["class_logits"] == 4
    assert signs["box_deltas"] == -4


def test_callers_in_several_threads_do_not_mix_their_images(make_tflite):
    graph = TfliteGraph(make_tflite(half, (1, 64, 64, 3)), EngineOptions(1))

    def call(value: int) -> bool:
        image = np.full((1, 64, 64, 3), value, np.uint8)
        return bool((graph(image)[0].values == value / 2).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, [i % 256 for i in range(2000)]))


def test_a_real_model_with_integers_inside_runs(test_data):
    graph = TfliteGraph(test_data / "weights/peer_ssd_mobilenet_v1_quant.tflite", EngineOptions(1))
    assert (graph.input_shape, graph.input_dtype) == ((1, 300, 300, 3), np.uint8)
    outputs = graph(np.zeros((1, 300, 300, 3), np.uint8))
    assert [output.values.shape for output in outputs] == [(1, 10, 4), (1, 10), (1, 10), (1,)]
