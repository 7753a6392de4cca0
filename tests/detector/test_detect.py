import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from configs.schema import ModelConfig
from detector import artefact, detect
from detector.anchors import model_anchors
from detector.artefact import DetectorSpec
from detector.box_coder import encode
from detector.command import run
from detector.exporting import converters
from detector.exporting.frozen_graph import folded_network, raw_function
from detector.ssdlite import build_ssdlite

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def keras_model(tmp_path_factory) -> str:
    """A tiny detector with random weights, which sees a little of everything."""
    config = ModelConfig(backbone="mobilenet_v1", input_size=96, width_multiplier=0.25)
    spec = DetectorSpec(
        name="tiny", model=config, class_names=("cat", "dog"), category_ids=(17, 18)
    )
    folder = tmp_path_factory.mktemp("model") / "tiny"
    artefact.save(folder, build_ssdlite(config, 2), spec)
    return str(folder)


@pytest.fixture(scope="module")
def model(keras_model, tmp_path_factory) -> str:
    """It as a TFLite file, which is open at once."""
    network, spec = artefact.load(Path(keras_model))
    file = tmp_path_factory.mktemp("model") / "model.tflite"
    file.write_bytes(converters.to_tflite(raw_function(folded_network(network, spec))))
    shutil.copy(Path(keras_model, "detector.json"), file.parent)
    return str(file)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    (folder / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("000000000042.jpg", "b.png", "more/b.png"):
        Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(folder / name)
    return folder


def test_readable_json_is_the_contract(keras_model, images, tmp_path):
    target = tmp_path / "found.json"
    command = [str(images), "--model", keras_model, "--score", "0", "--json", str(target)]
    assert detect.main(command) == 0
    written = json.loads(target.read_text())
    assert written["model"] == "tiny"
    assert [entry["file"] for entry in written["images"]] == [
        str(images / "000000000042.jpg"),
        str(images / "b.png"),
    ]
    first = written["images"][0]
    assert (first["width"], first["height"]) == (80, 60)
    assert set(first["detections"][0]) == {"box", "score", "label", "name", "category_id"}


def test_coco_results_take_the_image_id_from_the_file_name(model, images, tmp_path):
    target = tmp_path / "coco.json"
    detect.main([str(images), "--model", model, "--score", "0", "--coco", str(target)])
    rows = json.loads(target.read_text())
    assert {row["image_id"] for row in rows} == {42, "b"}
    assert {row["category_id"] for row in rows} <= {17, 18}


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        pytest.param(("a/1.jpg", "b/1.jpg", "7.jpg"), ("a/1.jpg", "b/1.jpg", 7), id="folders"),
        pytest.param(("1.jpg", "1.png", "2.png"), ("1.jpg", "1.png", 2), id="suffixes"),
        pytest.param(("000001.jpg", "1.jpg"), ("000001.jpg", "1.jpg"), id="zeros before"),
        pytest.param(("a/x.jpg", "x.png"), ("a/x.jpg", "x.png"), id="letters"),
    ],
)
def test_images_of_one_name_have_ids_of_their_own(model, tmp_path, monkeypatch, capsys, names, ids):
    monkeypatch.chdir(tmp_path)
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (80, 60)).save(name)
    detect.main([*names, "--model", model, "--score", "0", "--coco", "found.json"])
    rows = json.loads((tmp_path / "found.json").read_text())
    assert {row["file_name"]: row["image_id"] for row in rows} == dict(zip(names, ids, strict=True))
    assert "2 images: names repeat, so image_id is the path" in capsys.readouterr().out


def test_pycocotools_reads_ids_that_are_paths(model, tmp_path, monkeypatch):
    from pycocotools.coco import COCO

    monkeypatch.chdir(tmp_path)
    for name in ("1.jpg", "1.png"):
        Image.new("RGB", (80, 60)).save(name)
    detect.main(["1.jpg", "1.png", "--model", model, "--score", "0", "--coco", "found.json"])
    truth = COCO()
    truth.dataset = {
        "images": [{"id": "1.jpg"}, {"id": "1.png"}],
        "annotations": [],
        "categories": [{"id": 17}, {"id": 18}],
    }
    truth.createIndex()
    loaded = truth.loadRes("found.json")
    assert [len(loaded.getAnnIds(imgIds=[one])) for one in ("1.jpg", "1.png")] == [100, 100]


