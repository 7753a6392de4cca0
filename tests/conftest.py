"""What every test shares: a quiet TensorFlow, hypothesis profiles, and the optional real data."""

import os
import warnings
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("proofs", deadline=None, max_examples=3000)
settings.load_profile("proofs" if os.environ.get("SSDLITE_PROOFS") else "ci")


@pytest.fixture(scope="session", autouse=True)
def _tensorflow_imported_once():
    """Importing TensorFlow warns about its own dependencies; our code must not warn at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow  # noqa: F401


@pytest.fixture(autouse=True)
def _seeded():
    """Random weights are the same in every run."""
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real pictures and weights, which the project does not ship."""
    folder = os.environ.get("SSDLITE_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SSDLITE_TEST_DATA does not name the folder of real pictures and weights")
    return Path(folder)


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """A small random detector as a model folder with all three formats."""
    import keras
    import numpy as np

    from configs.schema import ModelConfig
    from detector import artefact
    from detector.artefact import DetectorSpec
    from detector.ssdlite import build_ssdlite

    keras.utils.set_random_seed(0)
    config = ModelConfig(input_size=96, width_multiplier=0.35)
    network = build_ssdlite(config, 2)
    noise = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8)
    outputs = network.predict_on_batch(noise)
    for layer in network.layers:  # untrained, its outputs are 1e-6; scores would all be 0.5
        for kind, output in (("box", "box_deltas"), ("class", "class_logits")):
            if layer.name.endswith(f"_{kind}_conv"):
                layer.kernel.assign(layer.kernel / outputs[output].std())
    folder = tmp_path_factory.mktemp("exported") / "tiny"
    spec = DetectorSpec(name="tiny", model=config, class_names=("a", "b"), category_ids=(3, 7))
    artefact.save(folder, network, spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converters, about themselves
        _export(network, folder)
    return folder


def _export(network, folder: Path) -> None:
    import tensorflow as tf
    import tf2onnx
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = tf.function(lambda image: network(image, training=False))
    image = tf.TensorSpec((1, *network.input_shape[1:]), tf.uint8, name="image")
    frozen = convert_variables_to_constants_v2(function.get_concrete_function(image))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    (folder / "model.tflite").write_bytes(converter.convert())
    tf2onnx.convert.from_function(function, [image], output_path=str(folder / "model.onnx"))
