import pytest

from configs.errors import UserError
from detector import artefact, models
from detector.exporting import export_preset as presets
from detector.exporting import exporter
from detector.exporting.parity import Limits
from detector.models import open_model
from detector.weights.presets import exported_folder

pytestmark = pytest.mark.keras


@pytest.fixture
def small_coco(detector_maker, tmp_path, monkeypatch):
    """A preset that is there at once; the list of its loadings."""
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path / "home"))
    folder, loaded = detector_maker(tmp_path / "coco", "person", "tie"), []

    def load_preset(preset):
        loaded.append(preset.name)
        return artefact.load(folder)

    monkeypatch.setattr(models, "fetch_preset", lambda _: None)
    monkeypatch.setattr(presets, "load_preset", load_preset)
    return loaded


def test_a_preset_is_made_fast_once(small_coco, capsys):
    opened = open_model("coco", "auto")
    assert opened.runtime.name == "tflite"
    assert opened.file == exported_folder("coco") / "model.tflite"
    assert "this is done once" in capsys.readouterr().err
    assert open_model("coco", "auto").spec.class_names == ("person", "tie")
    assert small_coco == ["coco"]
    assert capsys.readouterr().err == ""


def test_where_the_cache_cannot_be_written_to_keras_runs(small_coco, monkeypatch, exported):
    monkeypatch.setenv("SSDLITE_HOME", "/dev/null/home")
    in_keras = open_model(str(exported), "keras")
    monkeypatch.setattr(models, "_open_keras", lambda *_: in_keras)
    assert open_model("coco", "auto").runtime is in_keras.runtime
    assert small_coco == []


def test_an_export_that_differs_from_the_preset_is_not_kept(small_coco, monkeypatch):
    none = Limits(head_mean=0.0, matched=1.1, ap_loss=-1.0, ap_decides=False)
    monkeypatch.setattr(exporter, "LIMITS", {"tflite": none})
    with pytest.raises(UserError, match=r"coco as tflite differs .*; use --runtime keras"):
        open_model("coco", "auto")
    assert not exported_folder("coco").exists()


def test_a_damaged_one_is_refused_and_made_anew_once_it_is_deleted(small_coco):
    file = open_model("coco", "auto").file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.tflite is damaged, .* or delete it"):
        open_model("coco", "auto")
    file.unlink()
    assert open_model("coco", "auto").file == file
    assert small_coco == ["coco", "coco"]
