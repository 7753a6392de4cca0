import io
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from configs.errors import UserError
from detector import artefact
from tests.tools import bundle


def test_half_the_bytes_give_almost_the_same_outputs(detector_maker, tmp_path):
    whole = detector_maker(tmp_path / "whole", "square")
    packed = tmp_path / "packed"
    packed.mkdir()
    shutil.copy(whole / artefact.DESCRIPTION, packed)
    bundle.halve(whole / artefact.NETWORK, packed / artefact.NETWORK)
    bundle.note_digest(packed)
    sizes = [(folder / artefact.NETWORK).stat().st_size for folder in (packed, whole)]
    assert sizes[0] < 0.65 * sizes[1]
    networks = [artefact.load(folder).network for folder in (whole, packed)]
    assert {variable.dtype for variable in networks[1].variables} == {"float32"}
    size = networks[0].input_shape[1]
    image = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    outputs = [network.predict(image, verbose=0) for network in networks]
    for name, expected in outputs[0].items():
        spread = float(np.abs(expected).max())
        np.testing.assert_allclose(outputs[1][name], expected, atol=0.02 * spread)


def test_a_damaged_network_is_refused(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"PK no more")
    with pytest.raises(UserError, match=r"model\.keras: damaged or not a Keras model"):
        bundle.halve(tmp_path / "model.keras", tmp_path / "half.keras")
    assert not (tmp_path / "half.keras").exists()


def test_a_weight_beyond_float16_is_refused(tmp_path):
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["layers/conv/vars/0"] = np.array([1.0, 1e5], np.float32)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("model.weights.h5", weights.getvalue())
    with pytest.raises(UserError, match="layers/conv/vars/0 has a weight that is too large"):
        bundle.halve(tmp_path / "model.keras", tmp_path / "half.keras")


def test_a_model_does_not_lose_its_own_weights(tmp_path):
    (tmp_path / "model.keras").touch()
    arguments = ["--calibrate", "a", "--data", "b", "--output", f"{tmp_path}/."]
    with pytest.raises(UserError, match="would lose its float32 weights"):
        bundle.main([str(tmp_path), *arguments])


def test_a_folder_without_a_keras_network_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no model\.keras; name the best of a run"):
        bundle.main([str(tmp_path), "--calibrate", "a", "--data", "b", "--output", "c"])
