"""Several images at once, where an engine and its file take them."""

from unittest import mock

import numpy as np
import pytest

from detector import artefact
from detector.exporting import converters
from detector.exporting.frozen_graph import folded_network, raw_function
from detector.runtimes import open_runtime
from detector.runtimes.keras_model import KerasRuntime

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def any_batch(exported, tmp_path_factory):
    """The small random detector in files of a free batch, where a format has one."""
    folder = tmp_path_factory.mktemp("any_batch")
    network, spec = artefact.load(exported)
    function = raw_function(folded_network(network, spec), batch=None)
    (folder / "model.onnx").write_bytes(converters.to_onnx(function).SerializeToString())
    converters.write_openvino(function, folder / "model.xml")
    return folder, spec


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (5, 96, 96, 3), dtype=np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "xml"])
def test_a_free_batch_is_run_at_once(any_batch, images, kind):
    folder, spec = any_batch
    runtime = open_runtime(folder / f"model.{kind}", spec)
    one_by_one = [runtime.run(image[None]) for image in images]
    with mock.patch.object(runtime, "_run_once", wraps=runtime._run_once) as run:
        together = runtime.run(images)
    assert run.call_count == 1
    for found, wanted in zip(together, zip(*one_by_one, strict=True), strict=True):
        np.testing.assert_allclose(found, np.concatenate(wanted), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tflite", "onnx", "xml"])
def test_a_batch_of_one_is_run_image_by_image(exported, images, kind):
    runtime = open_runtime(exported / f"model.{kind}", artefact.read_spec(exported))
    with mock.patch.object(runtime, "_run_once", wraps=runtime._run_once) as run:
        assert len(runtime.run(images)[0]) == 5
    assert run.call_count == 5


@pytest.mark.slow
def test_keras_runs_any_number_at_once(exported, images):
    runtime = KerasRuntime(artefact.load(exported).network)
    one_by_one = [runtime.run(image[None]) for image in images]
    for some in (images, images[:2]):
        for found, wanted in zip(runtime.run(some), zip(*one_by_one, strict=True), strict=True):
            np.testing.assert_allclose(found, np.concatenate(wanted)[: len(some)], atol=1e-4)
            assert found.flags.owndata
