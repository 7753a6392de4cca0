import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from demo import doctor, doctor_checks, doctor_models, probes, questions
from demo.doctor_checks import Line
from demo.probes import NoAnswerError, Probe
from detector import models
from detector.weights import presets
from detector.weights.download import RemoteFile
from detector.weights.presets import PRESETS, Preset

ROOT = Path(__file__).parents[2]
NO_CAMERA = "import glob; glob.glob = lambda *_, **__: []\n"
CAMERA = """
import glob

import cv2

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
    (folder / "sitecustomize.py").write_text(customize)
    gone = ("DISPLAY", "WAYLAND_DISPLAY")
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    # A port where nobody listens: no test asks the real network.
    kept |= {"PYTHONPATH": str(folder), "HTTPS_PROXY": "http://127.0.0.1:9"} | environment
    command = [sys.executable, "-m", "demo.doctor", *arguments]
    return subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=120)


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


def test_whatever_is_off_has_a_mend(bare):
    lines = bare.stdout.splitlines()
    off = [i for i, line in enumerate(lines) if line.startswith(("warn", "FAIL"))]
    assert off
    assert all("mend: " in lines[i + 1] for i in off)


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
    assert set(found["checks"][0]) == {"check", "status", "found", "mend"}


def test_a_camera_is_tried(well):
    (line,) = by_check(json.loads(well.stdout)["checks"])["camera"]
    assert line["found"] == "0: video0 (V4L2), 64x48 at 25 fps"


def test_a_display_that_answers_has_windows(well):
    (line,) = by_check(json.loads(well.stdout)["checks"])["window"]
    assert (line["status"], line["found"]) == ("ok", "can be opened")


def test_a_model_in_the_cache_is_found(well):
    (line,) = by_check(json.loads(well.stdout)["checks"])["model"]
    assert line["found"].startswith("coco: in the cache;")


def test_a_broken_package_is_named_with_the_mend_and_the_others_work(well):
    broken, *others = by_check(json.loads(well.stdout)["checks"])["runtime"]
    assert broken["status"] == "warn"
    assert "ONNX Runtime does not start: ImportError: half a package" in broken["found"]
    assert re.search(r"--force-reinstall --no-deps onnxruntime==\d", broken["mend"])
    assert "ok" in {line["status"] for line in others}


@on_linux
def test_ctrl_c_ends_it_and_all_that_it_started(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("")
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "__init__.py").write_text("import time; time.sleep(60)")
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
    begun = time.monotonic()
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (130, "interrupted\n")
    assert time.monotonic() - begun < 5
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
        "                mend: buy one",
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
        {"check": "camera", "status": "FAIL", "found": "none", "mend": "buy one"}
    ]


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

    monkeypatch.setattr(questions, "QUESTIONS", {})
    monkeypatch.setattr(doctor, "_checks", lambda: {"broken": broken, "good": good})
    _, first, second = doctor.examine()
    assert first[:3] == ("broken", "FAIL", said)
    assert second.status == "ok"


def test_under_another_python_nothing_else_is_looked_at(monkeypatch):
    monkeypatch.setattr(doctor_checks, "PYTHONS", ((3, 90), (3, 91)))
    (line,) = doctor.examine()
    assert (line.check, line.status) == ("python", "FAIL")
    assert "install Python 3.90 to 3.91, 64 bit" in line.mend


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


# ---- questions


@pytest.fixture
def broken_engine(tmp_path, monkeypatch):
    """Puts another onnxruntime in the place of the real one: `broken_engine(code)`."""

    def make(code):
        (tmp_path / "onnxruntime").mkdir()
        (tmp_path / "onnxruntime" / "__init__.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)

    return make


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("raise ImportError('a\\nb')", "ImportError: a b", id="an error"),
        pytest.param("raise SystemExit(3)", "SystemExit: 3", id="it wants to exit"),
        pytest.param(
            "import os, sys; print('oh no', file=sys.stderr); sys.stderr.flush(); os._exit(7)",
            "the process died (exit code 7) oh no",
            id="it exits",
        ),
        pytest.param(
            "import os; os.abort()",
            "the process died (SIGABRT)",
            id="it aborts",
            marks=on_linux,
        ),
    ],
)
def test_why_there_is_no_answer(broken_engine, code, said):
    broken_engine(code)
    with Probe("onnxruntime") as probe, pytest.raises(NoAnswerError) as caught:
        probe.answer()
    assert str(caught.value) == said


def test_an_engine_that_hangs_is_given_up_and_ended(broken_engine, monkeypatch):
    monkeypatch.setattr(probes, "PATIENCE_S", 1.0)
    broken_engine("import time; time.sleep(60)")
    with Probe("onnxruntime") as probe:
        for _ in range(2):  # the second time it is known
            with pytest.raises(NoAnswerError, match="no answer within 1 s"):
                probe.answer()
    assert not psutil.Process().children()


def test_an_answer_in_time_may_be_collected_late(broken_engine, monkeypatch):
    monkeypatch.setattr(probes, "PATIENCE_S", 0.0)
    broken_engine("__version__ = '9.9'; get_available_providers = list")
    with Probe("onnxruntime") as probe:
        time.sleep(2.0)
        assert probe.answer()["version"] == "9.9"


def test_what_an_engine_prints_does_not_disturb_its_answer(broken_engine):
    broken_engine(
        "import os; os.write(1, b'hello'); print('hello'); __version__ = '9.9-dev'\n"
        "get_available_providers = lambda: ['AzureExecutionProvider', 'CUDAExecutionProvider']"
    )
    with Probe("onnxruntime") as probe:
        answer = probe.answer()
    assert (answer["version"], answer["devices"]) == ("9.9", ["CUDA"])


class Weights(http.server.BaseHTTPRequestHandler):
    """Has one file."""

    def do_HEAD(self):
        if self.path == "/slow.bin":
            time.sleep(1.0)
        self.send_response(200 if self.path == "/weights.bin" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Weights) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def preset_at(*urls):
    files = tuple(RemoteFile(url, size=2_000_000, sha256="0" * 64) for url in urls)
    return Preset("there", files, lambda _: pytest.fail("loaded"), "none", "here")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("weights.bin", "", id="it answers"),
        pytest.param("other.bin", "answers 404 Not Found", id="the file is gone"),
        pytest.param("slow.bin", "no answer within 0 s", id="too slow"),
    ],
)
def test_a_server_with_weights(monkeypatch, address, path, said):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(questions, "_NETWORK_S", 0.4)
    monkeypatch.setattr(presets, "PRESETS", {"there": preset_at(f"http://{address}/{path}")})
    assert questions.QUESTIONS["network"]() == {"hosts": {address: said}}


def test_a_server_that_is_not_there(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setattr(presets, "PRESETS", {"there": preset_at(f"http://{address}/w.bin")})
        assert questions.QUESTIONS["network"]() == {"hosts": {address: "cannot be reached"}}


# ---- checks, by what they are told


def asking(**answers):
    """Answers as told; whatever is an exception is raised."""

    def ask(question):
        answer = answers[question]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


DEAD = NoAnswerError("it died")
ENGINE = {"version": "1.0", "seconds": 0.1, "devices": ["CPU"]}
ENGINES = ("onnxruntime", "litert", "openvino", "keras")


def statuses(lines):
    return [line.status for line in lines]


def test_an_opencv_that_lacks_system_libraries_has_another_mend_than_a_broken_one():
    lacking = NoAnswerError("ImportError: libGL.so.1: cannot open shared object file")
    (line,) = doctor_checks.opencv(asking(opencv=lacking))
    assert line.status == "FAIL"
    if sys.platform == "linux":
        assert "apt-get install libgl1" in line.mend
    (line,) = doctor_checks.opencv(asking(opencv=DEAD))
    assert "pip install --force-reinstall --no-deps opencv-python" in line.mend
    assert list(doctor_checks.window(asking(opencv=DEAD))) == []  # said once


def test_two_opencvs_of_different_versions_are_told_apart(monkeypatch):
    versions = {"opencv-python": "5.0", "opencv-python-headless": "4.11"}
    monkeypatch.setattr(doctor_checks, "_version", versions.get)
    (line,) = doctor_checks.opencv(asking(opencv={"version": "4.11", "gui": ""}))
    assert line.status == "warn"
    assert "opencv-python 5.0 and opencv-python-headless 4.11 share" in line.found
    assert line.mend.endswith("opencv-python==5.0")


def test_an_opencv_without_windows_has_the_mend_of_the_webcam(monkeypatch):
    from demo.screen import why_no_window

    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    (line,) = doctor_checks.window(asking(opencv={"no_window": why_no_window()}))
    assert line.status == "warn"
    assert line.found == "this OpenCV has no windows: the webcam will save a video instead"
    assert re.fullmatch(r"pip install --force-reinstall --no-deps opencv-python==[\d.]+", line.mend)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        pytest.param('"numpy>=1.0"', "all 1 as the project asks", id="right"),
        pytest.param('"numpy>=999"', "not >=999", id="too old"),
        pytest.param('"no-such-package-at-all"', "no-such-package-at-all is missing", id="missing"),
        pytest.param(
            "\"no-such-package-at-all; sys_platform == 'amiga'\"",
            "all 0 as the project asks",
            id="of another system",
        ),
    ],
)
def test_packages_are_compared_with_what_the_project_asks(monkeypatch, tmp_path, wanted, said):
    path = tmp_path / "pyproject.toml"
    path.write_text(f"[project]\ndependencies = [{wanted}]")
    monkeypatch.setattr(doctor_checks, "_PROJECT", path)
    (line,) = doctor_checks.packages(asking())
    assert said in line.found
    assert bool(line.mend) == (line.status != "ok")


def test_without_the_projects_file_the_installation_says_what_it_asks(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor_checks, "_PROJECT", tmp_path / "pyproject.toml")
    (line,) = doctor_checks.packages(asking())
    assert re.fullmatch(r"all \d+ as the project asks|.*(is|not) .*", line.found)


CAMERA_0 = {"index": 0, "name": "Lid", "backend": "V4L2", "fault": ""}
CAMERA_2 = {"index": 2, "name": "Desk", "backend": "V4L2", "fault": ""}
CAMERA_4 = {"index": 4, "name": "Wall", "backend": "V4L2", "fault": ""}


def test_cameras_are_tried_until_one_gives_a_picture(monkeypatch):
    from demo import cameras

    trials = {0: cameras.Trial(None, None, "busy"), 2: cameras.Trial((480, 640), 30.0, "")}
    monkeypatch.setattr(cameras, "try_camera", trials.__getitem__)
    found = {"cameras": [CAMERA_0, CAMERA_2, CAMERA_4]}
    assert list(doctor_checks.camera(asking(cameras=found))) == [
        Line("camera", "warn", "0: Lid (V4L2)", "busy"),
        Line(
            "camera",
            "ok",
            "2: Desk (V4L2), 640x480 at 30 fps",
            "python -m demo.webcam --source 2",
        ),
        Line("camera", "ok", "4: Wall (V4L2), not tried"),
    ]


def test_where_no_camera_gives_a_picture_the_last_one_fails(monkeypatch):
    from demo import cameras

    monkeypatch.setattr(cameras, "try_camera", lambda _: cameras.Trial(None, None, "busy"))
    found = {"cameras": [CAMERA_0, CAMERA_2]}
    assert statuses(doctor_checks.camera(asking(cameras=found))) == ["warn", "FAIL"]


def test_a_codec_that_is_lacking_is_named_with_another():
    reasons = {".mp4": "cannot encode mp4v", ".avi": "", ".webm": ""}
    (line,) = doctor_checks.codecs(asking(codecs=reasons))
    assert line == Line(
        "codecs",
        "warn",
        ".avi, .webm written and read back; .mp4: cannot encode mp4v",
        "record with --save FILE.avi",
    )


def test_a_full_disk_is_said(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**8))
    folder, cache = doctor_checks.storage(asking())
    assert (folder.status, cache.status) == ("warn", "warn")
    assert "0.1 GB free" in folder.found
    assert "SSDLITE_HOME" in cache.mend


def test_a_cache_that_cannot_be_written_to_is_said(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path / "file" / "cache"))
    _, cache = doctor_checks.storage(asking())
    assert cache.status == "warn"
    assert "is not a folder" in cache.found


def test_one_runtime_is_enough():
    answers = dict.fromkeys(ENGINES, DEAD) | {"litert": ENGINE}
    lines = list(doctor_models.runtimes(asking(**answers)))
    assert statuses(lines) == ["warn", "ok", "warn", "warn"]


def test_without_any_runtime_the_webcam_cannot_work():
    lines = list(doctor_models.runtimes(asking(**dict.fromkeys(ENGINES, DEAD))))
    assert lines[-1].status == "FAIL"


def test_openvino_need_not_be_installed():
    answers = dict.fromkeys(ENGINES, ENGINE)
    answers["openvino"] = NoAnswerError("ModuleNotFoundError: No module named 'openvino'")
    lines = list(doctor_models.runtimes(asking(**answers)))
    assert statuses(lines) == ["ok"] * 4
    assert lines[2].mend.startswith("pip install openvino")


@on_linux
@pytest.mark.parametrize(
    ("script", "devices", "status", "said"),
    [
        pytest.param("echo 'NVIDIA A, 550.1'", ["CPU"], "warn", "nothing here uses it", id="idle"),
        pytest.param(
            "echo 'NVIDIA A, 550.1'", ["CPU", "GPU"], "ok", "usable by TensorFlow", id="used"
        ),
        pytest.param(
            "echo 'no driver' >&2; exit 9", ["CPU"], "warn", "nvidia-smi: no driver", id="broken"
        ),
        pytest.param("exec sleep 30", ["CPU"], "warn", "no answer within 0 s", id="hanging"),
    ],
)
def test_a_gpu_is_said_with_what_uses_it(monkeypatch, tmp_path, script, devices, status, said):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(doctor_models, "_SMI_S", 0.4)
    ask = asking(keras={**ENGINE, "devices": devices}, onnxruntime=DEAD)
    (line,) = doctor_models.gpu(ask)
    assert line.status == status
    assert said in line.found


def test_a_machine_without_a_gpu_is_no_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (line,) = doctor_models.gpu(asking(keras=ENGINE, onnxruntime=ENGINE))
    assert line.status == "ok"


ONLINE, OFFLINE = {"hosts": {"h.org": ""}}, {"hosts": {"h.org": "cannot be reached"}}


@pytest.mark.parametrize(
    ("preset", "network", "keras", "status", "said"),
    [
        pytest.param(
            preset_at("https://h.org/w"), ONLINE, ENGINE, "ok", "first used (2 MB)", id="online"
        ),
        pytest.param(
            preset_at("https://h.org/w"), OFFLINE, ENGINE, "FAIL", "not to be had", id="offline"
        ),
        pytest.param(
            preset_at("https://h.org/w"), DEAD, ENGINE, "FAIL", "not to be had", id="not known"
        ),
        pytest.param(
            preset_at("https://h.org/w"), ONLINE, DEAD, "FAIL", "but Keras", id="no Keras"
        ),
        pytest.param(
            preset_at("https://h.org/cached"), OFFLINE, ENGINE, "ok", "in the cache", id="cached"
        ),
    ],
)
def test_a_model_is_at_hand_or_to_be_had(
    monkeypatch, tmp_path, preset, network, keras, status, said
):
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "cached").touch()
    monkeypatch.setattr(presets, "PRESETS", {"there": preset})
    monkeypatch.setattr(models, "BUILT_IN", {})
    (line,) = doctor_models.models(asking(network=network, keras=keras))
    assert line.status == status
    assert said in line.found


def test_a_built_in_model_is_always_at_hand(monkeypatch, tmp_path):
    (tmp_path / "detector.json").write_text("{}")
    monkeypatch.setattr(presets, "PRESETS", {})
    monkeypatch.setattr(models, "BUILT_IN", {"here": tmp_path, "lost": tmp_path / "lost"})
    (line,) = doctor_models.models(asking(network=OFFLINE, keras=DEAD))
    assert (line.status, line.found) == ("ok", "here: built in")


def test_a_model_in_its_fast_format_needs_no_keras(monkeypatch, tmp_path):
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path))
    folder = presets.exported_folder("there")
    folder.mkdir(parents=True)
    (folder / "detector.json").write_text("{}")
    monkeypatch.setattr(presets, "PRESETS", {"there": preset_at("https://h.org/w")})
    monkeypatch.setattr(models, "BUILT_IN", {})
    (line,) = doctor_models.models(asking(network=OFFLINE, keras=DEAD))
    assert (line.status, line.found) == ("ok", "there: ready, in a fast format")


def test_offline_is_no_failure():
    (line,) = doctor_models.network(asking(network=OFFLINE))
    assert (line.status, line.found) == ("warn", "h.org cannot be reached")
    (line,) = doctor_models.network(asking(network=ONLINE))
    assert (line.status, line.found) == ("ok", "h.org answer")
