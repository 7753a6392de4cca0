"""No name of a class or a file ends a command, and what was computed is in its files first."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import VocMaker

pytestmark = pytest.mark.slow  # a process for each

CLASSES = ("แมว", "猫")  # Thai and Chinese
HAS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, exported) -> Path:
    """A model, a data set, class folders and results whose names no Western code page has."""
    root = tmp_path_factory.mktemp("names")
    (root / "model").mkdir()
    shutil.copy(exported / "model.onnx", root / "model")
    spec = json.loads((exported / "detector.json").read_text())
    spec["class_names"] = CLASSES
    (root / "model/detector.json").write_text(json.dumps(spec))
    voc = VocMaker(root / "voc")
    for number in range(6):
        objects = [(name, 5 + number, 5, 70, 60 + number) for name in CLASSES]
        image = voc.add(f"ภาพ{number}", *objects)
        for name in CLASSES:
            target = root / "classes" / name / f"{number}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, target)
    voc.split("train", *(f"ภาพ{number}" for number in range(4)))
    voc.split("val", "ภาพ4", "ภาพ5")
    return root


def run(folder: Path, command: str, **options) -> subprocess.CompletedProcess[str]:
    hidden = {"DISPLAY", "WAYLAND_DISPLAY"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=folder,
        env=environment,
        check=False,
        **{"capture_output": True, "text": True, **options},
    )


MODEL = "model/model.onnx"
PRINTING = {
    "webcam": f"demo.webcam --source voc/JPEGImages --model {MODEL} --score 0.05 --headless "
    "--json {out}",
    "detect": f"detector.detect voc/JPEGImages --model {MODEL} --score 0.05",
    "detect files": f"detector.detect voc/JPEGImages --model {MODEL} --score 0.05 "
    "--draw {out}_แมว --json {out}",
    "check": "training.check voc --json {out}",
    "preview": "training.preview voc --output {out}.html",
    "convert": "training.convert voc {out}_แมว --to coco",
    "shapes": "training.shapes {out}_แมว --count 8",
    "quickstart": "demo.quickstart --output แมว --dry-run",
    "eval": f"eval.coco {MODEL} voc:val --json {{out}}",
    "eval.voc": f"eval.voc {MODEL} voc:val --json {{out}}",
    "compare": f"eval.compare {MODEL} {MODEL} voc:val --json {{out}}",
    "train": "training.train --data voc --output แมว --dry-run",
    "classify": "training.classify train --data classes --output แมว --dry-run",
    "unknown class": f"detector.detect voc/JPEGImages --model {MODEL} --classes 狗 --dry-run",
}
"""Commands that say names of classes or of files, by what they are."""


@pytest.mark.parametrize("name", PRINTING)
def test_names_that_the_output_cannot_encode_end_no_command(folder, name):
    command = PRINTING[name].replace("{out}", name.replace(" ", "-"))
    result = run(folder, command)
    assert "Traceback" not in result.stderr
    assert result.returncode in ((2,) if name == "unknown class" else (0, 1)), result.stderr
    assert r"\u0e41" in result.stdout + result.stderr or name == "preview"
    if " --json " in command:
        written = (folder / command.rpartition(" ")[2]).read_text(encoding="utf-8")
        assert CLASSES[0] in json.dumps(json.loads(written), ensure_ascii=False)


MEASURING = ("webcam", "check", "eval", "eval.voc", "compare")


@HAS_FULL
@pytest.mark.parametrize("name", MEASURING)
def test_what_was_measured_is_in_its_file_whatever_becomes_of_the_output(folder, name):
    out = folder / f"{name}-full.json"
    with Path("/dev/full").open("w") as full:
        command = PRINTING[name].replace("{out}", str(out))
        result = run(folder, command, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert "error: cannot write the output: No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
    assert json.loads(out.read_text(encoding="utf-8"))


def few_bytes_for_files():
    """As on a disk that is nearly full: a file of this process ends at 64 bytes."""
    resource = pytest.importorskip("resource")
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files here")
@pytest.mark.parametrize("verb", ["eval.coco", "eval.voc"])
def test_what_was_measured_is_printed_where_its_file_cannot_be_written(folder, verb):
    command = f"{verb} {MODEL} voc:val --json {verb}.json"
    result = run(folder, command, preexec_fn=few_bytes_for_files)
    assert result.returncode == 2
    assert r"\u732b" in result.stdout
    assert f"cannot write {verb}.json: File too large" in result.stderr
