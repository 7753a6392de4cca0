"""All engines of model files, on real models."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from configs.errors import UserError
from detector import artefact
from detector.artefact import DetectorSpec
from detector.hardware import usable_cores
from detector.runtimes import open_graph, open_runtime
from detector.runtimes.graph import EngineOptions
from detector.runtimes.keras_model import KerasRuntime

pytestmark = pytest.mark.keras

FORMATS = ["tflite", "onnx", "xml"]


@pytest.fixture(scope="module")
def spec(exported) -> DetectorSpec:
    return artefact.read_spec(exported)


@pytest.fixture(scope="module")
def keras_runtime(exported) -> KerasRuntime:
    return KerasRuntime(artefact.load(exported).network)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("threads", [None, 1, 2])
def test_outputs_are_those_of_keras(exported, spec, keras_runtime, images, kind, threads):
    runtime = open_runtime(exported / f"model.{kind}", spec, EngineOptions(threads))
    for found, wanted in zip(runtime.run(images), keras_runtime.run(images), strict=True):
        assert wanted.std() > 0.1  # agreement on zeros would say nothing
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("kind", FORMATS)
def test_outputs_are_the_callers_to_keep(exported, spec, images, kind):
    runtime = open_runtime(exported / f"model.{kind}", spec)
    first = runtime.run(images[:1])
    before = [array.copy() for array in first]
    runtime.run(images[1:])
    np.testing.assert_array_equal(first[0], before[0])
    np.testing.assert_array_equal(first[1], before[1])
    assert all(array.flags.writeable for array in first)


@pytest.mark.parametrize("kind", FORMATS)
def test_it_runs_without_tensorflow_and_keras(exported, kind):
    code = (
        "import sys, numpy as np; from detector.predictor import Predictor; "
        f"predictor = Predictor.load({str(exported / f'model.{kind}')!r}, score_threshold=0.1); "
        "found = predictor(np.full((60, 80, 3), 90, np.uint8)); "
        "heavy = {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules); "
        "sys.exit(f'imported: {heavy}' if heavy else not len(found))"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("keep", [0, 7, 0.5, 0.99])
def test_a_truncated_file_is_named(exported, spec, tmp_path, kind, keep):
    content = (exported / f"model.{kind}").read_bytes()
    path = tmp_path / f"model.{kind}"
    shutil.copy(exported / "model.bin", tmp_path)
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(UserError, match=rf"cannot read .*model\.{kind}: damaged, or not for"):
        open_runtime(path, spec)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_another_kind_is_named(spec, tmp_path, kind):
    path = tmp_path / f"model.{kind}"
    (tmp_path / "model.bin").touch()
    path.write_bytes(b"\x89PNG\r\n\x1a\n" * 100)
    with pytest.raises(UserError, match="damaged, or not for"):
        open_runtime(path, spec)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"class_names": ("a",), "category_ids": (1,)}, id="classes"),
        pytest.param({"class_names": tuple("abc"), "category_ids": (1, 2, 3)}, id="one more"),
    ],
)
def test_a_description_of_another_model_is_refused(exported, spec, kind, change):
    with pytest.raises(UserError, match="do not belong together"):
        open_runtime(exported / f"model.{kind}", spec.model_copy(update=change))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_description_of_another_size_is_refused(exported, spec, kind):
    larger = spec.model.model_copy(update={"input_size": 128})
    with pytest.raises(UserError, match=r"needs uint8 or float32 \(1, 128, 128, 3\)"):
        open_runtime(exported / f"model.{kind}", spec.model_copy(update={"model": larger}))


def test_a_suffix_in_capitals_is_the_same_kind(exported, tmp_path):
    (tmp_path / "M.ONNX").write_bytes((exported / "model.onnx").read_bytes())
    assert open_graph(tmp_path / "M.ONNX").name == "onnx"


def test_there_is_a_core_to_use():
    assert usable_cores() >= 1
