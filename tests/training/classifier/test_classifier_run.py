import json

import keras
import numpy as np
import pytest

from configs.errors import UserError
from configs.schema import ModelConfig
from detector.backbones import build_classifier
from detector.digests import digest_of
from detector.ssdlite import build_ssdlite
from training.classifier.classifier_run import (
    Classifier,
    ClassifierSpec,
    load_run,
    open_classifier,
    probabilities,
    save_run,
)

pytestmark = pytest.mark.keras


def classifier(network="mobilenet_v1", width=0.25) -> Classifier:
    spec = ClassifierSpec(
        classes=("a", "b", "c"), network=network, width=width, resolution=32, recipe={"seed": 1}
    )
    return Classifier(build_classifier(network, 3, width, 32), spec)


def test_a_run_comes_back_equal(tmp_path):
    saved = classifier()
    save_run(tmp_path / "run", *saved)
    loaded = load_run(tmp_path / "run")
    digests = {"classifier.keras": digest_of(tmp_path / "run/classifier.keras")}
    assert loaded.spec == saved.spec.model_copy(update={"digests": digests})
    image = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(
        probabilities(loaded.network, image), probabilities(saved.network, image)
    )
    assert {file.name for file in (tmp_path / "run").iterdir()} == {
        "classifier.json", "classifier.keras",
    }  # fmt: skip


def flip(file) -> None:
    """Change one bit, in the middle."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_weights_that_are_no_numbers_are_one_line(tmp_path):
    network, spec = classifier()
    kernel, *rest = network.get_layer("conv1").get_weights()
    kernel[0, 0, 0, 0] = np.nan
    network.get_layer("conv1").set_weights([kernel, *rest])
    save_run(tmp_path / "run", network, spec)
    with pytest.raises(UserError, match=r"classifier\.keras: weight conv1/kernel holds NaN"):
        load_run(tmp_path / "run")


@pytest.mark.parametrize(("network", "width"), [("mobilenet_v1", 0.25), ("mobilenet_v2", 0.5)])
def test_a_detector_finds_each_layer_of_the_backbone_by_name(tmp_path, network, width):
    save_run(tmp_path / "run", *classifier(network, width))
    loaded = load_run(tmp_path / "run").network
    detector = build_ssdlite(
        ModelConfig(backbone=network, width_multiplier=width, input_size=96), 2
    )
    backbone = [
        layer
        for layer in loaded.layers
        if layer.weights and layer.name not in ("conv_preds", "predictions")
    ]
    assert len(backbone) > 50
    for layer in backbone:
        shapes = [weight.shape for weight in detector.get_layer(layer.name).weights]
        assert shapes == [weight.shape for weight in layer.weights], layer.name
    outside = {
        layer.name
        for layer in detector.layers
        if layer.weights and not layer.name.startswith(("extra_", "head_"))
    }
    assert outside == {layer.name for layer in backbone}


def test_an_optimizer_is_not_saved(tmp_path):
    trained = classifier()
    trained.network.compile("adam", "categorical_crossentropy")
    trained.network.optimizer.build(trained.network.trainable_variables)  # twice the weights
    save_run(tmp_path / "trained", *trained)
    save_run(tmp_path / "fresh", *classifier())
    sizes = [(tmp_path / name / "classifier.keras").stat().st_size for name in ("trained", "fresh")]
    assert sizes[0] < 1.1 * sizes[1]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda run: (run / "classifier.json").unlink(), "is no classifier"),
        (lambda run: (run / "classifier.json").write_text("{"), "classifier.json"),
        (lambda run: (run / "classifier.keras").unlink(), "holds no classifier.keras"),
        (lambda run: (run / "classifier.keras").write_bytes(b"PK"), "damaged"),
        (lambda run: flip(run / "classifier.keras"), "is damaged, or not the file that classifier"),
    ],
)
def test_a_damaged_run_is_said_in_one_line(tmp_path, spoil, reason):
    save_run(tmp_path / "run", *classifier())
    spoil(tmp_path / "run")
    with pytest.raises(UserError, match=reason) as caught:
        load_run(tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_network_and_description_must_belong_together(tmp_path):
    save_run(tmp_path / "run", *classifier())
    file = tmp_path / "run" / "classifier.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "classes": ["a", "b"]}))
    with pytest.raises(UserError, match="do not belong together"):
        load_run(tmp_path / "run")


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        save_run(tmp_path / "file" / "run", *classifier())
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.fixture
def downloads(monkeypatch, tmp_path):
    """What `keras.applications` would download: random weights, and names made up."""
    donor = keras.applications.MobileNetV2(weights=None)
    donor.save_weights(tmp_path / "imagenet.weights.h5")
    names = {str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}
    index = tmp_path / "index.json"
    index.write_text(json.dumps(names))

    def get_file(name, *_args, **_kwargs):
        return str(index if name.endswith(".json") else tmp_path / "imagenet.weights.h5")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    monkeypatch.setattr("keras.src.applications.imagenet_utils.CLASS_INDEX", None)
    return donor


def test_imagenet_gives_what_keras_applications_gives(downloads):
    network, spec = open_classifier("imagenet")
    assert (spec.classes[7], len(spec.classes), spec.resolution) == ("thing_7", 1000, 224)
    image = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), np.uint8)
    prepared = keras.applications.mobilenet_v2.preprocess_input(image.astype(np.float32))
    expected = downloads.predict_on_batch(prepared)
    np.testing.assert_allclose(network.predict_on_batch(image), expected, rtol=1e-4)


def test_imagenet_without_a_network_is_said_in_one_line(monkeypatch, tmp_path, capsys):
    def no_network(*_args, **_kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", no_network)
    with pytest.raises(UserError, match="Name or service not known; run once with a network") as e:
        open_classifier("imagenet")
    assert "\n" not in str(e.value)
    assert capsys.readouterr().out == ""
