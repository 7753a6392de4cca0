"""Every path that loads a model refuses a file that is not the one described."""

import json
import shutil
import subprocess
import sys

import pytest

from configs.errors import UserError
from detector.artefact import FILES, DetectorSpec, read_spec
from detector.digests import digest_of, require_undamaged
from detector.models import open_model
from detector.predictor import Predictor


def test_a_digest_is_that_of_sha256sum(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of(tmp_path / "a") == wanted


def test_a_file_without_a_digest_is_not_compared(tmp_path):
    (tmp_path / "model.onnx").write_text("anything")
    require_undamaged(tmp_path / "model.onnx", {"model.tflite": "0"}, "detector.json")


def test_the_weights_beside_a_graph_of_openvino_are_compared_too(tmp_path):
    for name in ("model.xml", "model.bin"):
        (tmp_path / name).write_text(name)
    digests = {"model.xml": digest_of(tmp_path / "model.xml"), "model.bin": "0" * 64}
    with pytest.raises(UserError, match=r"model\.bin is damaged"):
        require_undamaged(tmp_path / "model.xml", digests, "detector.json")


@pytest.fixture
def described(exported, tmp_path):
    """A model in all formats, with the digests of them all, as export writes it."""
    folder = shutil.copytree(exported, tmp_path / "model")
    names = (*FILES.values(), "model.bin")
    digests = {name: digest_of(folder / name) for name in names if (folder / name).is_file()}
    changes = {"digests": digests, "class_names": ("square", "b")}
    spec = read_spec(folder).model_copy(update=changes)
    (folder / "detector.json").write_text(spec.model_dump_json())
    return folder


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("runtime", "file"),
    [
        ("keras", "model.keras"),
        ("tflite", "model.tflite"),
        ("onnx", "model.onnx"),
        ("openvino", "model.bin"),
    ],
)
def test_a_flipped_bit_is_refused_in_every_format(described, runtime, file):
    assert Predictor.load(str(described), runtime).runtime == runtime
    path = described / file
    flip(path, path.stat().st_size // 2)
    with pytest.raises(UserError, match=r"is damaged, or not the file that detector\.json"):
        Predictor.load(str(described), runtime)


def test_a_file_that_is_named_itself_is_held_to_the_description_beside_it(described):
    flip(described / "model.onnx", 5000)
    with pytest.raises(UserError, match=r"model\.onnx is damaged"):
        open_model(str(described / "model.onnx"))


def test_the_fastest_is_never_a_damaged_one(described, tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path / "cache"))
    for name in ("model.tflite", "model.bin"):
        flip(described / name, 5000)
    opened = open_model(str(described), "auto")
    assert opened.file.name == "model.onnx"
    assert "model.tflite is damaged" in opened.why
    flip(described / "model.onnx", 5000)
    (described / "model.keras").unlink()
    with pytest.raises(UserError, match=r"model\.tflite is damaged"):
        open_model(str(described), "auto")


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "detector.detect IMAGES --json OUT --model MODEL --runtime tflite",
        "eval.coco MODEL DATA --runtime tflite",
        "eval.latency MODEL --runtime tflite",
    ],
)
def test_every_command_says_so_in_one_line(described, squares, tmp_path, command):
    flip(described / "model.tflite", 5000)
    places = {"IMAGES": squares / "JPEGImages", "OUT": tmp_path / "o.json"}
    places |= {"MODEL": described, "DATA": squares}
    words = [str(places.get(word, word)) for word in command.split()]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "is damaged, or not the file that detector.json describes" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_description_says_of_digests_is_checked(described):
    values = json.loads((described / "detector.json").read_text())
    with pytest.raises(ValueError, match="digests"):
        DetectorSpec.model_validate(values | {"digests": ["model.keras"]})
