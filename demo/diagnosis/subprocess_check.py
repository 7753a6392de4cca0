"""A diagnostic in a subprocess: its answer may be slow, its engine may crash, or it may hang."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

PATIENCE_S = 18.0
"""How long a diagnostic may take."""

_COLLECT_S = 0.5  # for an answer that came while nobody listened
_IDLE_SHARE = 0.1  # of the processors' time; while less is left over, the machine is busy


class NoAnswerError(Exception):
    """Why a diagnostic gave no answer, in one line.

    Attributes:
        fix: what to do about it; "" where that depends on the diagnostic.
    """

    fix = ""


class BusyError(NoAnswerError):
    """It took too long on a machine that had no time for it: no sign of a fault."""

    fix = "run this again when other programs are done"


class Load:
    """How busy all processors are, from the moment this is made."""

    def __init__(self) -> None:
        self._begun = _processor_times()

    def no_answer(self, seconds: float) -> NoAnswerError:
        """The error of what gave no answer within so many seconds."""
        said = f"no answer within {seconds:.0f} s"
        (now, idle_now), (begun, idle_begun) = _processor_times(), self._begun
        if idle_now - idle_begun < _IDLE_SHARE * (now - begun):
            return BusyError(f"{said}, the machine is busy")
        return NoAnswerError(said)


def _processor_times() -> tuple[float, float]:
    """All time of the processors since the start, and that without work, s."""
    try:
        import psutil
    except ImportError:  # the doctor says so elsewhere
        return 0.0, 0.0
    times = psutil.cpu_times()
    return sum(times), times.idle


class SubprocessCheck:
    """A diagnostic, running from the moment this is made; a context manager that ends it.

    Args:
        name: a key of `demo.diagnosis.diagnostics.DIAGNOSTICS`.
        arguments: of the diagnostic.
    """

    def __init__(self, name: str, *arguments: str) -> None:
        self._deadline = time.monotonic() + PATIENCE_S
        self._load = Load()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "demo.diagnosis.diagnostics", name, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            # It finds exactly what this process would find, wherever that was started.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def answer(self) -> dict[str, Any]:
        """Wait for it.

        Raises:
            NoAnswerError: it came to an error, its process died, or it took longer than
                `PATIENCE_S`; in the last case a BusyError if the machine had no time for it.
        """
        if isinstance(self._result, NoAnswerError):
            raise self._result
        return self._result

    @functools.cached_property
    def _result(self) -> dict[str, Any] | NoAnswerError:
        left = max(_COLLECT_S, self._deadline - time.monotonic())
        try:
            said, complaints = self._process.communicate(timeout=left)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._load.no_answer(PATIENCE_S)
        if not said:
            code, names = self._process.returncode, {-one.value: one.name for one in signal.Signals}
            last = next((line for line in reversed(complaints.splitlines()) if line.strip()), "")
            died = f"the process died ({names.get(code, f'exit code {code}')}) {last.strip()}"
            return NoAnswerError(died.strip())
        answer = json.loads(said)
        return NoAnswerError(answer["error"]) if "error" in answer else answer

    def __enter__(self) -> SubprocessCheck:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
