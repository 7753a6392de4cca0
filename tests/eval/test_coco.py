import csv
import json
import subprocess
import sys

import pytest
from PIL import Image

from eval.coco import main

VOC_20 = (
    "person,bicycle,car,motorcycle,airplane,bus,train,boat,bird,cat,dog,horse,sheep,cow,bottle,"
    "chair,couch,potted plant,dining table,tv"
)


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "eval.coco", *map(str, arguments)],
        capture_output=True,
        text=True,
    )


def test_the_command_on_a_results_file(test_data, tmp_path):
    file = test_data / "weights/reference_detections_val2017.json"
    data = f"{test_data}/data/coco:val"
    outputs = {name: tmp_path / f"{name}" for name in ("f.json", "f.csv", "d.json")}
    done = run(
        *("--detections", file, data, "--classes", VOC_20),
        *("--json", outputs["f.json"], "--csv", outputs["f.csv"]),
        *("--save-detections", outputs["d.json"]),
    )
    assert done.returncode == 0, done.stderr
    assert "AP    0.3412  average precision, mean over IoU 0.50 ... 0.95" in done.stdout
    figures = json.loads(outputs["f.json"].read_text())
    assert figures["AP50"] == pytest.approx(0.518, abs=5e-4)
    assert figures["per_class"]["person"]["objects"] == 402
    rows = list(csv.DictReader(outputs["f.csv"].read_text().splitlines()))
    assert len(rows) == 20
    assert float(rows[0]["AP"]) == figures["per_class"]["person"]["AP"]
    # What was saved scores the same.
    again = run("--detections", outputs["d.json"], data, "--classes", VOC_20, "--backend", "fast")
    assert again.stdout.splitlines()[3:15] == done.stdout.splitlines()[3:15]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["nowhere"], "name either a MODEL", id="no model"),
        pytest.param(["coco", "nowhere"], "no such data set: nowhere", id="no data"),
        pytest.param(["coco", "nowhere", "--dry-run"], "no such data set: nowhere", id="dry"),
        pytest.param(["--detections", "x", "nowhere"], "no such data set", id="no data, file"),
        pytest.param(["coco", ".", "--detections", "x"], "name either a MODEL", id="both"),
        pytest.param(["--detections", "x", ".", "--agnostic"], "belongs to a MODEL", id="agnostic"),
        pytest.param(["coco", ".", "--json", "/dev/null"], "cannot write", id="output"),
    ],
)
def test_bad_input_is_one_line(tmp_path, arguments, says):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_the_data_set_is_not_overwritten(tmp_path):
    truth = tmp_path / "truth.json"
    truth.write_text("{}")
    done = run("coco", f"{truth}:val", "--json", truth)
    assert done.returncode == 2
    assert "it is an input; name another file" in done.stderr
    assert truth.read_text() == "{}"


def test_help_answers_without_heavy_imports():
    code = (
        "import sys, eval.coco, eval.voc, eval.compare, eval.latency\n"
        "heavy = {'tensorflow', 'keras', 'pycocotools', 'cv2', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_dry_run_says_what_it_would_score(exported, squares, tmp_path):
    report = tmp_path / "report"
    done = run("coco", f"{squares}:val", "--report", report, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"would score coco (to be downloaded) on {squares}:val: 2 images, 1 classes\n"
    )
    assert not report.exists()
    foreign = run(exported, f"{squares}:val", "--dry-run")
    assert foreign.returncode == 2
    assert "model (a, b, ...) and data set (square, ...) share no class" in foreign.stderr


def test_what_is_odd_in_a_results_file_is_said_in_every_output(tmp_path, capsys):
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    one = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}
    truth = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "area": 81, "iscrowd": 0, **one}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "data.json").write_text(json.dumps(truth))
    found = [{**one, "category_id": "1", "score": 0.5}]
    (tmp_path / "found.json").write_text(json.dumps(found))
    files = [str(tmp_path / name) for name in ("found.json", "data.json", "new.json", "page")]
    assert main(["--detections", *files[:2], "--json", files[2], "--report", files[3]]) == 0
    said = "category_id written as text in 1 of 1 detection: taken by their value"
    assert f"warnings: {said}" in capsys.readouterr().out
    for file in (tmp_path / "new.json", tmp_path / "page/report.json"):
        assert said in json.loads(file.read_text())["settings"]["warnings"]
    assert said in (tmp_path / "page/report.html").read_text(encoding="utf-8")
