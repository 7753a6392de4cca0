import http.server
import socket
import subprocess
import sys
import threading
from collections import namedtuple

import psutil
import pytest

from demo.diagnosis import diagnostics, subprocess_check
from demo.diagnosis.subprocess_check import BusyError, NoAnswerError, SubprocessCheck
from detector.weights import presets
from detector.weights.download import RemoteFile
from detector.weights.presets import Preset

psutil_times = namedtuple("psutil_times", "user idle")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="its devices stand in for others'")


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
    with SubprocessCheck("onnxruntime") as check, pytest.raises(NoAnswerError) as caught:
        check.answer()
    assert str(caught.value) == said


def test_an_engine_that_hangs_is_given_up_and_ended(broken_engine, monkeypatch, processors):
    monkeypatch.setattr(subprocess_check, "PATIENCE_S", 1.0)
    broken_engine("import time; time.sleep(600)")
    processors(idle=0.5)
    others = set(psutil.Process().children())  # that earlier tests have begun
    with SubprocessCheck("onnxruntime") as check:
        for _ in range(2):  # the second time it is known
            with pytest.raises(NoAnswerError, match=r"no answer within 1 s$"):
                check.answer()
    assert set(psutil.Process().children()) <= others


class NeverDone:
    """A process that gives no answer."""

    def __init__(self, *_, **__):
        pass

    def communicate(self, timeout=None):
        if timeout is not None:
            raise subprocess.TimeoutExpired("a diagnostic", timeout)

    def kill(self):
        pass


@pytest.mark.parametrize(
    ("idle", "error", "said"),
    [
        pytest.param(0.0, BusyError, "no answer within 18 s, the machine is busy", id="busy"),
        pytest.param(0.09, BusyError, "no answer within 18 s, the machine is busy", id="almost"),
        pytest.param(0.11, NoAnswerError, "no answer within 18 s", id="it has some time"),
    ],
)
def test_without_an_answer_the_load_says_why(monkeypatch, processors, idle, error, said):
    monkeypatch.setattr(subprocess_check.subprocess, "Popen", NeverDone)
    monkeypatch.setattr(subprocess_check, "PATIENCE_S", 18.0)
    processors(idle)
    with SubprocessCheck("keras") as check, pytest.raises(NoAnswerError) as caught:
        check.answer()
    assert (type(caught.value), str(caught.value)) == (error, said)


def test_the_load_is_measured(monkeypatch):
    load = subprocess_check.Load()
    monkeypatch.setattr(psutil, "cpu_times", lambda: psutil_times(user=1e9, idle=0.0))
    assert isinstance(load.no_answer(1.0), BusyError)
    monkeypatch.setattr(psutil, "cpu_times", lambda: psutil_times(user=1e9, idle=1e9))
    assert not isinstance(load.no_answer(1.0), BusyError)


def test_an_answer_in_time_may_be_collected_late(broken_engine, monkeypatch):
    monkeypatch.setattr(subprocess_check, "PATIENCE_S", 0.0)
    broken_engine("__version__ = '9.9'; get_available_providers = list")
    others = set(psutil.Process().children())
    with SubprocessCheck("onnxruntime") as check:
        (process,) = set(psutil.Process().children()) - others
        process.wait()
        assert check.answer()["version"] == "9.9"


def test_what_an_engine_prints_does_not_disturb_its_answer(broken_engine):
    broken_engine(
        "import os; os.write(1, b'hello'); print('hello'); __version__ = '9.9-dev'\n"
        "get_available_providers = lambda: ['AzureExecutionProvider', 'CUDAExecutionProvider']"
    )
    with SubprocessCheck("onnxruntime") as check:
        answer = check.answer()
    assert (answer["version"], answer["devices"]) == ("9.9", ["CUDA"])


class Weights(http.server.BaseHTTPRequestHandler):
    """Has one file."""

    def do_HEAD(self):
        if self.path == "/slow.bin":
            self.server.over.wait()
        self.send_response(200 if self.path == "/weights.bin" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Weights) as server:
        server.over = threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.over.set()
        server.shutdown()


def preset_at(*urls):
    files = tuple(RemoteFile(url, size=2_000_000, sha256="0" * 64) for url in urls)
    return Preset("there", files)


@pytest.mark.parametrize(
    ("path", "patience_s", "said"),
    [
        pytest.param("weights.bin", 60.0, "", id="it answers"),
        pytest.param("other.bin", 60.0, "answers 404 Not Found", id="the file is gone"),
        pytest.param("slow.bin", 0.4, "no answer within 0 s", id="too slow"),
    ],
)
def test_a_server_with_weights(monkeypatch, address, path, patience_s, said):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(diagnostics, "_NETWORK_S", patience_s)
    monkeypatch.setattr(presets, "PRESETS", {"there": preset_at(f"http://{address}/{path}")})
    assert diagnostics.DIAGNOSTICS["network"]() == {"hosts": {address: said}}


def test_a_server_that_is_not_there(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(diagnostics, "_NETWORK_S", 60.0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setattr(presets, "PRESETS", {"there": preset_at(f"http://{address}/w.bin")})
        assert diagnostics.DIAGNOSTICS["network"]() == {"hosts": {address: "cannot be reached"}}
