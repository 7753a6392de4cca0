import keras
import numpy as np
import pytest

from configs.errors import UserError
from detector import artefact
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.exporting.calibration import sample_images
from detector.exporting.frozen_graph import folded_network, raw_function
from detector.exporting.int8 import Quantizer, correct_biases
from detector.runtimes import open_runtime
from detector.runtimes.keras_model import KerasRuntime

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def model(exported):
    return artefact.load(exported)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 96, 96, 3), np.uint8)


@pytest.fixture(scope="module")
def quantizer(model, images):
    network = folded_network(*model)
    return Quantizer(raw_function(network, "float32"), images, network)


@pytest.fixture
def run(model, images, tmp_path):
    """The mean difference of the class logits of a `.tflite` from those of Keras."""
    wanted = KerasRuntime(model.network).run(images)[1]

    def difference(content: bytes) -> float:
        (tmp_path / "model.tflite").write_bytes(content)
        runtime = open_runtime(tmp_path / "model.tflite", model.spec)
        return float(np.abs(runtime.run(images)[1] - wanted).mean())

    return difference


def test_an_eight_bit_model_is_small_and_near(quantizer, run, exported):
    content = quantizer.model()
    assert len(content) < 0.45 * (exported / "model.tflite").stat().st_size
    assert 0.001 < run(content) < 0.3


def test_the_input_is_an_image_and_the_outputs_are_numbers(quantizer, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=quantizer.model())
    (image,) = interpreter.get_input_details()
    assert (image["dtype"], image["quantization"]) == (np.uint8, (1.0, 0))
    assert {one["dtype"] for one in interpreter.get_output_details()} == {np.float32}
    operations = [one["op_name"] for one in interpreter._get_ops_details()]
    assert "CAST" not in operations
    assert operations.count("QUANTIZE") == 1


def test_every_layers_loss_is_told_the_worst_first(quantizer, model):
    errors = quantizer.errors()
    losses = [one.error for one in errors]
    assert losses == sorted(losses, reverse=True)
    names = {layer.name for layer in model.network.layers}
    assert {one.layer for one in errors if one.layer in names} >= {"Conv1", "block_16_project"}
    assert {f"head_0_{kind}_conv" for kind in ("box", "class")} <= {one.layer for one in errors}


def test_layers_can_stay_in_float(quantizer, run):
    tensors = [one.tensor for one in quantizer.errors()]
    whole = quantizer.model()
    assert run(quantizer.model(tensors[: len(tensors) // 2])) < run(whole)
    assert run(quantizer.model(tensors[:-1])) < 0.2 * run(whole)  # all but the best
    assert quantizer.model() == whole  # and be integers again


def test_rounded_weights_shift_no_mean(model, images):
    """Its weights rounded, a network gives what it gave, in the mean of each channel.

    That is of the first layers: what a random network makes of the rest of the error is chance.
    """
    network, corrected = folded_network(*model), folded_network(*model)
    correct_biases(corrected, images)
    layers = ["Conv1", "expanded_conv_depthwise", "expanded_conv_project"]
    wanted = means(network, layers, images)
    for one in (network, corrected):
        round_weights(one)
    before = [np.abs(a - b) for a, b in zip(means(network, layers, images), wanted, strict=True)]
    now = [np.abs(a - b) for a, b in zip(means(corrected, layers, images), wanted, strict=True)]
    assert sum(map(np.sum, now)) < 0.3 * sum(map(np.sum, before))


def test_weights_that_eight_bits_hold_need_no_correction(model, images):
    network = folded_network(*model)
    round_weights(network)
    before = network.get_weights()
    correct_biases(network, images)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)


def means(network, layers, images):
    """Of each channel of some layers' outputs."""
    inner = keras.Model(network.input, [network.get_layer(name).output for name in layers])
    return [np.mean(one, axis=(0, 1, 2)) for one in inner(images, training=False)]


def round_weights(network):
    """As LiteRT does: to 127 steps either way for each channel of the output."""
    for layer in network.layers:
        if "Conv2D" in type(layer).__name__:
            kernel, bias = layer.get_weights()
            axes = (0, 1) if layer.name.endswith("depthwise") else (0, 1, 2)
            step = np.abs(kernel).max(axis=axes, keepdims=True) / 127
            step[step == 0] = 1
            layer.set_weights([np.round(kernel / step) * step, bias])


def test_images_are_chosen_by_chance_but_always_the_same(photos):
    dataset = Dataset("photos", photos(8)[0].path.parent, ClassMap(("a",)), photos(8))
    first = sample_images(dataset, 32, 3, seed=0)
    again, other = (sample_images(dataset, 32, 3, seed=seed) for seed in (0, 1))
    assert [one.shape for one in first] == [(32, 32, 3)] * 3
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(sample_images(dataset, 32, 100, seed=0)) == 8


def test_images_that_cannot_be_read_are_passed_over(photos):
    samples = photos(3)
    dataset = Dataset("photos", samples[0].path.parent, ClassMap(("a",)), samples)
    samples[1].path.write_bytes(b"")
    assert len(sample_images(dataset, 32, 3, seed=0)) == 2
    for sample in samples:
        sample.path.write_bytes(b"")
    with pytest.raises(UserError, match=r"photos holds no image that can be read: .*jpg"):
        sample_images(dataset, 32, 3, seed=0)
