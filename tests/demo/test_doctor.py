import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from demo import doctor
from demo.diagnosis import diagnostics, doctor_checks
from demo.diagnosis.doctor_checks import Line
from demo.diagnosis.subprocess_check import BusyError, NoAnswerError
from detector.weights.presets import PRESETS

ROOT = Path(__file__).parents[2]
PATIENT = """
from demo.diagnosis import subprocess_check

subprocess_check.PATIENCE_S = 240.0  # a busy machine is no reason to fail
"""
NO_CAMERA = "import glob; glob.glob = lambda *_, **__: []\n"
CAMERA = """
import glob

import cv2

from demo.view import window

window._PROBE_TIMEOUT_S = 240.0  # a busy machine is no reason to fail
glob.glob = lambda *_, **__: [{device!r}]
open_capture = cv2.VideoCapture


def from_a_file(source, *rest):
    return open_capture({video!r}) if isinstance(source, int) else open_capture(source, *rest)


cv2.VideoCapture = from_a_file
"""
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="its devices stand in for others'")


def run_doctor(*arguments, customize, folder, **environment):
    """The command in another process, which `customize`, Python, alters beforehand."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(PATIENT + customize)
    gone = ("DISPLAY", "WAYLAND_DISPLAY")
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    # A port where nobody listens: no test asks the real network.
    kept |= {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "HTTPS_PROXY": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "demo.doctor", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, timeout=280
    )


def by_check(found):
    return {
        check: [line for line in found if line["check"] == check]
        for check in {line["check"] for line in found}
    }


# ---- whole runs


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """On a machine without camera, screen, network and models."""
    if sys.platform != "linux":
        pytest.skip("its devices stand in for others'")
    folder = tmp_path_factory.mktemp("bare")
    return run_doctor(customize=NO_CAMERA, folder=folder, SSDLITE_HOME=str(folder / "cache"))


def test_without_a_camera_the_webcam_cannot_work(bare):
    assert (bare.returncode, bare.stderr) == (1, "")
    failed = re.findall(r"^FAIL +(\w+)", bare.stdout, re.MULTILINE)
    assert failed == ["camera"]
    assert "the webcam cannot work here: see camera (" in bare.stdout


def test_without_a_network_the_built_in_model_is_at_hand(bare):
    assert re.search(
        r"^ok +model +coco: not in the cache and not to be had; .*; shapes: built in$",
        bare.stdout,
        re.MULTILINE,
    )


def test_without_a_screen_and_a_network_there_are_warnings(bare):
    assert "no display: the webcam will save a video instead" in bare.stdout
    assert re.search(r"^warn +network +\S+ the proxy refuses", bare.stdout, re.MULTILINE)


def test_whatever_is_off_has_a_fix(bare):
    lines = bare.stdout.splitlines()
    off = [i for i, line in enumerate(lines) if line.startswith(("warn", "FAIL"))]
    assert off
    assert all("fix: " in lines[i + 1] for i in off)


def test_what_works_is_said_without_colours(bare):
    for words in ("ONNX Runtime", "LiteRT", "Keras", ".mp4, .avi, .webm written and read back"):
        assert re.search(f"^ok .*{words}", bare.stdout, re.MULTILINE)
    assert "\x1b" not in bare.stdout


@pytest.fixture(scope="module")
def well(tmp_path_factory):
    """With a screen, a camera that plays a video, a cached model, and a broken ONNX Runtime."""
    if sys.platform != "linux" or shutil.which("Xvfb") is None:
        pytest.skip("needs Linux and Xvfb (apt-get install xvfb)")
    folder = tmp_path_factory.mktemp("well")
    video, device = folder / "camera.avi", folder / "video0"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for _ in range(50):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    device.touch()
    (folder / "onnxruntime").mkdir()
    (folder / "onnxruntime" / "__init__.py").write_text("raise ImportError('half a package')")
    cache = folder / "cache" / "coco"
    cache.mkdir(parents=True)
    for file in PRESETS["coco"].files:
        (cache / file.name).touch()
    command = ["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    result = run_doctor(
        "--json",
        customize=CAMERA.format(device=str(device), video=str(video)),
        folder=folder,
        DISPLAY=f":{server.stdout.readline().strip()}",
        SSDLITE_HOME=str(folder / "cache"),
    )
    server.terminate()
    server.communicate()
    return result


def test_with_camera_runtime_and_model_the_webcam_can_work(well):
    found = json.loads(well.stdout)
    assert (well.returncode, found["works"]) == (0, True)
    assert {line["status"] for line in found["checks"]} == {"ok", "warn"}
    assert set(found["checks"][0]) == {"check", "status", "found", "fix", "mend"}


def test_a_camera_is_tried(well):
    (line,) = by_check(json.loads(well.stdout)["checks"])["camera"]
    assert line["found"] == "0: video0 (V4L2), 64x48 at 25 fps"


def test_a_display_that_answers_has_windows(well):
    (line,) = by_check(json.loads(well.stdout)["checks"])["window"]
    assert (line["status"], line["found"]) == ("ok", "can be opened")


def test_a_model_in_the_cache_is_found(well):
    (line,) = by_check(json.loads(well.stdout)["checks"])["model"]
    assert line["found"].startswith("coco: in the cache;")


def test_a_broken_package_is_named_with_the_fix_and_the_others_work(well):
    broken, *others = by_check(json.loads(well.stdout)["checks"])["runtime"]
    assert broken["status"] == "warn"
    assert "ONNX Runtime does not start: ImportError: half a package" in broken["found"]
    assert re.search(r"--force-reinstall --no-deps onnxruntime==\d", broken["fix"])
    assert "ok" in {line["status"] for line in others}


@on_linux
def test_ctrl_c_ends_it_and_all_that_it_started(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("")
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "__init__.py").write_text("import time; time.sleep(600)")
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.doctor"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    process.stdout.readline()  # the second comes from a check beside which the probes run
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=250)  # openvino would sleep for longer
    assert (process.returncode, stderr) == (130, "interrupted\n")
    assert children
    assert not any(child.is_running() for child in children)


# ---- the command


def findings(*lines):
    def examine():
        yield from lines

    return examine


def test_a_warning_alone_is_no_failure(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine", findings(Line("window", "warn", "none", "buy one")))
    assert doctor.main([]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "warn  window    none",
        "                fix: buy one",
    ]


def test_one_failure_makes_the_exit_code_1(monkeypatch, capsys):
    lines = Line("disk", "ok", "large"), Line("camera", "FAIL", "none", "buy one")
    monkeypatch.setattr(doctor, "examine", findings(*lines))
    assert doctor.main([]) == 1
    assert "cannot work here: see camera (" in capsys.readouterr().out


def test_json_holds_the_same(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine", findings(Line("camera", "FAIL", "none", "buy one")))
    assert doctor.main(["--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["works"] is False
    assert found["checks"] == [
        {"check": "camera", "status": "FAIL", "found": "none", "fix": "buy one", "mend": "buy one"}
    ]


def test_on_a_busy_machine_nothing_is_known_and_nothing_to_be_installed(monkeypatch, capsys):
    def ask_the_network(ask):
        raise BusyError("no answer within 18 s, the machine is busy")
        yield

    monkeypatch.setattr(diagnostics, "DIAGNOSTICS", {})
    monkeypatch.setattr(doctor, "CHECKS", {"network": ask_the_network})
    assert doctor.main([]) == 1
    _, found, fix, verdict = capsys.readouterr().out.splitlines()
    assert found == "FAIL  network   no answer within 18 s, the machine is busy"
    assert fix.strip() == "fix: run this again when other programs are done"
    assert verdict.startswith("not known whether the webcam can work here, the machine is busy: ")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(
            ZeroDivisionError("by\nzero"),
            "the check came to an error: ZeroDivisionError: by zero",
            id="a fault of the check",
        ),
        pytest.param(ImportError("No module named 'x'"), "No module named 'x'", id="a package"),
        pytest.param(NoAnswerError("it died"), "it died", id="no answer"),
    ],
)
def test_a_check_that_comes_to_an_error_is_a_finding_and_the_others_go_on(monkeypatch, error, said):
    def broken(ask):
        raise error
        yield

    def good(ask):
        yield Line("good", "ok", "fine")

    monkeypatch.setattr(diagnostics, "DIAGNOSTICS", {})
    monkeypatch.setattr(doctor, "CHECKS", {"broken": broken, "good": good})
    _, first, second = doctor.examine()
    assert first[:3] == ("broken", "FAIL", said)
    assert second.status == "ok"


def test_under_another_python_nothing_else_is_looked_at(monkeypatch):
    monkeypatch.setattr(doctor_checks, "PYTHONS", ((3, 90), (3, 91)))
    (line,) = doctor.examine()
    assert (line.check, line.status) == ("python", "FAIL")
    assert "install Python 3.90 to 3.91, 64 bit" in line.fix


def test_the_pythons_are_those_of_the_project():
    first, last = doctor_checks.PYTHONS
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert wanted == f">={first[0]}.{first[1]},<{last[0]}.{last[1] + 1}"


def test_help_says_what_counts_and_loads_nothing_heavy():
    code = "import sys, demo.doctor; sys.exit(len({'cv2', 'numpy', 'keras'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    command = [sys.executable, "-m", "demo.doctor", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "exit code: 0, perhaps with warnings; 1 if any line says FAIL" in text
