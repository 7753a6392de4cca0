"""`UserError`, the exception for mistakes of the user: printed as one line, exit code 2."""

import reprlib
from typing import Any

_LONGEST = 200
_short = reprlib.Repr()
_short.maxlevel = 3
_short.maxstring = _short.maxother = _LONGEST


class UserError(Exception):
    """A mistake that the person at the keyboard can fix.

    Its text is one line that says what is wrong, where, and how to fix it. Commands print it
    without a stack trace and exit with code 2 (`detector.command.run`). Everything else that
    is raised is a fault of the program.
    """


def shortened(value: Any) -> str:
    """A value that a file holds as part of a message: at most 200 characters of its `repr`.

    However deep or large the value is, no more of it is looked at than is shown.
    """
    try:
        return cut(_short.repr(value))
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return f"a {type(value).__name__} too large to show"


def cut(text: str, most: int = _LONGEST) -> str:
    """The beginning of a text that may hold values of a file: one line of `most` characters."""
    text = " ".join(text[: 2 * most].split())
    return text if len(text) <= most else f"{text[: most - 3]}..."
