"""`python -m demo.doctor`: diagnoses this machine, and says how to fix what does not work."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Generator, Iterator

from demo.diagnosis import diagnostics, doctor_checks, doctor_models
from demo.diagnosis.doctor_checks import SET_UP, Ask, Line
from demo.diagnosis.subprocess_check import BusyError, NoAnswerError, SubprocessCheck
from detector.command import EXIT_CHECK_FAILED, EXIT_OK, CommandParser, run

_EXAMPLES = """\
examples:
  python -m demo.doctor
  python -m demo.doctor --json > doctor.json

Each line begins with ok, with warn (the webcam works, but less well) or with FAIL (it cannot show
live frames like this, or a check came to an error). Needed are: a Python of the right version,
this program and OpenCV in working order, one runtime, a camera that gives frames, and a model
that is built in, in the cache or can be downloaded. A window is not: without one the webcam saves
a video. Videos and images (--source FILE) need no camera.

It opens the camera for a moment, keeps no file, sends nothing but a request for the head of a file
to each server that holds weights, and takes up to 20 seconds.

JSON: {"works": bool, "seconds": s,
  "checks": [{"check": str, "status": "ok" | "warn" | "FAIL", "found": str, "fix": str}]}
"""


CHECKS: dict[str, Callable[[Ask], Iterator[Line]]] = {
    "machine": doctor_checks.machine,
    "packages": doctor_checks.packages,
    "storage": doctor_checks.storage,
    "program": doctor_checks.program,
    "opencv": doctor_checks.opencv,
    "window": doctor_checks.window,
    "camera": doctor_checks.camera,
    "codecs": doctor_checks.codecs,
    "runtime": doctor_models.runtimes,
    "gpu": doctor_models.gpu,
    "network": doctor_models.network,
    "model": doctor_models.models,
}
"""By name, in the order of the report: first what answers soonest."""


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    parser = CommandParser(
        "demo.doctor",
        "Find what works on this machine, and how to fix what does not.",
        _EXAMPLES,
        "0, perhaps with warnings; 1 if any line says FAIL",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    args = parser.parse_args(argv)
    begun = time.monotonic()
    found = []
    with contextlib.closing(examine()) as lines:
        for line in lines:
            found.append(line)
            if not args.json:
                print(f"{line.status:<5} {line.check:<9} {line.found}", flush=True)
            if line.fix and not args.json:
                print(f"{'':<15} fix: {line.fix}", flush=True)
    works = all(line.status != "FAIL" for line in found)
    seconds = round(time.monotonic() - begun, 1)
    if args.json:
        checks = [line._asdict() | {"mend": line.fix} for line in found]  # its name in 0.1
        print(json.dumps({"works": works, "seconds": seconds, "checks": checks}, indent=1))
    else:
        print(_verdict(found), f"({seconds:.0f} s)")
    return EXIT_OK if works else EXIT_CHECK_FAILED


def examine() -> Generator[Line]:
    """All findings, each as soon as it and those before it are there."""
    right = doctor_checks.python()
    yield right
    if right.status == "FAIL":
        return  # under another Python nothing else means anything
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(SubprocessCheck(name))
            for name in diagnostics.DIAGNOSTICS
            if name != "frame"
        }
        for name, check in CHECKS.items():
            try:
                yield from check(lambda name: running[name].answer())
            except (NoAnswerError, ImportError) as error:
                yield Line(name, "FAIL", str(error), getattr(error, "fix", "") or SET_UP)
            except Exception as error:  # is a finding too, and the others go on
                what = f"the check came to an error: {type(error).__name__}: {error}"
                yield Line(name, "FAIL", " ".join(what.split()))


def _verdict(lines: list[Line]) -> str:
    failed = [line for line in lines if line.status == "FAIL"]
    if not failed:
        return "the webcam can work here"
    see = ", ".join(dict.fromkeys(line.check for line in failed))
    if all(line.fix == BusyError.fix for line in failed):
        return f"not known whether the webcam can work here, the machine is busy: see {see}"
    return f"the webcam cannot work here: see {see}"


if __name__ == "__main__":
    sys.exit(run(main))
