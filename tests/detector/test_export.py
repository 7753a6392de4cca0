"""The command, on a small random detector: every format passes the gate, or is refused by it."""

import json
import shutil
import subprocess
import sys
import zipfile

import cv2
import numpy as np
import pytest

from configs.errors import UserError
from detector import artefact, export
from detector.exporting import exporter, parity
from detector.models import open_model
from detector.runtimes.keras_model import KerasRuntime

pytestmark = pytest.mark.keras

FORMATS = ("tflite", "tflite-f16", "tflite-int8", "onnx", "openvino", "saved_model")


@pytest.fixture(scope="module")
def head(request):
    """Of the model to export, unless a test is of both."""
    return getattr(request, "param", "ssdlite")


of_both_heads = pytest.mark.parametrize(
    "head", ["ssdlite", "ssdlite_plus"], indirect=True, scope="module"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory, detector_maker, head):
    folder = tmp_path_factory.mktemp("source") / "tiny"
    return detector_maker(folder, "square", "circle", head=head)


@pytest.fixture(scope="module")
def small(tmp_path_factory, detector_maker, head):
    """One of fewer layers, where it matters what is said and kept, not what is converted."""
    folder = tmp_path_factory.mktemp("small") / "tiny"
    return detector_maker(folder, "square", "circle", backbone="mobilenet_v1", head=head)


@pytest.fixture(scope="module")
def done(source, squares, tmp_path_factory):
    """The folder of a model in all formats, and the exit code."""
    folder = tmp_path_factory.mktemp("done") / "all"
    command = f"{source} --to {','.join(FORMATS)} --output {folder} --with-nms"
    code = export.main([*command.split(), "--calibrate", f"{squares}:train"])
    return folder, code


@of_both_heads
def test_every_format_passes_the_gate(done, head):
    folder, code = done
    assert code == 0
    spec = artefact.read_spec(folder)
    assert set(spec.exports) == set(FORMATS)
    assert not any(record.accepted_loss for record in spec.exports.values())
    assert spec.exports["tflite"].matched == 1.0
    assert spec.exports["tflite-int8"].ap is not None
    assert spec.model.head == head
    # ssdlite: 88 convolutions, 10 sums, 12 reshapes ...; ssdlite_plus has two heads, added: 154
    most = {"ssdlite": 140, "ssdlite_plus": 155}[head]
    assert 90 < spec.exports["tflite"].operations < most


@of_both_heads
def test_the_folder_holds_what_was_promised(done):
    folder, _ = done
    raw = ("model.tflite", "model_f16.tflite", "model_int8.tflite", "model.onnx", "model.xml")
    nms = ("model_nms.tflite", "model_f16_nms.tflite", "model_int8_nms.tflite", "model_nms.onnx")
    others = ("model.bin", "saved_model", "detector.json")
    assert {one.name for one in folder.iterdir()} == {*raw, *nms, *others}
    sizes = [(folder / name).stat().st_size for name in raw[:3]]
    assert sizes == sorted(sizes, reverse=True)


IMAGE = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), np.uint8)


@pytest.fixture(scope="module")
def by_keras(source):
    """What Keras makes of `IMAGE`."""
    return KerasRuntime(artefact.load(source).network).run(IMAGE)


@of_both_heads
@pytest.mark.parametrize("name", [one for one in FORMATS if one != "saved_model"])
def test_every_format_runs_and_agrees_with_keras(done, by_keras, name):
    runtime = open_model(str(done[0]), name).runtime
    limit = 0.5 if name == "tflite-int8" else 0.02 if name == "tflite-f16" else 1e-3
    for found, right in zip(runtime.run(IMAGE), by_keras, strict=True):
        assert np.abs(found - right).mean() < limit


@of_both_heads
def test_opencv_reads_the_onnx(done, by_keras):
    net = cv2.dnn.readNetFromONNX(str(done[0] / "model.onnx"))
    net.setInput(IMAGE)
    names = net.getUnconnectedOutLayersNames()
    found = dict(zip(names, net.forward(names), strict=True))
    for name, right in zip(("box_deltas", "class_logits"), by_keras, strict=True):
        np.testing.assert_allclose(found[name], right, atol=1e-3)


