"""The diagnostics that `demo.doctor` runs in subprocesses, and their entry point.

`python -m demo.diagnosis.diagnostics NAME` writes one line of JSON to stdout, whatever the
engines print there; `demo.diagnosis.subprocess_check` starts it and reads that line.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from typing import Any

# All that the webcam imports in the end, save the engines.
_PROGRAM = (
    *("demo.webcam", "demo.sources.capture", "demo.view.window", "demo.view.hud"),
    *("demo.view.recorder", "detector.predictor", "detector.models", "detector.draw"),
    "detector.results",
)
_NETWORK_S = 3.0  # for one server to answer
_SUFFIXES = (".mp4", ".avi", ".webm")  # those of demo.view.recorder


def _program() -> dict[str, Any]:
    for module in _PROGRAM:
        importlib.import_module(module)
    return {}


def _opencv() -> dict[str, Any]:
    import cv2

    from demo.view.window import why_no_window

    return {
        "version": cv2.__version__,
        "gui": cv2.currentUIFramework(),
        "no_window": why_no_window(),
    }


def _codecs() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return {suffix: _why_no_video(Path(folder) / f"video{suffix}") for suffix in _SUFFIXES}


def _why_no_video(path: Path) -> str:
    """Why three frames cannot be written there and read back; "" if they can."""
    import numpy as np

    from configs.errors import UserError
    from demo.sources.capture import open_source
    from demo.view.recorder import Recorder

    try:
        with Recorder(path, fps=10.0) as recorder:
            for index, grey in enumerate((50, 100, 150)):
                recorder.add(np.full((96, 128, 3), grey, np.uint8), at=index / 10)
        with open_source(str(path)) as source:
            frames = sum(1 for _ in source)
    except UserError as error:
        return str(error).replace(str(path), path.name)
    return "" if frames == 3 else f"{frames} of 3 frames came back"


def _cameras() -> dict[str, Any]:
    from demo.diagnosis.cameras import list_cameras

    return {"cameras": [asdict(camera) for camera in list_cameras()]}


def _frame(index: str) -> dict[str, Any]:
    """One frame of a camera, opened as the webcam opens it."""
    from configs.errors import UserError
    from demo.sources.capture import open_source

    with open_source(index) as source:
        frame = next(source, None)
    if frame is None:
        raise UserError(f"camera {index} gave no frame")
    height, width = frame.image.shape[:2]
    return {"found": f"{width}x{height}" + (f" at {source.fps:.3g} fps" if source.fps else "")}


def _keras() -> dict[str, Any]:
    from detector.backend import start_keras

    start_keras()
    import keras

    backend, devices = keras.backend.backend(), []
    if backend == "tensorflow":
        import tensorflow as tf

        devices = sorted({one.device_type for one in tf.config.list_physical_devices()})
    version = f"{keras.__version__} on {backend}"
    return {"version": version, "seconds": time.process_time(), "devices": devices}


def _litert() -> dict[str, Any]:
    import ai_edge_litert
    import ai_edge_litert.interpreter

    return _engine(ai_edge_litert, ["CPU"])


def _onnxruntime() -> dict[str, Any]:
    import onnxruntime

    # Azure's calls a server.
    names = [one.removesuffix("ExecutionProvider") for one in onnxruntime.get_available_providers()]
    return _engine(onnxruntime, [name for name in names if name != "Azure"])


def _openvino() -> dict[str, Any]:
    import openvino

    return _engine(openvino, openvino.Core().available_devices)


def _engine(module: Any, devices: list[str]) -> dict[str, Any]:
    # CPU time, as other diagnostics run beside this one.
    seconds = time.process_time()
    return {"version": module.__version__.split("-")[0], "seconds": seconds, "devices": devices}


def _network() -> dict[str, Any]:
    """Why each server that holds weights cannot be reached; "" for one that answers."""
    from urllib.parse import urlsplit

    import requests  # noqa: F401  (takes a while, which is none of a server's)

    from detector.weights.presets import PRESETS

    urls: dict[str, str] = {}
    for file in (file for preset in PRESETS.values() for file in preset.files):
        urls.setdefault(urlsplit(file.url).netloc, file.url)
    # A name may take minutes to be looked up; nothing can stop that, so nobody waits for it.
    pool = ThreadPoolExecutor()
    asked = {host: pool.submit(_why_unreachable, url) for host, url in urls.items()}
    done = {one for one in wait(asked.values(), 2 * _NETWORK_S).done if not one.exception()}
    late = f"no answer within {2 * _NETWORK_S:.0f} s"
    return {"hosts": {host: one.result() if one in done else late for host, one in asked.items()}}


def _why_unreachable(url: str) -> str:
    import requests

    try:
        answer = requests.head(url, timeout=_NETWORK_S, allow_redirects=True)
    except requests.exceptions.SSLError:
        return "its certificate is not trusted here"
    except requests.exceptions.ProxyError:
        return "the proxy refuses"
    except requests.exceptions.Timeout:
        return f"no answer within {_NETWORK_S:.0f} s"
    except requests.RequestException:
        return "cannot be reached"
    return "" if answer.ok else f"answers {answer.status_code} {answer.reason}"


DIAGNOSTICS: dict[str, Callable[..., dict[str, Any]]] = {
    one.__name__.removeprefix("_"): one
    for one in (
        *(_program, _opencv, _cameras, _frame, _codecs),
        *(_litert, _onnxruntime, _openvino, _keras, _network),
    )
}
"""By name. All but `frame`, which takes a camera's number, stand alone."""


def main() -> None:
    """Run the diagnostic that the arguments name."""
    from configs.errors import UserError

    name, *arguments = sys.argv[1:]
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        try:
            answer = DIAGNOSTICS[name](*arguments)
        except UserError as error:
            answer = {"error": str(error)}
        except BaseException as error:  # a broken package may raise anything
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        json.dump(answer, out)
    os._exit(0)  # some engines hang or crash while they are taken down


if __name__ == "__main__":
    main()
