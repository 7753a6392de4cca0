"""`ssdlite quickstart`: trains, measures and exports a detector on synthetic images, offline.

It runs the project's other commands, one after the other, in three minutes, and says what to type
for images of one's own.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from configs.errors import UserError
from configs.typed_form import command_name
from detector.command import EXIT_OK, CommandParser, path, run, run_child

_IMAGES, _EPOCHS = 200, 3
_YOURS = "(your own images, in any of the forms of docs/data.md)"
_EXAMPLES = """examples:
  python -m demo.quickstart                 into the folder quickstart
  python -m demo.quickstart --output try

It makes 200 synthetic images of shapes, checks them, trains the built-in model
on for a few epochs, measures it before and after, exports it, times it and draws what it finds;
each step shows the command, and the one for images of your own.
"""


class Step(NamedTuple):
    """One command, and what it is for.

    Attributes:
        what: in words.
        command: of this run, without Python.
        own: the arguments for images of one's own; "" where there is no such command.
    """

    what: str
    command: Sequence[str]
    own: str


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    parser = CommandParser("demo.quickstart", "Make, train and try a detector, offline.", _EXAMPLES)
    parser.add_argument(
        "--output", type=path, default=Path("quickstart"), metavar="FOLDER", help="(quickstart)"
    )
    parser.add_dry_run()
    args = parser.parse_args(argv)
    from detector.data.write import check_new_folder

    check_new_folder(args.output)
    steps = _steps(args.output)
    if args.dry_run:
        for step in steps:
            print(f"would run {_typed(step)}")
        return EXIT_OK
    begun = time.monotonic()
    for number, step in enumerate(steps, start=1):
        try:
            _run(step, f"{number} of {len(steps)}")
        except BaseException:
            print(f"unfinished: delete {args.output}, or name another with --output")
            raise
    print(_verdict(args.output, time.monotonic() - begun))
    return EXIT_OK


def _steps(folder: Path) -> list[Step]:
    data, trained, exported = (str(folder / name) for name in ("shapes", "run", "exported"))
    test, best = f"{data}:test", str(folder / "run" / "best")
    images = str(folder / "shapes" / "JPEGImages")
    sets = [f"train.epochs={_EPOCHS}", f"train.evaluate_every={_EPOCHS}"]
    sets += ["train.learning_rate=1e-4", "train.freeze_norm=true"]  # it has learnt already
    settings = ["--config", "shapes", *(part for one in sets for part in ("--set", one))]
    return [
        Step(
            "make synthetic images with boxes",
            ["training.shapes", data, "--count", str(_IMAGES)],
            "",
        ),
        Step("look for mistakes in them", ["training.check", data], "my_data"),
        Step(
            "measure the model to begin with",
            ["eval.coco", "shapes", test, "--json", str(folder / "before.json")],
            "coco my_data:test",
        ),
        Step(
            "train",
            ["training.train", "--data", data, "--start", "shapes", "--output", trained, *settings],
            "--data my_data --output my_run",
        ),
        Step(
            "measure what came of it",
            ["eval.coco", best, test, "--json", str(folder / "after.json")],
            "my_run/best my_data:test",
        ),
        Step(
            "export it for fast CPUs",
            ["detector.export", best, "--to", "tflite", "--output", exported],
            "my_run/best --to tflite --output exported",
        ),
        Step(
            "time it",
            ["eval.latency", exported, "--runtime", "tflite", "--rounds", "3"],
            "exported --runtime tflite",
        ),
        Step(
            "draw what it finds",
            ["detector.detect", images, "--model", exported, "--draw", str(folder / "drawn")],
            "photos/ --model exported --draw drawn",
        ),
    ]


def _typed(step: Step) -> str:
    module, *arguments = step.command
    return f"{command_name(module)} {shlex.join(arguments)}"


def _run(step: Step, place: str) -> None:
    print(f"\n=== {place}: {step.what}", f"$ {_typed(step)}", sep="\n")
    own = f"{command_name(step.command[0])} {step.own}" if step.own else _YOURS
    print(f"  for your own: {own}", flush=True)
    if run_child(step.command):
        raise UserError(f"the step {step.what!r} failed, as said above")


def _verdict(folder: Path, seconds: float) -> str:
    before, after = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["AP"]
        for name in ("before", "after")
    )
    return (
        f"\nAP {before:.3f} before, {after:.3f} after {_EPOCHS} epochs; {seconds:.0f} s in all.\n"
        "So few images measure it to some hundredths, and such shapes it knew already; what\n"
        "is new to it, as in your images, is learnt by the same commands.\n"
        f"What it finds is drawn in {folder / 'drawn'}. Live, with this model:\n"
        f"  {command_name('demo.webcam')} --model {shlex.quote(str(folder / 'exported'))}"
    )


if __name__ == "__main__":
    sys.exit(run(main))