@of_both_heads
def test_a_tflite_carries_its_labels_and_description(done, head):
    words = {"ssdlite": b"SSDLite on mobilenet_v2", "ssdlite_plus": b"SSDLite plus on mobilenet_v2"}
    assert words[head] in (done[0] / "model_int8.tflite").read_bytes()
    with zipfile.ZipFile(done[0] / "model_int8.tflite") as attached:
        assert json.loads(attached.read("detector.json"))["model"].get("head", "ssdlite") == head
        assert attached.read("labelmap.txt").decode().split() == ["background", "square", "circle"]


@of_both_heads
def test_batch_norm_and_shapes_are_gone(done):
    import onnx

    kinds = {node.op_type for node in onnx.load(str(done[0] / "model.onnx")).graph.node}
    assert not kinds & {"BatchNormalization", "Shape", "Identity"}


def test_any_batch_is_made_on_request(small, tmp_path):
    import onnxruntime

    folder = tmp_path / "out"
    assert export.main(f"{small} --to onnx --output {folder} --any-batch".split()) == 0
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    images = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), np.uint8)
    deltas, _ = session.run(["box_deltas", "class_logits"], {"image": images})
    one = session.run(["box_deltas"], {"image": images[1:2]})[0]
    np.testing.assert_allclose(deltas[1:2], one, atol=1e-4)


@pytest.fixture
def strict(monkeypatch):
    """Limits that no float model meets."""
    none = parity.Limits(head_mean=0.0, matched=1.1, ap_loss=-1.0, ap_decides=False)
    monkeypatch.setattr(exporter, "LIMITS", dict.fromkeys(artefact.EXPORTS, none))


def test_what_is_over_the_limit_is_refused_and_leaves_nothing(strict, small, tmp_path, capsys):
    folder = tmp_path / "out"
    assert export.main(f"{small} --to tflite --output {folder}".split()) == 1
    said = capsys.readouterr()
    assert "over the limit: " in said.out
    assert "refused: tflite; --accept-loss keeps them" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_loss_can_be_accepted_and_is_recorded(strict, small, tmp_path):
    folder = tmp_path / "out"
    assert export.main(f"{small} --to tflite --output {folder} --accept-loss".split()) == 0
    assert artefact.read_spec(folder).exports["tflite"].accepted_loss


@pytest.fixture
def unmeasured(monkeypatch):
    """mAP costs two processes, and a random model has none."""
    monkeypatch.setattr(exporter.Exporter, "_ap", lambda *_: 0.0)


@of_both_heads
def test_remedies_are_tried_in_turn_and_each_is_measured(
    strict, unmeasured, small, squares, tmp_path, capsys
):
    command = f"{small} --to tflite-int8 --output {tmp_path / 'out'} --calibrate {squares}"
    assert export.main(command.split()) == 1
    said = capsys.readouterr().out
    for line in ("as it is: ", " in float32: ", "these and all heads in float32: "):
        assert line in said


def test_a_remedy_that_helps_is_kept_and_changes_no_other_format(
    unmeasured, small, squares, tmp_path, capsys, monkeypatch
):
    calls = []

    def first_refused(found, limits):
        calls.append(found)
        return ["too far"] if len(calls) == 1 else []

    monkeypatch.setattr(exporter, "objections", first_refused)
    folder = tmp_path / "out"
    command = f"{small} --to tflite-int8,tflite --output {folder} --calibrate {squares}"
    assert export.main(command.split()) == 0
    said = capsys.readouterr().out
    assert "as it is: too far" in said
    assert "in float32: kept" in said
    assert artefact.read_spec(folder).exports["tflite"].class_logits[0] < 1e-4


@pytest.fixture
def poor_nms(monkeypatch):
    """Post-processing inside whose detections match too little."""
    monkeypatch.setattr(exporter.nms_check, "matched_share", lambda *_: 0.8)


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_post_processing_inside_that_loses_too_much_is_refused_alone(
    poor_nms, small, tmp_path, capsys, name
):
    folder = tmp_path / "out"
    command = f"{small} --to {name} --output {folder} --with-nms"
    assert export.main(command.split()) == 1
    said = capsys.readouterr()
    file = artefact.NMS_FILES[name]
    assert f"over the limit: {file}: 80.0% of the detections match" in said.out
    assert f"refused: {file}; --accept-loss keeps them" in said.err
    assert {one.name for one in folder.iterdir()} == {artefact.FILES[name], "detector.json"}
    assert "accepted" not in artefact.read_spec(folder).exports[name].model_dump_json().replace(
        '"accepted_loss":false', ""
    )


