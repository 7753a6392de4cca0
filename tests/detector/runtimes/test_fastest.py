import json
import shutil
import time

import numpy as np
import pytest

from configs.errors import UserError
from detector import artefact
from detector.models import open_model
from detector.runtimes import fastest
from detector.runtimes.fastest import Choice, choose, measure
from detector.runtimes.graph import EngineOptions

OPTIONS = EngineOptions(threads=1)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(fastest, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache/fastest.json"


@pytest.fixture
def spec(exported):
    return artefact.read_spec(exported)


class Sleeper:
    """A runtime that takes its time."""

    name = "sleeper"

    def __init__(self, seconds):
        self.seconds, self.calls = seconds, []

    def run(self, images):
        time.sleep(self.seconds)
        self.calls.append(images.shape)
        return np.zeros((1, 1, 4)), np.zeros((1, 1, 2))


def test_formats_take_turns_and_the_faster_one_has_the_lower_time():
    runtimes = {"slow": Sleeper(0.02), "quick": Sleeper(0.0)}
    times = measure(runtimes, 96, seconds=0.1)
    assert times["quick"] < times["slow"]
    assert times["slow"] >= 20
    assert len(runtimes["slow"].calls) == len(runtimes["quick"].calls) >= 3
    assert runtimes["slow"].calls[0] == (1, 96, 96, 3)


def test_the_choice_is_among_the_formats_there_and_says_why(exported, spec):
    choice = choose(exported, spec, OPTIONS)
    assert choice.format in ("tflite", "onnx", "openvino")
    assert "ms an image here (" in choice.why
    assert "keras" not in choice.why


def test_it_is_measured_once(exported, spec, cache, monkeypatch):
    first = choose(exported, spec, OPTIONS)
    assert cache.is_file()
    monkeypatch.setattr(fastest, "measure", lambda *_: pytest.fail("measured again"))
    assert choose(exported, spec, OPTIONS) == first


def test_another_file_is_measured_anew(exported, spec, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    choose(folder, spec, OPTIONS)
    (folder / "model.onnx").touch()
    monkeypatch.setattr(fastest, "measure", lambda *_: {"tflite": 2.0, "onnx": 1.0})
    assert choose(folder, spec, OPTIONS) == Choice("onnx", "1.0 ms an image here (tflite 2.0)")


@pytest.mark.parametrize("entry", [None, {}, [], {"gone": 1.0}, {"onnx": "1"}, {"onnx": -1.0}])
def test_a_damaged_memory_is_no_memory(exported, spec, cache, entry):
    cache.parent.mkdir()
    names = ["tflite", "onnx", "openvino"]
    key = fastest._key(exported, names, OPTIONS)
    cache.write_text("{" if entry is None else json.dumps({key: entry}))
    assert "ms an image here" in choose(exported, spec, OPTIONS).why


def test_what_was_accepted_in_spite_of_a_loss_is_not_chosen(exported, spec, tmp_path):
    for name in ("model.tflite", "model.onnx"):
        shutil.copy(exported / name, tmp_path)
    record = artefact.Export(
        operations=1,
        images=1,
        box_deltas=(9, 9),
        class_logits=(9, 9),
        matched=0.1,
        accepted_loss=True,
    )
    lossy = spec.model_copy(update={"exports": {"tflite": record}})
    assert choose(tmp_path, lossy, OPTIONS).format == "onnx"


def test_an_engine_that_cannot_run_is_named_and_left_out(exported, spec, tmp_path):
    shutil.copytree(exported, tmp_path / "model")
    (tmp_path / "model/model.tflite").write_bytes(b"no model")
    choice = choose(tmp_path / "model", spec, OPTIONS)
    assert choice.format in ("onnx", "openvino")
    assert "model.tflite: damaged" in choice.why


def test_where_no_engine_can_run_keras_does(exported, spec, tmp_path):
    shutil.copy(exported / "model.keras", tmp_path)
    (tmp_path / "model.tflite").write_bytes(b"no model")
    choice = choose(tmp_path, spec, OPTIONS)
    assert choice.format == "keras"
    assert "model.tflite: damaged" in choice.why


def test_without_keras_all_refusals_are_said(exported, spec, tmp_path):
    for name in ("model.tflite", "model.onnx"):
        (tmp_path / name).write_bytes(b"no model")
    with pytest.raises(UserError, match=r"model\.tflite: damaged.*; .*model\.onnx: damaged"):
        choose(tmp_path, spec, OPTIONS)


def test_keras_alone_is_no_choice(exported, spec, tmp_path):
    shutil.copy(exported / "model.keras", tmp_path)
    assert choose(tmp_path, spec, OPTIONS).format == "keras"


def test_a_model_is_opened_in_the_fastest_format(exported):
    opened = open_model(str(exported), "auto")
    assert opened.file.name in ("model.tflite", "model.onnx", "model.xml")
    assert "ms an image" in opened.why
