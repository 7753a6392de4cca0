import numpy as np
import pytest

from configs.errors import UserError
from detector import artefact
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.exporting.calibration import sample_images
from detector.exporting.frozen_graph import OUTPUTS, folded_network, raw_function
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


def test_a_mean_error_is_taken_out_of_the_biases(model, images):
    network = folded_network(*model)
    before = KerasRuntime(network).run(images)
    errors = {}
    for name, heads in zip(OUTPUTS, before, strict=True):
        errors[name] = np.full(heads.shape[1:], 0.25, np.float32)
    correct_biases(network, model.spec, errors)
    for old, new in zip(before, KerasRuntime(network).run(images), strict=True):
        np.testing.assert_allclose(new, old - 0.25, atol=1e-5)


def test_biases_are_corrected_one_by_one(model):
    """An error in one channel of one anchor of the coarsest map moves that channel alone."""
    network = folded_network(*model)
    anchors = network.output["box_deltas"].shape[1]
    errors = {"box_deltas": np.zeros((anchors, 4)), "class_logits": np.zeros((anchors, 3))}
    errors["box_deltas"][-1, 2] = 0.5
    correct_biases(network, model.spec, errors)
    kernel_and_bias = network.get_layer("head_5_box_conv").get_weights()
    (moved,) = np.flatnonzero(kernel_and_bias[1])
    assert moved == 5 * 4 + 2  # the last of six anchors
    assert not network.get_layer("head_4_box_conv").get_weights()[1].any()


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