def test_a_loss_of_post_processing_inside_can_be_accepted_and_is_recorded(
    poor_nms, small, tmp_path
):
    folder = tmp_path / "out"
    command = f"{small} --to onnx --output {folder} --with-nms --accept-loss"
    assert export.main(command.split()) == 0
    assert (folder / "model_nms.onnx").is_file()
    record = artefact.read_spec(folder).exports["onnx"]
    assert record.accepted_nms_loss
    assert not record.accepted_loss  # of the file without, which "auto" may take


def test_what_stays_in_float_is_said_of_post_processing_inside(
    unmeasured, small, squares, tmp_path, capsys, monkeypatch
):
    """It is written all in eight bits, and refused for that unless the loss is accepted."""
    calls = []

    def two_refused(found, limits):
        calls.append(found)
        return ["too far"] if len(calls) <= 2 else []

    monkeypatch.setattr(exporter, "objections", two_refused)
    folder = tmp_path / "out"
    command = f"{small} --to tflite-int8 --output {folder} --calibrate {squares} --with-nms"
    assert export.main(command.split()) == 1
    said = capsys.readouterr()
    assert "model_int8_nms.tflite: it cannot keep layers in float32" in said.out
    assert "refused: model_int8_nms.tflite" in said.err
    assert {one.name for one in folder.iterdir()} == {"model_int8.tflite", "detector.json"}
    calls.clear()
    assert export.main([*command.split(), "--accept-loss"]) == 0
    assert (folder / "model_int8_nms.tflite").is_file()


def test_post_processing_inside_takes_one_image_whatever_the_batch(small, tmp_path):
    import onnx

    folder = tmp_path / "out"
    command = f"{small} --to onnx --output {folder} --any-batch --with-nms"
    assert export.main(command.split()) == 0
    (image,) = onnx.load(str(folder / "model_nms.onnx")).graph.input
    assert image.type.tensor_type.shape.dim[0].dim_value == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("MODEL --to tpu --output out", "unknown format 'tpu'; use tflite, "),
        ("MODEL --to tflite-int8 --output out", "name a --calibrate DATA"),
        ("MODEL --to openvino --output out --with-nms", "--with-nms belongs to tflite, onnx"),
        ("MODEL --to tflite --output out --data nowhere", "no such data set"),
        ("MODEL --to tflite --output out --images images", "--images belongs to --data"),
        ("MODEL --to tflite --output out --voc-origin 1", "--voc-origin belongs to --data"),
        ("nowhere --to tflite --output out", "'nowhere' is no model"),
        ("MODEL/model.keras --to tflite --output out", "use a preset"),
        ("MODEL --to tflite --output MODEL/model.keras", "cannot write to folder"),
    ],
)
@pytest.mark.parametrize("dry", ["", " --dry-run"], ids=["real", "dry"])
def test_bad_input_is_said(source, arguments, says, dry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=says):
        export.main((arguments + dry).replace("MODEL", str(source)).split())
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_its_description_is_no_model(source, tmp_path):
    shutil.copy(source / "model.keras", tmp_path)
    with pytest.raises(UserError, match=r"holds no detector\.json"):
        export.main([str(tmp_path), "--to", "tflite", "--output", str(tmp_path / "out")])


def test_help_answers_without_heavy_imports():
    code = (
        "import sys, detector.export\n"
        "heavy = {'tensorflow', 'keras', 'onnx', 'cv2', 'numpy'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_dry_run_says_what_it_would_do_and_does_nothing(source, squares, tmp_path, capsys):
    folder = tmp_path / "out"
    command = f"{source} --to tflite-int8,onnx --calibrate {squares} --with-nms --output {folder}"
    assert export.main([*command.split(), "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        f"would export {source} (keras) to tflite-int8, onnx, also with post-processing inside, "
        f"each compared on {squares}; output {folder}\n"
    )
    assert not folder.exists()
