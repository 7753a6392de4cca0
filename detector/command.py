"""What every command shares: its arguments, and how it ends."""

import argparse
import contextlib
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from configs.errors import UserError

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
    as an exception does, so that unfinished files are removed.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = main()
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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK


def run_child(command: Sequence[str]) -> int:
    """Run a command of this project, `module argument ...`, to its end; its exit code.

    It is not left alone: Ctrl-C, which a terminal sends to both, and SIGTERM end it too, and it
    gets time to save what it has before it is killed.
    """
    import subprocess

    process = subprocess.Popen([sys.executable, "-m", *command])
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


def make_parser(module: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser whose help names the module and ends with examples, laid out as they are."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


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


def fraction(text: str) -> float:
    """An argparse type: a number in [0, 1]."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 1, got {text}")
    return value


def name_list(text: str) -> list[str]:
    """An argparse type: names between commas, at least one."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("names no class")
    return names


def path(text: str) -> Path:
    """An argparse type: a path; an empty one would mean the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return Path(text)


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """`--dry-run`, alike in every command that trains, downloads or takes long."""
    parser.add_argument(
        "--dry-run", action="store_true", help="check all inputs, say what would be done, and stop"
    )


_DATA_FORMS = """
DATA is a COCO JSON or a folder of them, a VOC folder (also a loose one), a YOLO folder or its
data.yaml, or a YAML that names train and val; DATA:SPLIT takes one split (bccd:test).
"""


def add_data_arguments(parser: argparse.ArgumentParser, name: str = "data") -> None:
    """`DATA` and `--images`, alike in every command that reads a data set; help says what it is.

    Args:
        parser: of the command.
        name: of the argument; where it begins with "--", it may be left out.
    """
    parser.add_argument(name, metavar=name.strip("-").upper(), help="a data set, as below")
    parser.add_argument("--images", type=path, metavar="DIR", help="images of a COCO JSON")
    parser.epilog = (parser.epilog or "") + _DATA_FORMS.replace("DATA", name.strip("-").upper())
