"""`ssdlite quickstart`: trains, measures and exports a detector on synthetic images, offline.

It runs the project's other commands, one after the other, in three minutes, and says what to type
for images of one's own.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from configs.errors import UserError
from configs.typed_form import command_name
from detector.command import EXIT_OK, CommandParser, path, run, run_child

_EPOCHS = 3
_YOURS = "(your own images, in any of the forms of docs/data.md)"
_EXAMPLES = """examples:
  python -m demo.quickstart                 into the folder quickstart
  python -m demo.quickstart --output try

It makes 200 synthetic images of shapes, checks them, trains the built-in model
on for a few epochs, measures it before and after, exports it, times it and draws what it finds;
each step shows the command, and the one for images of your own.
"""


# "./" is the folder of the run. The model to begin with has learnt already: hence the low rate and
# the frozen norm.
_STEPS = f"""\
make synthetic images with boxes | training.shapes ./shapes --count 200 |
look for mistakes in them | training.check ./shapes | my_data
measure the model to begin with | eval.coco shapes ./shapes:test --json ./before.json \
  | coco my_data:test
train | training.train --data ./shapes --start shapes --output ./run --config shapes \
  --set train.epochs={_EPOCHS} --set train.evaluate_every={_EPOCHS} \
  --set train.learning_rate=1e-4 --set train.freeze_norm=true | --data my_data --output my_run
measure what came of it | eval.coco ./run/best ./shapes:test --json ./after.json \
  | my_run/best my_data:test
export it for fast CPUs | detector.export ./run/best --to tflite --output ./exported \
  | my_run/best --to tflite --output exported
time it | eval.latency ./exported --runtime tflite --rounds 3 | exported --runtime tflite
draw what it finds | detector.detect ./shapes/JPEGImages --model ./exported --draw ./drawn \
  | photos/ --model exported --draw drawn
"""


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
    steps = list(_steps(args.output))
    if args.dry_run:
        for _, command, _ in steps:
            print(f"would run {_typed(command)}")
        return EXIT_OK
    begun = time.monotonic()
    try:
        for number, (what, command, own) in enumerate(steps, start=1):
            print(f"\n=== {number} of {len(steps)}: {what}", f"$ {_typed(command)}", sep="\n")
            yours = f"{command_name(command[0])} {own}" if own else _YOURS
            print(f"  for your own: {yours}", flush=True)
            if run_child(command):
                raise UserError(f"the step {what!r} failed, as said above")
    except BaseException:
        print(f"unfinished: delete {args.output}, or name another with --output")
        raise
    print(_verdict(args.output, time.monotonic() - begun))
    return EXIT_OK


def _steps(folder: Path) -> Iterator[tuple[str, list[str], str]]:
    """What each step is for, its command, without Python, and the arguments for one's own images.

    The last are "" where there is no such command.
    """
    for line in _STEPS.splitlines():
        what, command, own = (cell.strip() for cell in line.split("|"))
        yield what, [str(folder / a[2:]) if a[:2] == "./" else a for a in command.split()], own


def _typed(command: Sequence[str]) -> str:
    return f"{command_name(command[0])} {shlex.join(command[1:])}"


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
        f"  {command_name('demo.webcam')} --model {shlex.quote(str(folder / 'exported'))}\n"
        "Your own get the head ssdlite_plus, which has a finer map; with this model's "
        "(docs/models.md):\n"
        f"  {command_name('training.train')} --data my_data --output my_run "
        "--set model.head=ssdlite"
    )


if __name__ == "__main__":
    sys.exit(run(main))
