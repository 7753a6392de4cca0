import h5py
import keras
import numpy as np
import pytest

from configs.errors import UserError
from configs.schema import ModelConfig
from detector.backbones import build_classifier
from detector.ssdlite import build_ssdlite
from detector.weights.keras_imagenet import load_imagenet

pytestmark = pytest.mark.keras

DONORS = {
    "mobilenet_v1": keras.applications.MobileNet,
    "mobilenet_v2": keras.applications.MobileNetV2,
}


def donor(backbone: str, include_top: bool, width: float = 0.5) -> keras.Model:
    """A network of keras.applications with random weights and batch norm."""
    model = DONORS[backbone](
        (96, 96, 3), alpha=width, include_top=include_top, weights=None, classes=1000
    )
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def write_legacy(model: keras.Model, path) -> None:
    """The layout of the .h5 files that keras.applications downloads."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, layer.get_weights(), strict=True):
                group[name] = array


WRITERS = {
    "legacy.h5": write_legacy,
    "keras3.weights.h5": lambda model, path: model.save_weights(path),
}


def half_width(backbone: str = "mobilenet_v2") -> keras.Model:
    return build_ssdlite(ModelConfig(backbone=backbone, width_multiplier=0.5, input_size=96), 3)


@pytest.mark.parametrize("backbone", DONORS)
@pytest.mark.parametrize("include_top", [False, True])
@pytest.mark.parametrize("file_name", WRITERS)
def test_every_layer_of_the_backbone_is_carried_over(tmp_path, backbone, include_top, file_name):
    source = donor(backbone, include_top)
    WRITERS[file_name](source, tmp_path / file_name)
    model = half_width(backbone)
    load_imagenet(model, tmp_path / file_name, backbone, 0.5)
    for layer in source.layers:
        if layer.weights and layer.name not in ("predictions", "conv_preds"):
            for ours, theirs in zip(
                model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("backbone", DONORS)
def test_a_classifier_gets_its_top_too(tmp_path, backbone):
    source = donor(backbone, include_top=True)
    write_legacy(source, tmp_path / "w.h5")
    model = build_classifier(backbone, 1000, 0.5, 96)
    load_imagenet(model, tmp_path / "w.h5", backbone, 0.5)
    image = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8)
    expected = source(image.astype(np.float32) / 127.5 - 1, training=False)
    np.testing.assert_allclose(model(image, training=False), expected, atol=1e-5)


def test_the_real_imagenet_file_fills_the_backbone(test_data):
    path = test_data / "weights/mobilenet_v2_imagenet_notop.weights.h5"
    model = build_ssdlite(ModelConfig(input_size=96), 3)
    kernels = {layer.name: layer.get_weights()[0].copy() for layer in model.layers if layer.weights}
    load_imagenet(model, path, "mobilenet_v2", 1.0)
    backbone = [
        name
        for name, kernel in kernels.items()
        if kernel.ndim == 4 and not name.startswith(("extra_", "head_"))
    ]
    assert len(backbone) == 52
    for name in backbone:
        assert (model.get_layer(name).get_weights()[0] != kernels[name]).any()


def test_another_width_is_refused(tmp_path):
    write_legacy(donor("mobilenet_v2", False, width=0.35), tmp_path / "w.h5")
    with pytest.raises(UserError, match=r"has shape .*, this model needs"):
        load_imagenet(half_width(), tmp_path / "w.h5", "mobilenet_v2", 0.5)


def test_another_width_of_a_keras_3_file_is_refused(tmp_path):
    donor("mobilenet_v2", False, width=0.35).save_weights(tmp_path / "w.weights.h5")
    model = half_width()
    with pytest.raises(UserError, match=r"not the weights of mobilenet_v2 at width 0\.5"):
        load_imagenet(model, tmp_path / "w.weights.h5", "mobilenet_v2", 0.5)


def test_a_missing_and_a_surplus_layer_are_refused_by_name(tmp_path):
    model = half_width()
    write_legacy(donor("mobilenet_v2", False), tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "a") as file:
        names = [name.encode() for name in file]
        file.attrs["layer_names"] = [name for name in names if name != b"block_3_expand"]
    with pytest.raises(UserError, match="block_3_expand/0 is missing"):
        load_imagenet(model, tmp_path / "w.h5", "mobilenet_v2", 0.5)
    with h5py.File(tmp_path / "w.h5", "a") as file:
        file.attrs["layer_names"] = [*names, b"block_99"]
        group = file.create_group("block_99")
        group.attrs["weight_names"] = [b"block_99/kernel:0"]
        group["block_99/kernel:0"] = np.zeros(3)
    with pytest.raises(UserError, match="block_99/0 has no place"):
        load_imagenet(model, tmp_path / "w.h5", "mobilenet_v2", 0.5)


def test_missing_truncated_and_foreign_files_are_named(tmp_path):
    model = half_width()
    with pytest.raises(UserError, match="no such weights file"):
        load_imagenet(model, tmp_path / "none.h5", "mobilenet_v2", 0.5)
    write_legacy(donor("mobilenet_v2", False), tmp_path / "w.h5")
    whole = (tmp_path / "w.h5").read_bytes()
    for content in (whole[: len(whole) // 2], b"hello", b""):
        (tmp_path / "w.h5").write_bytes(content)
        with pytest.raises(UserError, match="truncated or not a Keras"):
            load_imagenet(model, tmp_path / "w.h5", "mobilenet_v2", 0.5)
