import http.server
import socket
import sys
import threading
import time

import psutil
import pytest

from demo.diagnosis import diagnostics, subprocess_check
from demo.diagnosis.subprocess_check import NoAnswerError, Probe
from detector.weights import presets
from detector.weights.download import RemoteFile
from detector.weights.presets import Preset

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
    with Probe("onnxruntime") as probe, pytest.raises(NoAnswerError) as caught:
        probe.answer()
    assert str(caught.value) == said


def test_an_engine_that_hangs_is_given_up_and_ended(broken_engine, monkeypatch):
    monkeypatch.setattr(subprocess_check, "PATIENCE_S", 1.0)
    broken_engine("import time; time.sleep(60)")
    others = set(psutil.Process().children())  # that earlier tests have begun
    with Probe("onnxruntime") as probe:
        for _ in range(2):  # the second time it is known
            with pytest.raises(NoAnswerError, match="no answer within 1 s"):
                probe.answer()
    assert set(psutil.Process().children()) <= others


def test_an_answer_in_time_may_be_collected_late(broken_engine, monkeypatch):
    monkeypatch.setattr(subprocess_check, "PATIENCE_S", 0.0)
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
    monkeypatch.setattr(diagnostics, "_NETWORK_S", 0.4)
    monkeypatch.setattr(presets, "PRESETS", {"there": preset_at(f"http://{address}/{path}")})
    assert diagnostics.QUESTIONS["network"]() == {"hosts": {address: said}}


def test_a_server_that_is_not_there(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setattr(presets, "PRESETS", {"there": preset_at(f"http://{address}/w.bin")})
        assert diagnostics.QUESTIONS["network"]() == {"hosts": {address: "cannot be reached"}}
