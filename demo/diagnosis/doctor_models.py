"""The doctor's checks of models: runtimes, GPUs, servers with weights, and weights in the cache."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from demo.diagnosis.doctor_checks import SET_UP, Ask, Line, pin, warn_or_ok
from demo.diagnosis.subprocess_check import Load, NoAnswerError

if TYPE_CHECKING:
    from detector.weights.presets import Preset

_RUNTIMES = {
    "onnxruntime": ("ONNX Runtime", "onnxruntime"),
    "litert": ("LiteRT", "ai-edge-litert"),
    "openvino": ("OpenVINO", "openvino"),
    "keras": ("Keras", "keras"),
}  # by diagnostic: name, package
_SMI_S = 5.0
_CUDA = {"keras": "TensorFlow", "onnxruntime": "ONNX Runtime (--device cuda)"}


def runtimes(ask: Ask) -> Iterator[Line]:
    """What runs networks here, and on which devices."""
    errors = []
    for check, (name, package) in _RUNTIMES.items():
        try:
            answer = ask(check)
        except NoAnswerError as error:
            errors.append(error)
            yield _no_runtime(name, package, error)
            continue
        devices = f"; {', '.join(answer['devices'])}" if answer["devices"] else ""
        found = f"{name} {answer['version']}, {answer['seconds']:.1f} s of CPU to start{devices}"
        yield Line("runtime", "ok", found)
    if len(errors) == len(_RUNTIMES):
        fix = next((error.fix for error in errors if error.fix), SET_UP)
        yield Line("runtime", "FAIL", "none works, so no model can run", fix)


def _no_runtime(name: str, package: str, error: NoAnswerError) -> Line:
    if f"No module named '{package.replace('-', '_')}'" in str(error):
        if package == "openvino":
            faster = f"pip install {package} (often the fastest on Intel's CPUs)"
            return Line("runtime", "ok", f"{name} is not installed, which is no fault", faster)
        return Line("runtime", "warn", f"{name} is not installed", f"pip install {package}")
    fix = error.fix or f"pip install --force-reinstall --no-deps {pin(package)}"
    if str(error).startswith("no answer") and not error.fix:
        fix = f"run this again (a first start is slow); else {fix}"
    return Line("runtime", "warn", f"{name} does not start: {error}", fix)


def gpu(ask: Ask) -> Iterator[Line]:
    """NVIDIA's GPUs, and whether anything uses them; other makers' show among the devices above."""
    try:
        found = _nvidia()
    except NoAnswerError as error:
        fix = error.fix or "restart, or install NVIDIA's driver anew"
        yield Line("gpu", "warn", f"nvidia-smi: {error}", fix)
        return
    devices = {name: _tried(ask, check).get("devices", ()) for check, name in _CUDA.items()}
    users = [name for name, found in devices.items() if "GPU" in found or "CUDA" in found]
    if not found:
        yield Line("gpu", "ok", "no NVIDIA GPU (no nvidia-smi); the CPU is enough to detect")
    elif users:
        yield Line("gpu", "ok", f"{found}; usable by {', '.join(users)}")
    else:
        fix = 'to train: pip install "tensorflow[and-cuda]" (on Windows within WSL)'
        yield Line("gpu", "warn", f"{found}; nothing here uses it", fix)


def _nvidia() -> str:
    """What NVIDIA's own tool lists, "" where it is not there; raises NoAnswerError."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    fields = [command, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    load = Load()
    try:
        done = subprocess.run(fields, capture_output=True, text=True, timeout=_SMI_S, check=False)
    except subprocess.TimeoutExpired:
        raise load.no_answer(_SMI_S) from None
    said = "; ".join((done.stdout or done.stderr).split("\n")).strip("; ")
    if done.returncode:
        raise NoAnswerError(said)
    return said


def network(ask: Ask) -> Iterator[Line]:
    """Whether the servers that hold weights answer."""
    hosts = ask("network")["hosts"]
    bad = "; ".join(f"{host} {reason}" for host, reason in hosts.items() if reason)
    fix = "go online, or set HTTPS_PROXY and REQUESTS_CA_BUNDLE; a model that is ready needs none"
    yield warn_or_ok("network", bad or f"{', '.join(hosts)} answer", fix if bad else "")


def models(ask: Ask) -> Iterator[Line]:
    """Which models can be loaded: at once, or after a download."""
    from detector.artefact import is_artefact
    from detector.models import BUILT_IN
    from detector.weights.presets import PRESETS

    states = {name: _state(preset, ask) for name, preset in PRESETS.items()}
    states |= {name: ("built in", True) for name, folder in BUILT_IN.items() if is_artefact(folder)}
    found = "; ".join(f"{name}: {state}" for name, (state, _) in states.items())
    if any(usable for _, usable in states.values()):
        yield Line("model", "ok", found)
    else:
        fix = "go online once, or name a model on disk with --model FILE"
        yield Line("model", "FAIL", found, fix)


def _state(preset: Preset, ask: Ask) -> tuple[str, bool]:
    """Where a preset is, in words, and whether the webcam can use it."""
    from urllib.parse import urlsplit

    from detector.artefact import is_artefact
    from detector.weights.download import cache_folder
    from detector.weights.presets import exported_folder

    if is_artefact(exported_folder(preset.name)):
        return "ready, in a fast format", True
    where, folder = "in the cache", cache_folder() / preset.name
    if missing := [one for one in preset.files if not (folder / one.name).exists()]:
        reasons = _tried(ask, "network").get("hosts", {})
        if any(reasons.get(urlsplit(one.url).netloc) != "" for one in missing):
            return "not in the cache and not to be had", False
        sizes = [one.size for one in missing]
        megabytes = f" ({sum(filter(None, sizes)) / 1e6:.0f} MB)" if all(sizes) else ""
        where = f"will be downloaded when it is first used{megabytes}"
    if not _tried(ask, "keras"):
        return f"{where}, but Keras, which it needs at first, does not start", False
    return where, True


def _tried(ask: Ask, check: str) -> dict[str, Any]:
    """The answer of a diagnostic; nothing where it gave none."""
    try:
        return ask(check)
    except NoAnswerError:
        return {}
