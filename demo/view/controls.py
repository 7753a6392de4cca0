"""Run-time settings, changed by keys, by flags and from the web page.

Plain state, read once per frame. Keys come from the thread of the window, changes of the page
from the threads that serve it: each attribute is assigned as a whole, and the one that is
counted has a lock.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from configs.errors import shortened

KEYS: tuple[tuple[str, str], ...] = (
    ("q, Esc", "quit"),
    ("space", "pause, go on"),
    ("s", "save a snapshot"),
    ("r", "start or stop recording"),
    ("+, -", "raise or lower the score threshold"),
    ("c", "show one class, the next one ... all"),
    ("t", "show or hide tracks"),
    ("h", "show or hide this help and the times"),
)
"""Keys and what they do, for the help in the frame and on the command line."""

LOWEST_SCORE, HIGHEST_SCORE, _STEP = 0.05, 0.95, 0.05
_SWITCH_KEYS = {" ": "paused", "t": "tracks", "r": "recording", "h": "help"}
# Escape and the keypad: GTK and Qt give keysyms of X11, cut to 8 bits by `cv2.waitKey` and whole
# by `cv2.waitKeyEx`.
_SAME_AS = {27: "q", 0xFF1B: "q", 171: "+", 0xFFAB: "+", 173: "-", 0xFFAD: "-"}
_CODE_BITS = 0xFFFF  # above them stand modifiers such as NumLock
_SWITCHES = tuple(_SWITCH_KEYS.values())


@dataclass(eq=False)
class Controls:
    """What the user may change while the demo runs.

    Attributes:
        names: of the classes, by label.
        score: lowest score shown, 0.05 ... 0.95.
        labels: of the classes shown; None for all.
        paused: the frame stands still.
        tracks: tracks are drawn.
        help: keys and stage times are drawn.
        recording: what is shown is being recorded.
        ended: the run is to end.
        snapshots: how many have been asked for and not yet taken.
    """

    names: Sequence[str]
    score: float = 0.4
    labels: tuple[int, ...] | None = None
    paused: bool = False
    tracks: bool = False
    help: bool = False
    recording: bool = False
    ended: bool = False
    snapshots: int = 0

    def __post_init__(self) -> None:
        self._counting = threading.Lock()

    def press(self, key: int) -> bool:
        """Do what a key stands for, upper case or lower; other keys do nothing.

        Returns:
            whether it stands for anything.

        Args:
            key: as `cv2.waitKey` or `cv2.waitKeyEx` gives it; -1 for none. Only the latter tells
                the arrow keys from Q, R, S and T.
        """
        code = key & _CODE_BITS
        match _SAME_AS.get(code) or chr(code).lower():
            case "q":
                self.ended = True
            case "s":
                self.ask_snapshot()
            case "c":
                self._next_class()
            case "+" | "=" | "-" | "_" as sign:
                score = self.score + (_STEP if sign in "+=" else -_STEP)
                self.score = round(min(max(score, LOWEST_SCORE), HIGHEST_SCORE), 2)
            case letter if name := _SWITCH_KEYS.get(letter):
                setattr(self, name, not getattr(self, name))
            case _:
                return False
        return True

    def change(self, changes: Any) -> None:
        """Take over what the web page sends: all of it or, where something is wrong, nothing.

        Args:
            changes: what was parsed from JSON. An object with any of `score`, `labels` (a list, or
                null for all), `paused`, `tracks`, `recording`, `help` and `snapshot` (true).

        Raises:
            ValueError: something else; in one line.
        """
        if not isinstance(changes, dict):
            raise ValueError(f"a change must be an object, got {shortened(changes)}")
        for name, value in changes.items():
            self._require_valid(name, value)
        for name, value in changes.items():
            if name == "snapshot":
                self.ask_snapshot()
            else:
                setattr(self, name, tuple(sorted(set(value))) if isinstance(value, list) else value)

    def state(self) -> dict[str, Any]:
        """What the web page shows of it, ready for JSON."""
        names = ("score", "labels", *_SWITCHES, "snapshots")
        return {name: getattr(self, name) for name in names}

    def ask_snapshot(self) -> None:
        """One more snapshot is wanted."""
        with self._counting:
            self.snapshots += 1

    def take_snapshot(self) -> bool:
        """Whether a snapshot is due; if so, it counts as taken."""
        with self._counting:
            is_due = self.snapshots > 0
            self.snapshots -= is_due
            return is_due

    def _require_valid(self, name: str, value: Any) -> None:
        last = len(self.names) - 1
        is_score = isinstance(value, float) and LOWEST_SCORE <= value <= HIGHEST_SCORE
        # A bool is an int to Python, but no label.
        is_list = isinstance(value, list) and all(type(k) is int and 0 <= k <= last for k in value)
        forms = {
            "score": (f"a number from {LOWEST_SCORE} to {HIGHEST_SCORE}", is_score),
            "labels": (f"null or a list of integers from 0 to {last}", value is None or is_list),
            **dict.fromkeys(_SWITCHES, ("true or false", isinstance(value, bool))),
            "snapshot": ("true", value is True),
        }
        if name not in forms:
            raise ValueError(f"{shortened(name)} cannot be changed, only {', '.join(forms)}")
        form, is_valid = forms[name]
        if not is_valid:
            raise ValueError(f"{name}: must be {form}, got {shortened(value)}")

    def _next_class(self) -> None:
        """From all to the first alone, the next ..., and back to all; from several to all."""
        if self.labels is None:
            following = 0
        else:
            following = self.labels[0] + 1 if len(self.labels) == 1 else len(self.names)
        self.labels = (following,) if following < len(self.names) else None
