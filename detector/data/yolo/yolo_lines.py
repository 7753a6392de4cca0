"""Lines of YOLO's label files: a class index, and numbers whose count says what they mean."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from detector.data.findings import FileFindings
from detector.data.values import number, read_lines, shown


class LabelLine(NamedTuple):
    """One object as it stands in a label file."""

    line: int  # from 1
    values: array[float]  # the class index, then at least four numbers, all finite


def read_label_lines(path: Path, report: FileFindings) -> list[LabelLine]:
    """The lines of a label file; those that hold no numbers, or too few, are reported.

    Raises:
        UserError: it cannot be read, or is no text.
    """
    found = []
    for line, text in enumerate(read_lines(path), start=1):
        words = text.split()
        if not words:
            continue
        try:
            values = array("d", map(float, words))
        except ValueError:
            values = array("d")
        if len(values) >= 5 and all(map(math.isfinite, values)):
            found.append(LabelLine(line, values))
        else:
            report.add("bad-object", f"line {line}", _what_is_wrong(text, words))
    return found


def _what_is_wrong(text: str, words: Sequence[str]) -> str:
    if len(words) in (9, 10) and None not in map(number, words[:8]) and number(words[8]) is None:
        return (
            f"{shown(text)} is DOTA's: four corners in pixels, then the class; make it "
            "a class index and the corners as fractions"
        )
    return f"{shown(text)} is not a class index and 4 fractions, or an outline"
