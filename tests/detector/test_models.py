import shutil
import subprocess
import sys

import numpy as np
import pytest

from configs.errors import UserError
from detector.models import find_keras_model, find_model, load_model, open_model
from detector.predictor import Predictor
from detector.runtimes.graph import EngineOptions


def test_an_unknown_name_lists_the_presets(tmp_path):
    with pytest.raises(UserError, match=r"'cocoo' is no model; use a preset \(coco, "):
        load_model("cocoo")


@pytest.mark.parametrize("model", ["", "a" * 5000, "none.npz"])
def test_what_is_no_path_at_all_is_refused(model):
    with pytest.raises(UserError, match="is no model"):
        load_model(model)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"PK")
    with pytest.raises(UserError, match="is not a model file this program reads"):
        load_model(str(tmp_path / "model.pt"))


@pytest.mark.parametrize("name", ["model_nms.onnx", "model_nms.tflite", "model_int8_nms.tflite"])
def test_a_file_with_nms_inside_names_the_one_without(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    without = name.replace("_nms", "")
    with pytest.raises(
        UserError, match=rf"NMS inside, whose thresholds are fixed.*name {without},"
    ):
        find_model(str(tmp_path / name))


@pytest.mark.keras
def test_the_20_class_archive_knows_its_names(test_data):
    network, spec = load_model(str(test_data / "weights/ssdlite_mobilenet_v2_coco_20classes.npz"))
    assert len(spec.class_names) == 20
    assert spec.category_ids[spec.class_names.index("person")] == 1
    assert network.output["class_logits"].shape == (None, 1917, 21)


# ---- what runs a model


@pytest.mark.parametrize(
    ("runtime", "name", "file"),
    [
        (None, "keras", "model.keras"),
        ("keras", "keras", "model.keras"),
        ("tflite", "tflite", "model.tflite"),
        ("onnx", "onnx", "model.onnx"),
    ],
)
def test_a_folder_runs_in_keras_unless_told_otherwise(exported, runtime, name, file):
    predictor = Predictor.load(str(exported), runtime=runtime)
    assert (predictor.name, predictor.runtime) == ("tiny", name)
    assert predictor.file == exported / file


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_a_file_says_itself_what_runs_it(exported, kind):
    predictor = Predictor.load(str(exported / f"model.{kind}"))
    assert predictor.runtime == kind
    assert predictor.file == exported / f"model.{kind}"


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_every_runtime_detects_the_same(exported, kind):
    image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    wanted = Predictor.load(str(exported), score_threshold=0.55)(image)
    found = Predictor.load(str(exported), runtime=kind, score_threshold=0.55)(image)
    assert len(wanted) > 3
    np.testing.assert_array_equal(found.labels, wanted.labels)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=1e-2)


def test_thresholds_are_those_asked_for(exported):
    predictor = Predictor.load(str(exported / "model.onnx"), score_threshold=0.2)
    assert predictor.thresholds.score_threshold == 0.2
    assert predictor.thresholds.iou_threshold == 0.6


def test_a_file_without_its_description_says_so(exported, tmp_path):
    lone = shutil.copy(exported / "model.onnx", tmp_path)
    with pytest.raises(UserError, match=r"model\.onnx has no detector\.json beside it"):
        open_model(lone)


def test_another_runtime_than_the_files_is_refused(exported):
    with pytest.raises(UserError, match=r"model\.onnx runs in onnx, not in tflite"):
        open_model(str(exported / "model.onnx"), runtime="tflite")


def test_a_format_that_the_folder_lacks_is_named(exported, tmp_path):
    shutil.copy(exported / "detector.json", tmp_path)
    with pytest.raises(UserError, match=r"holds no network, only its detector\.json"):
        open_model(str(tmp_path), runtime="tflite")
    shutil.copy(exported / "model.onnx", tmp_path)
    with pytest.raises(UserError, match=r"holds no model\.tflite; export .* runtime: onnx"):
        open_model(str(tmp_path), runtime="tflite")


def test_without_keras_the_first_format_is_taken_whatever_the_machine(exported, tmp_path):
    for name in ("detector.json", "model.onnx", "model.tflite"):
        shutil.copy(exported / name, tmp_path)
    assert open_model(str(tmp_path)).file == tmp_path / "model.tflite"


def test_a_preset_has_no_other_runtime():
    with pytest.raises(UserError, match="coco runs in Keras alone; name a model folder"):
        open_model("coco", runtime="onnx")


def test_what_is_no_model_has_no_runtime():
    with pytest.raises(UserError, match="'none' is no model; use a preset"):
        open_model("none", runtime="onnx")


def test_an_unknown_runtime_lists_the_known_ones():
    with pytest.raises(UserError, match="unknown runtime 'tpu'; use auto or keras, tflite, onnx"):
        open_model("coco", runtime="tpu")


def test_an_exported_file_is_no_keras_network(exported):
    with pytest.raises(UserError, match="holds no Keras network"):
        load_model(str(exported / "model.tflite"))


def test_keras_runs_in_as_many_threads_as_told(exported):
    code = (
        "from detector.predictor import Predictor; "
        "from detector.runtimes.graph import EngineOptions; "
        f"Predictor.load({str(exported)!r}, options=EngineOptions(1)); import tensorflow as tf; "
        "print(tf.config.threading.get_intra_op_parallelism_threads())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "1\n"


def test_threads_of_keras_that_come_too_late_are_refused(exported):
    open_model(str(exported))  # TensorFlow runs
    with pytest.raises(UserError, match="TensorFlow runs already"):
        open_model(str(exported), options=EngineOptions(7))


# ---- what would be opened


@pytest.mark.parametrize(
    ("runtime", "words"),
    [(None, "keras"), ("onnx", "onnx"), ("auto", "the fastest of tflite, onnx, openvino")],
)
def test_of_a_folder_the_network_is_named_that_would_run(exported, runtime, words):
    found = find_model(str(exported), runtime)
    assert found.in_words() == f"{exported} ({words})"
    assert found.spec.class_names == ("a", "b")


def test_of_a_preset_it_is_known_whether_it_would_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path))
    assert find_model("coco", "auto").in_words() == "coco (to be downloaded)"
    (tmp_path / "coco").mkdir()
    for name in ("model.json", *(f"group1-shard{i}of5" for i in range(1, 6))):
        (tmp_path / "coco" / name).touch()
    assert find_keras_model("coco").in_words() == "coco (in the cache)"


@pytest.mark.parametrize("find", [find_model, find_keras_model])
def test_what_could_not_be_opened_is_not_found(find, tmp_path):
    (tmp_path / "detector.json").write_text("{}")
    with pytest.raises(UserError, match=r"detector\.json: name: Field required"):
        find(str(tmp_path))
    with pytest.raises(UserError, match="'none' is no model; use a preset"):
        find("none")
