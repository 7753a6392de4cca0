"""The hardware and versions that figures were measured with, fit to be published."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PACKAGES = (
    *("tensorflow", "keras", "ai-edge-litert", "onnxruntime", "openvino"),
    *("numpy", "opencv-python"),
)


def describe_machine() -> dict[str, Any]:
    """CPU, cores, memory, system and versions; no names of hosts, people or folders.

    Returns:
        `cpu` (its model), `cores` that this process may use, `memory_gb`, `os`, `python`, and
        `versions` of the packages that decide speed.
    """
    import psutil

    versions = {}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "os": f"{_system()}, {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
    }


def machine_line(machine: Mapping[str, Any]) -> str:
    """What `describe_machine` found, as one sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores used, {machine['memory_gb']:g} GB; "
        f"{machine['os']}; Python {machine['python']}, {versions}"
    )


def usable_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model() -> str:
    """The CPU's name, such as "AMD Ryzen 7 5800X"; the architecture where it has none."""
    found = {"Linux": _linux_cpu, "Darwin": _mac_cpu}.get(platform.system(), platform.processor)()
    return found or platform.machine()


def _system() -> str:
    if platform.system() == "Linux":  # its release is the kernel's, of a name that anyone may give
        with contextlib.suppress(OSError):
            return platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{platform.system()} {platform.release()}"


def _linux_cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")


def _mac_cpu() -> str:
    command = ["sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.strip()