def test_names_that_are_no_utf8_make_a_json_that_strict_readers_take(model, tmp_path):
    for byte in (b"\xfe", b"\xff"):
        Image.new("RGB", (80, 60)).save(tmp_path / os.fsdecode(b"a" + byte + b".png"))
    target = tmp_path / "found.json"
    detect.main([str(tmp_path), "--model", model, "--score", "0", "--coco", str(target)])
    rows = msgspec.json.decode(target.read_bytes())
    named = {row["image_id"]: row["file_name"] for row in rows}
    assert named == {one: f"{tmp_path}/{one}.png" for one in (r"a\udcfe", r"a\udcff")}


def test_an_image_that_reaches_the_most_detections_is_told(model, images, tmp_path, capsys):
    target = tmp_path / "found.json"
    command = [str(images), "--model", model, "--score", "0", "--json", str(target)]
    detect.main([*command, "--classes", "dog"])  # also where fewer are left of those asked for
    said = capsys.readouterr().err
    assert "2 of 2 images reached max_detections (100), and may hold more objects" in said
    assert "--max-dets N raises it" in said
    written = json.loads(target.read_text())
    assert (written["max_detections"], written["images_at_max_detections"]) == (100, 2)


class Crowd:
    """A network that sees 144 cats in any image, in 12 rows."""

    name = "crowd"
    config = ModelConfig()

    def run(self, _images):
        anchors = model_anchors(self.config)
        rows, columns = np.mgrid[:12, :12].reshape(2, -1) / 12
        boxes = np.stack([columns, rows, columns + 0.07, rows + 0.07], axis=1).astype(np.float32)
        deltas = np.zeros((1, len(anchors), 4), np.float32)
        logits = np.full((1, len(anchors), 3), -9, np.float32)
        deltas[0, :144] = encode(boxes, anchors[:144], self.config.anchors.variances)
        logits[0, :144, 1] = np.linspace(4, 3, 144)
        return deltas, logits


@pytest.mark.parametrize(
    ("more", "found", "says"),
    [
        pytest.param([], 100, "1 of 1 image reached max_detections (100)", id="as it is"),
        pytest.param(["--max-dets", "200"], 144, "", id="more asked for"),
    ],
)
def test_of_144_objects_100_are_given_and_said_unless_more_are_asked_for(
    images, tmp_path, capsys, monkeypatch, more, found, says
):
    spec = DetectorSpec(
        name="crowd", model=Crowd.config, class_names=("cat", "dog"), category_ids=(17, 18)
    )
    monkeypatch.setattr("detector.predictor.open_model", lambda *_: (Crowd(), spec, None, ""))
    target = tmp_path / "found.json"
    assert detect.main([str(images / "b.png"), "--json", str(target), *more]) == 0
    assert len(json.loads(target.read_text())["images"][0]["detections"]) == found
    said = capsys.readouterr().err
    assert said.startswith(says) if says else said == ""


def test_more_detections_are_given_where_more_are_asked_for(model, images, tmp_path, capsys):
    target = tmp_path / "found.json"
    command = [str(images), "--model", model, "--score", "0", "--json", str(target)]
    detect.main([*command, "--max-dets", "1000"])
    assert all(len(one["detections"]) > 100 for one in json.loads(target.read_text())["images"])
    assert "max_detections" not in capsys.readouterr().err


def test_one_object_is_one_detection_where_nms_is_class_agnostic(model, images, tmp_path):
    counts = []
    for more in ([], ["--agnostic"]):
        target = tmp_path / "found.json"
        command = [str(images / "b.png"), "--model", model, "--score", "0", "--max-dets", "1000"]
        detect.main([*command, "--json", str(target), *more])
        found = json.loads(target.read_text())["images"][0]["detections"]
        counts.append(len({tuple(one["box"]) for one in found}) - len(found))
    assert counts[0] < 0  # boxes that are both classes
    assert counts[1] == 0


def test_drawn_images_of_one_name_do_not_overwrite_each_other(model, images, tmp_path, capsys):
    target = tmp_path / "drawn"
    detect.main([str(images / "**" / "*.png"), "--model", model, "--draw", str(target)])
    assert sorted(path.name for path in target.iterdir()) == ["b.jpg", "b_2.jpg"]
    assert capsys.readouterr().out == f"saved {target}\n"


def test_without_outputs_each_image_gets_a_line(model, images, capsys):
    detect.main([str(images / "b.png"), "--model", model, "--score", "1"])
    assert capsys.readouterr().out == f"{images / 'b.png'}: nothing found\n"


