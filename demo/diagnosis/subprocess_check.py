"""Questions to this machine whose answer may be slow, crash or never come.

Each is asked in a process of its own: `python -m demo.diagnosis.subprocess_check QUESTION`
answers with one line of JSON on stdout, whatever the engines print.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

PATIENCE_S = 18.0
"""How long a question waits for its answer."""

_COLLECT_S = 0.5  # for one that was answered while nobody listened


class NoAnswerError(Exception):
    """Why there is none, in one line."""


class Probe:
    """A question, asked from the moment this is made; a context manager that ends it.

    Args:
        question: a key of `demo.diagnosis.diagnostics.QUESTIONS`.
        arguments: of the question.
    """

    def __init__(self, question: str, *arguments: str) -> None:
        self._deadline = time.monotonic() + PATIENCE_S
        self._known: dict[str, Any] | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "demo.diagnosis.subprocess_check", question, *arguments],
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
                `PATIENCE_S`.
        """
        if self._known is None:
            self._known = self._wait()
        if "error" in self._known:
            raise NoAnswerError(self._known["error"])
        return self._known

    def _wait(self) -> dict[str, Any]:
        left = max(_COLLECT_S, self._deadline - time.monotonic())
        try:
            said, complaints = self._process.communicate(timeout=left)
        except subprocess.TimeoutExpired:
            self.close()
            return {"error": f"no answer within {PATIENCE_S:.0f} s"}
        return json.loads(said) if said else {"error": _death(self._process, complaints)}

    def close(self) -> None:
        """End its process; what it has not answered yet is lost."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._known is None:
            self.close()


def _death(process: subprocess.Popen[str], complaints: str) -> str:
    code = process.returncode
    names = {-one.value: one.name for one in signal.Signals}
    last = next((line for line in reversed(complaints.splitlines()) if line.strip()), "")
    return f"the process died ({names.get(code, f'exit code {code}')}) {last.strip()}".strip()


def main() -> None:
    """Answer the question that the arguments name."""
    from configs.errors import UserError
    from demo.diagnosis.diagnostics import QUESTIONS

    question, *arguments = sys.argv[1:]
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        try:
            answer = QUESTIONS[question](*arguments)
        except UserError as error:
            answer = {"error": str(error)}
        except BaseException as error:  # a broken package may raise anything
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        json.dump(answer, out)
    os._exit(0)  # some engines hang or crash while they are taken down


if __name__ == "__main__":
    main()
