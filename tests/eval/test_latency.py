import json
import shutil

import numpy as np
import pytest

from configs.errors import UserError
from detector.artefact import FILES
from detector.images import write_image
from eval import latency
from eval.latency import main
from eval.timing import rounds as latency_rounds


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(latency_rounds, "THROUGHPUT_S", 0.1)


@pytest.fixture
def data(tmp_path):
    """Three images of noise with a box each, of the classes that the small model knows."""
    folder = tmp_path / "images"
    for number in (1, 2, 3):
        noise = np.random.default_rng(number).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        write_image(folder / f"{number}.jpg", noise)
    content = {
        "images": [
            {"id": n, "file_name": f"{n}.jpg", "height": 60, "width": 80} for n in (1, 2, 3)
        ],
        "categories": [{"id": 3, "name": "a"}, {"id": 7, "name": "b"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 3, "bbox": [9, 9, 30, 30], "area": 900}
            | {"iscrowd": 0}
            for n in (1, 2, 3)
        ],
    }
    (tmp_path / "data.json").write_text(json.dumps(content))
    return tmp_path / "data.json"


def test_runtimes_are_measured_side_by_side(exported, tmp_path, capsys):
    options = ["--runtime", "tflite,onnx", "--threads", "1,2", "--rounds", "2"]
    files = ["--json", str(tmp_path / "speed.json"), "--markdown", str(tmp_path / "speed.md")]
    assert main([str(exported), *options, *files]) == 0
    written = json.loads((tmp_path / "speed.json").read_text())
    rows = [(one["name"], one["runtime"], one["threads"]) for one in written["results"]]
    assert rows == [("tiny", kind, count) for kind in ("tflite", "onnx") for count in (1, 2)]
    assert written["settings"]["source"] == "one photo of 640x480 px"
    assert {"cpu", "cores", "memory_gb", "os", "python", "versions"} <= set(written["machine"])
    assert all(one["AP"] is None for one in written["results"])
    assert all(min(one["ratio"].values()) > 0 for one in written["results"])
    printed = capsys.readouterr().out
    assert (tmp_path / "speed.md").read_text() in printed
    assert f"saved {tmp_path / 'speed.json'}" in printed


def test_accuracy_stands_beside_speed(exported, data, tmp_path, capfd):
    model, peer = exported / "model.onnx", exported / "model.tflite"
    outputs = ["--json", str(tmp_path / "s.json"), "--plot", str(tmp_path / "s.svg")]
    where = ["--data", str(data), "--images", str(tmp_path / "images"), "--peer", str(peer)]
    assert main([str(model), *where, "--rounds", "1", "--threads", "1", *outputs]) == 0
    ours, other = json.loads((tmp_path / "s.json").read_text())["results"]
    assert 0 <= ours["AP"] <= ours["AP50"] <= 1
    assert (other["is_peer"], other["AP"], other["outputs"]) == (True, None, 2)
    assert (tmp_path / "s.svg").is_file()
    assert "images (of data.json)" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--plot", "speed.svg"], "--plot shows speed against mAP; name the --data"),
        (["--plot", "speed.gif", "--data", "x"], "a plot is .svg or .png"),
        (["--images", "x"], "--images belongs to --data"),
        (["--voc-origin", "0"], "--voc-origin belongs to --data"),
        (["--peer", "none.tflite"], "cannot read none.tflite: No such file"),
        (["--peer", "none.pt"], "none.pt is no model file of this kind; need .tflite or .onnx"),
        (["--data", "none.json"], "none.json"),
    ],
)
def test_mistakes_are_named_before_minutes_pass(options, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=says):
        main(["coco", *options])


@pytest.mark.parametrize(
    ("has", "runtimes", "says"),
    [
        (
            ["keras"],
            "keras,tflite",
            r"holds no model\.tflite; export the model, or leave out tflite",
        ),
        (["keras", "tflite"], "tflite,onnx", r"holds no model\.onnx; export the model"),
        (["tflite"], None, r"holds no model\.keras; export the model, or leave out keras"),
        (["keras"], "tpu", "unknown runtime 'tpu'; use one of keras, tflite, onnx"),
    ],
)
def test_a_network_that_is_missing_is_named_before_anything_runs(
    exported, data, tmp_path, monkeypatch, has, runtimes, says
):
    folder = tmp_path / "best"
    folder.mkdir()
    for name in ("detector.json", *(FILES[kind] for kind in has)):
        shutil.copy(exported / name, folder)
    monkeypatch.setattr(latency, "_accuracies", lambda *_: pytest.fail("mAP was measured first"))
    options = ["--runtime", runtimes] if runtimes else []
    with pytest.raises(UserError, match=says):
        main([str(folder), "--data", str(data), "--images", str(tmp_path / "images"), *options])


def test_a_folder_that_is_called_as_a_preset_is_no_model(tmp_path, monkeypatch):
    """`bench coco` beside a data set in a folder `coco`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "coco").mkdir()
    with pytest.raises(UserError, match=r"none\.json"):
        main(["coco", "--data", "none.json"])


def test_the_models_description_is_not_overwritten(exported):
    before = (exported / "detector.json").read_bytes()
    with pytest.raises(UserError, match="it is an input"):
        main([str(exported), "--json", str(exported / "detector.json")])
    assert (exported / "detector.json").read_bytes() == before


def test_a_model_that_is_none_is_named():
    with pytest.raises(UserError, match="'none' is no model"):
        main(["none", "--rounds", "1"])


def test_a_data_set_that_the_model_does_not_know_is_refused(exported, data, capfd):
    content = json.loads(data.read_text())
    for category in content["categories"]:
        category["name"] += "_other"
    data.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"no mAP of .*: eval\.coco failed, as it says above"):
        images = data.parent / "images"
        main([str(exported / "model.onnx"), "--data", str(data), "--images", str(images)])
    assert "error:" in capfd.readouterr().err


@pytest.mark.parametrize("threads", ["0", "", "1,x", "257"])
def test_threads_are_positive_numbers(threads, capsys):
    with pytest.raises(SystemExit) as end:
        main(["coco", "--threads", threads])
    assert end.value.code == 2


def test_a_dry_run_says_what_it_would_time(exported, data, tmp_path, capsys):
    where = ["--data", str(data), "--images", str(tmp_path / "images")]
    plot = tmp_path / "speed.svg"
    options = ["--runtime", "tflite", "--threads", "1,2", "--plot", str(plot), "--dry-run"]
    assert main([str(exported), *where, *options]) == 0
    assert capsys.readouterr().out == (
        f"would time {exported} (tflite) in 1 threads, {exported} (tflite) in 2 threads, 10 rounds "
        f"on images of {data}, and measure mAP there\n"
    )
    assert not plot.exists()
    with pytest.raises(UserError, match="'none' is no model"):
        main(["none", "--dry-run"])
