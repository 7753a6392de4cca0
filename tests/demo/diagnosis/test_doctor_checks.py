import os
import re
import shutil
import sys
from collections import namedtuple

import cv2
import pytest

from demo.diagnosis import doctor_checks, doctor_models
from demo.diagnosis.doctor_checks import Line
from demo.diagnosis.subprocess_check import BusyError, NoAnswerError
from detector import models
from detector.weights import presets
from detector.weights.download import RemoteFile
from detector.weights.presets import Preset

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="its devices stand in for others'")


def preset_at(*urls):
    files = tuple(RemoteFile(url, size=2_000_000, sha256="0" * 64) for url in urls)
    return Preset("there", files)


def asking(**answers):
    """Answers as told; whatever is an exception is raised."""

    def ask(name):
        answer = answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


DEAD = NoAnswerError("it died")
BUSY = BusyError("no answer within 18 s, the machine is busy")
ENGINE = {"version": "1.0", "seconds": 0.1, "devices": ["CPU"]}
ENGINES = ("onnxruntime", "litert", "openvino", "keras")


def statuses(lines):
    return [line.status for line in lines]


def test_an_opencv_that_lacks_system_libraries_has_another_fix_than_a_broken_one():
    lacking = NoAnswerError("ImportError: libGL.so.1: cannot open shared object file")
    (line,) = doctor_checks.opencv(asking(opencv=lacking))
    assert line.status == "FAIL"
    if sys.platform == "linux":
        assert "apt-get install libgl1" in line.fix
    (line,) = doctor_checks.opencv(asking(opencv=DEAD))
    assert "pip install --force-reinstall --no-deps opencv-python" in line.fix
    assert list(doctor_checks.window(asking(opencv=DEAD))) == []  # said once


def test_two_opencvs_of_different_versions_are_told_apart(monkeypatch):
    versions = {"opencv-python": "5.0", "opencv-python-headless": "4.11"}
    monkeypatch.setattr(doctor_checks, "_version", versions.get)
    (line,) = doctor_checks.opencv(asking(opencv={"version": "4.11", "gui": ""}))
    assert line.status == "warn"
    assert "opencv-python 5.0 and opencv-python-headless 4.11 share" in line.found
    assert line.fix.endswith("opencv-python==5.0")


def test_an_opencv_without_windows_has_the_fix_of_the_webcam(monkeypatch):
    from demo.view.window import why_no_window

    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    (line,) = doctor_checks.window(asking(opencv={"no_window": why_no_window()}))
    assert line.status == "warn"
    assert line.found == "this OpenCV has no windows: the webcam will save a video instead"
    assert re.fullmatch(r"pip install --force-reinstall --no-deps opencv-python==[\d.]+", line.fix)


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
    assert bool(line.fix) == (line.status != "ok")


def test_without_the_projects_file_the_installation_says_what_it_asks(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor_checks, "_PROJECT", tmp_path / "pyproject.toml")
    (line,) = doctor_checks.packages(asking())
    assert re.fullmatch(r"all \d+ as the project asks|.*(is|not) .*", line.found)


CAMERA_0 = {"index": 0, "name": "Lid", "backend": "V4L2", "fault": ""}
CAMERA_2 = {"index": 2, "name": "Desk", "backend": "V4L2", "fault": ""}
CAMERA_4 = {"index": 4, "name": "Wall", "backend": "V4L2", "fault": ""}


def test_cameras_are_tried_until_one_gives_a_frame(monkeypatch):
    from demo.diagnosis import cameras

    trials = {0: (False, "busy"), 2: (True, "640x480 at 30 fps")}
    monkeypatch.setattr(cameras, "try_camera", lambda camera: trials[camera.index])
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


def test_where_no_camera_gives_a_frame_the_last_one_fails(monkeypatch):
    from demo.diagnosis import cameras

    monkeypatch.setattr(cameras, "try_camera", lambda _: (False, "busy"))
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
    assert "SSDLITE_HOME" in cache.fix


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


@pytest.mark.parametrize("check", [doctor_checks.program, doctor_checks.opencv])
def test_on_a_busy_machine_nothing_is_to_be_installed(check):
    (line,) = check(asking(program=BUSY, opencv=BUSY))
    assert line[1:] == ("FAIL", "no answer within 18 s, the machine is busy", BusyError.fix)


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(dict.fromkeys(ENGINES, BUSY), id="no runtime answers"),
        pytest.param({**dict.fromkeys(ENGINES, ENGINE), "keras": BUSY}, id="one does not"),
    ],
)
def test_on_a_busy_machine_no_runtime_is_to_be_installed(answers):
    off = [line for line in doctor_models.runtimes(asking(**answers)) if line.status != "ok"]
    assert off
    assert {line.fix for line in off} == {BusyError.fix}


def test_openvino_need_not_be_installed():
    answers = dict.fromkeys(ENGINES, ENGINE)
    answers["openvino"] = NoAnswerError("ModuleNotFoundError: No module named 'openvino'")
    lines = list(doctor_models.runtimes(asking(**answers)))
    assert statuses(lines) == ["ok"] * 4
    assert lines[2].fix.startswith("pip install openvino")


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
    ],
)
def test_a_gpu_is_said_with_what_uses_it(monkeypatch, tmp_path, script, devices, status, said):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(doctor_models, "_SMI_S", 250.0)
    ask = asking(keras={**ENGINE, "devices": devices}, onnxruntime=DEAD)
    (line,) = doctor_models.gpu(ask)
    assert line.status == status
    assert said in line.found


@on_linux
@pytest.mark.parametrize(
    ("idle", "said", "fix"),
    [
        pytest.param(0.5, "no answer within 0 s", "NVIDIA's driver anew", id="hanging"),
        pytest.param(0.05, "the machine is busy", BusyError.fix, id="the machine is busy"),
    ],
)
def test_a_gpu_that_does_not_answer(monkeypatch, tmp_path, processors, idle, said, fix):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexec sleep 600\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(doctor_models, "_SMI_S", 0.1)
    processors(idle)
    (line,) = doctor_models.gpu(asking(keras=ENGINE, onnxruntime=DEAD))
    assert line.status == "warn"
    assert line.found.endswith(said)
    assert line.fix.endswith(fix)


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