def test_only_the_classes_asked_for_are_reported(model, images, tmp_path):
    target = tmp_path / "found.json"
    arguments = [str(images), "--model", model, "--score", "0", "--classes", "dog"]
    detect.main([*arguments, "--json", str(target)])
    names = {d["name"] for i in json.loads(target.read_text())["images"] for d in i["detections"]}
    assert names == {"dog"}


def test_an_unreadable_image_is_named_skipped_and_told_by_the_exit_code(
    model, images, tmp_path, capsys
):
    (images / "broken.jpg").write_bytes(b"not an image")
    target = tmp_path / "found.json"
    assert detect.main([str(images), "--model", model, "--json", str(target)]) == 1
    assert "broken.jpg" in capsys.readouterr().err
    assert len(json.loads(target.read_text())["images"]) == 2


def test_nothing_but_unreadable_images_is_bad_input_and_leaves_nothing(model, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"not an image")
    target = tmp_path / "found.json"
    with pytest.raises(UserError, match="none of the images can be read"):
        detect.main([str(tmp_path / "broken.jpg"), "--model", model, "--json", str(target)])
    assert not target.exists()


def test_drawing_into_the_images_own_folder_keeps_the_images(model, images):
    before = (images / "000000000042.jpg").read_bytes()
    detect.main([str(images), "--model", model, "--draw", str(images)])
    assert (images / "000000000042.jpg").read_bytes() == before
    assert (images / "000000000042_2.jpg").exists()


def test_bad_input_creates_no_folder(model, tmp_path):
    with pytest.raises(UserError, match="no such image"):
        detect.main(["none.jpg", "--draw", str(tmp_path / "a/b"), "--json", str(tmp_path / "c/d")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--classes", " ,"], ["--draw", ""], ["--json", ""]])
def test_empty_arguments_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        detect.main(["x.jpg", *arguments])
    assert end.value.code == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(["--classes", "dgo"], "did you mean 'dog'", id="unknown class"),
        pytest.param(["--model", "nothing"], "'nothing' is no model", id="unknown model"),
        pytest.param(["--json", "/dev/null/x.json"], "cannot write", id="unwritable JSON"),
        pytest.param(["--draw", "/dev/null/x"], "cannot write", id="unwritable folder"),
        pytest.param(["--json", "a", "--coco", "a"], "another output", id="same output twice"),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["real", "dry"])
def test_bad_input_is_one_line_and_code_2(model, images, capsys, change, message, dry):
    arguments = [str(images), "--model", model, "--runtime", "tflite", *change, *dry]
    assert run(lambda: detect.main(arguments)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_sigterm_leaves_no_unfinished_file(model, images, tmp_path):
    target = tmp_path / "out" / "found.json"
    code = (
        "import os, signal, sys; from detector import detect, images;"
        "from detector.command import run;"
        "images.read_image = lambda path: os.kill(os.getpid(), signal.SIGTERM);"
        "sys.exit(run(detect.main))"
    )
    arguments = [str(images / "b.png"), "--model", model, "--json", str(target)]
    ended = subprocess.run([sys.executable, "-c", code, *arguments], check=False)
    assert ended.returncode == 143
    assert list(target.parent.iterdir()) == []


def test_no_such_image_is_told_before_the_model_is_loaded(tmp_path):
    with pytest.raises(UserError, match="no such image"):
        detect.main([str(tmp_path / "none.jpg"), "--model", "not even looked at"])


@pytest.mark.parametrize("score", ["-0.1", "1.5", "high"])
def test_a_score_outside_0_to_1_is_refused(score, capsys):
    with pytest.raises(SystemExit) as end:
        detect.main(["x.jpg", "--score", score])
    assert end.value.code == 2


def test_a_model_is_not_overwritten(exported, images, capsys):
    before = (exported / "detector.json").read_bytes()
    command = [str(images), "--model", str(exported), "--json", str(exported / "detector.json")]
    assert run(lambda: detect.main(command)) == 2
    assert "it is an input; name another file" in capsys.readouterr().err
    assert (exported / "detector.json").read_bytes() == before


def test_a_dry_run_says_what_it_would_do_and_does_nothing(keras_model, images, tmp_path, capsys):
    target = tmp_path / "drawn"
    arguments = [str(images), "--draw", str(target), "--dry-run"]
    assert detect.main([*arguments, "--model", keras_model]) == 0
    assert detect.main(arguments) == 0
    own, default = capsys.readouterr().out.splitlines()
    assert own == f"would detect in 2 images with {keras_model} (keras); output {target}"
    assert "with coco (to be downloaded);" in default
    assert not target.exists()
