"""Event log of the tracks: CSV or JSON lines, append-only, flushed per frame."""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from configs.errors import UserError
from demo.tracking.tracker import Sighting, Tracked
from detector.files import explained

Kind = Literal["appear", "vanish", "cross_in", "cross_out", "enter", "leave"]
"""A track begins or has ended; it crossed a line; it entered or left a zone."""

Event = tuple[Kind, Sighting]
"""What happened, and the object as it was then or as it was last seen."""

_CSV_HEADING = "time,clock,frame,event,id,name,score,x1,y1,x2,y2\n"


def appearances(tracked: Tracked) -> list[Event]:
    """The tracks that begin with a frame ("appear") and those given up with it ("vanish")."""
    begun: list[Event] = [("appear", one) for one in tracked.seen if one.id in tracked.begun]
    return begun + [("vanish", one) for one in tracked.ended]


class EventLog:
    """A file with a line per event; a context manager. It takes the place of an older file.

    Every line is handed to the system as soon as its frame is done: whatever ends the process
    or the disk's space leaves a file that is good up to there.

    A line has the time in seconds since the first frame, the clock when it was written (ISO 8601
    with its zone), the frame (0 is the first), the event, the id of the track, the class name,
    the score in [0, 1], and the box as x1, y1, x2, y2 in pixels of the source.

    Args:
        path: its suffix names the format: .csv with a heading, or .jsonl for JSON lines.
        names: class names by label.

    Raises:
        UserError: the suffix is another one; on entry: the file cannot be written.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        formats = {".csv": (_CSV_HEADING, _csv_line), ".jsonl": ("", _json_line)}
        if path.suffix.lower() not in formats:
            raise UserError(f"cannot write events to {path}: its suffix must be .csv or .jsonl")
        self._heading, self._line = formats[path.suffix.lower()]
        self._path, self._names = path, names

    def add(self, at: float, frame: int, events: Iterable[Event]) -> None:
        """Write down what happened in a frame; to be called for every frame, also of no events.

        Args:
            at: when it was, in seconds (`Frame.time_s`).
            frame: its index.
            events: of it.

        Raises:
            UserError: the file cannot be written.
        """
        clock = datetime.now().astimezone().isoformat(timespec="milliseconds")
        rows = (
            {
                "time": round(at, 3),
                "clock": clock,
                "frame": frame,
                "event": kind,
                "id": who.id,
                "name": self._names[who.label],
                "score": round(who.score, 5),
                "box": [round(float(edge), 2) for edge in who.box],
            }
            for kind, who in events
        )
        self._write("".join(map(self._line, rows)))

    def __enter__(self) -> Self:
        with explained(self._path), ExitStack() as on_failure:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what has been written survives this process.
            self._file = on_failure.enter_context(self._path.open("wb", buffering=0))
            self._write(self._heading)
            on_failure.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _write(self, text: str) -> None:
        rest = text.encode(errors="backslashreplace")
        good = self._file.tell()
        with explained(self._path):
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:
                with suppress(OSError):  # no half line at the end
                    os.truncate(self._path, good)
                raise


def _json_line(row: dict[str, Any]) -> str:
    return json.dumps(row) + "\n"


def _csv_line(row: dict[str, Any]) -> str:
    text = io.StringIO()
    *cells, box = row.values()
    csv.writer(text, lineterminator="\n").writerow(cells + box)
    return text.getvalue()
