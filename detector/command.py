"""What every command shares: argument parser, exit codes, signals, and child processes."""

import argparse
import contextlib
import errno
import io
import math
import os
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from configs.errors import UserError
from configs.typed_form import command_name, verb_of

Number = TypeVar("Number", int, float)

EXIT_OK = 0
EXIT_CHECK_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
EXIT_TERMINATED = 143  # 128 + SIGTERM
_SAVING_S = 30.0  # for a child to end by itself


def run(main: Callable[[], int]) -> int:
    """Run a command and turn how it ended into an exit code.

    A `UserError` is printed as one line on stderr, without a stack trace. SIGTERM ends the command
    as an exception does, so that unfinished files are removed. What stdout cannot encode is
    escaped.
    """
    escape_unencodable()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = main()
        if sys.stdout:  # None where it was closed from the start
            sys.stdout.flush()  # a reader that is gone shows here, not when the interpreter ends
        return code
    except UserError as error:
        # One line, even where a file's name has line breaks.
        print("error:", " ".join(str(error).splitlines()), file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) is gone; there is nobody left to tell.
        _leave_stdout()
        return EXIT_OK
    except OSError as error:
        # What writes files raises a UserError, so this is stdout: a file on a full disk, a terminal
        # that is gone.
        if error.errno not in (errno.ENOSPC, errno.EIO):
            raise
        _leave_stdout()
        print(f"error: cannot write the output: {error.strerror}", file=sys.stderr)
        return EXIT_BAD_INPUT


def _leave_stdout() -> None:
    """What is still in its buffer would be an error again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def escape_unencodable() -> None:
    r"""Let stdout and stderr write as `\u732b` what their encoding does not have.

    Class names are of all scripts and names of files of any bytes, but Windows pipes are cp1252
    and some terminals ASCII. Whoever has chosen another way by PYTHONIOENCODING keeps it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def child_command(module: str, *arguments: str) -> list[str]:
    """A command of this project as a process of its own, whose hints name the form typed here."""
    verb = verb_of(module)
    return [sys.executable, "-m", *(("detector.cli", verb) if verb else (module,)), *arguments]


def run_child(command: Sequence[str]) -> int:
    """Run a command of this project, `module argument ...`, to its end; its exit code.

    It is not left alone: Ctrl-C, which a terminal sends to both, and SIGTERM end it too, and it
    gets time to save what it has before it is killed.
    """
    import subprocess

    process = subprocess.Popen(child_command(*command))
    try:
        return process.wait()
    except KeyboardInterrupt:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SAVING_S)
        raise
    finally:
        try:
            if process.poll() is None:
                process.terminate()
                process.wait(_SAVING_S)
        except subprocess.TimeoutExpired:
            pass  # it had its time
        finally:
            if process.poll() is None:
                process.kill()


def _terminate(*_: object) -> NoReturn:
    sys.exit(EXIT_TERMINATED)


def positive(kind: type[Number], most: float = math.inf) -> Callable[[str], Number]:
    """An argparse type: an int or a float above zero, and at most `most`."""

    def parse(text: str) -> Number:
        value = kind(text)
        if not (0 < value <= most and value < math.inf):
            limit = "" if most == math.inf else f" of at most {most:g}"
            raise argparse.ArgumentTypeError(f"must be a positive number{limit}, got {text}")
        return value

    parse.__name__ = kind.__name__  # argparse names the type in "invalid float value"
    return parse


def between(kind: type[Number], least: Number, most: Number) -> Callable[[str], Number]:
    """An argparse type: an int or a float from `least` to `most`."""

    def parse(text: str) -> Number:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must lie between {least} and {most}, got {text}")
        return value

    parse.__name__ = kind.__name__
    return parse


fraction = between(float, 0, 1)
"""An argparse type: a number in [0, 1]."""


def name_list(text: str) -> list[str]:
    """An argparse type: names between commas, at least one."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("names no class")
    return names


def merge(text: str) -> tuple[str, list[str]]:
    """An argparse type: NAME=A,B, a name and those that it stands for."""
    name, equals, names = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"must be like cat=kitten,tomcat, got {text}")
    return name.strip(), name_list(names)


def path(text: str) -> Path:
    """An argparse type: a path; an empty one would mean the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return Path(text)


SKIPS = "0; 1 if an image could not be read (it is named and skipped)"
"""Exit codes of commands that read images one by one."""

_DATA_FORMS = """
DATA is a COCO JSON or a folder of them, a VOC folder (also a loose one), a YOLO folder or its
data.yaml, an export of LabelMe, CVAT, Label Studio, CreateML, VIA, KITTI, Open Images, TFRecord,
Hugging Face and others (docs/data.md), or a YAML that names train and val; DATA:SPLIT takes one
split (bccd:test).
"""


class CommandParser(argparse.ArgumentParser):
    """Arguments and help of one command; help names commands in the form that the user typed.

    Args:
        module: of the command, as for `python -m`.
        description: one sentence.
        examples: what follows the arguments, laid out as it is, with commands as `python -m`.
        exits: exit codes but that of bad input, and what they mean.
        prog: in the place of the module: argparse gives it to the actions of a command.
    """

    def __init__(
        self,
        module: str = "",
        description: str = "",
        examples: str = "",
        exits: str = "0",
        prog: str | None = None,
    ) -> None:
        self._ends = textwrap.fill(f"exit code: {exits}; 2 on bad input", 100)
        typed = re.sub(r"python -m ([\w.]+\w)", lambda found: command_name(found[1]), examples)
        super().__init__(
            prog or command_name(module),
            description=description,
            epilog=typed,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def format_help(self) -> str:
        """What `--help` prints; exit codes come last."""
        return f"{super().format_help()}\n{self._ends}\n"

    def add_data(self, name: str = "data", about: str = "a data set, as below") -> None:
        """`DATA`, `--images` and `--voc-origin`; help says what forms a data set has.

        Args:
            name: of the argument; where it begins with "--", it may be left out.
            about: what it is for.
        """
        metavar = name.strip("-").upper()
        self.add_argument(name, metavar=metavar, help=about)
        self.add_argument(
            "--images", type=path, metavar="DIR", help="where the images are, if elsewhere"
        )
        about = "what VOC's corners count from (what the files show)"
        self.add_argument("--voc-origin", type=int, choices=(0, 1), help=about)
        self.epilog = (self.epilog or "") + _DATA_FORMS.replace("DATA", metavar)

    def add_class_choice(self) -> None:
        """`--classes` and `--merge`, of what works on some classes of a data set."""
        about = "these classes alone; other objects are dropped"
        self.add_argument("--classes", type=name_list, metavar="A,B", help=about)
        about = "take these classes for one, before --classes; may be repeated"
        self.add_argument("--merge", type=merge, action="append", metavar="NAME=A,B", help=about)

    def add_images(self) -> None:
        """`IMAGE ...`, images without labels."""
        self.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders or globs")

    def add_recipe(self) -> None:
        """`--config`, by which data is looked at as training would."""
        about = "the model to train (finetune)"
        self.add_argument("--config", default="finetune", metavar="NAME|FILE", help=about)

    def add_outputs(self, **files: str) -> None:
        """Options that name a file to write: `json="write figures"` for `--json FILE`."""
        for name, about in files.items():
            option = f"--{name.replace('_', '-')}"
            self.add_argument(option, type=path, metavar="FILE", help=about)

    def add_dry_run(self) -> None:
        """`--dry-run`, of every command that trains, downloads or takes long."""
        about = "check all inputs, say what would be done, and stop"
        self.add_argument("--dry-run", action="store_true", help=about)
