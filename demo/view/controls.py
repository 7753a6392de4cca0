"""Run-time settings, changed by keys, by flags and from the web page.

Plain state, read once per frame. Keys come from the thread of the window, changes of the page
from the threads that serve it: each attribute is assigned as a whole, and the one that is
counted has a lock.
"""

import reprlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
_SWITCHES = ("paused", "tracks", "recording", "help")
# GTK and Qt give keysyms of X11, cut to 8 bits by `cv2.waitKey` and whole by `cv2.waitKeyEx`.
_ESCAPE = (27, 0xFF1B)
_KEYPAD_PLUS, _KEYPAD_MINUS = (171, 0xFFAB), (173, 0xFFAD)
_CODE_BITS = 0xFFFF  # above them stand modifiers such as NumLock


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
        self._actions = self._by_key()

    def press(self, key: int) -> bool:
        """Do what a key stands for, upper case or lower; other keys do nothing.

        Returns:
            whether it stands for anything.

        Args:
            key: as `cv2.waitKey` or `cv2.waitKeyEx` gives it; -1 for none. Only the latter tells
                the arrow keys from Q, R, S and T.
        """
        action = self._actions.get(key & _CODE_BITS)
        if action:
            action()
        return action is not None

    def change(self, changes: Any) -> None:
        """Take over what the web page sends: all of it or, where something is wrong, nothing.

        Args:
            changes: what was parsed from JSON. An object with any of `score`, `labels` (a list, or
                null for all), `paused`, `tracks`, `recording`, `help` and `snapshot` (true).

        Raises:
            ValueError: something else; in one line.
        """
        if not isinstance(changes, dict):
            raise ValueError(f"a change must be an object, got {reprlib.repr(changes)}")
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
            if not self.snapshots:
                return False
            self.snapshots -= 1
            return True

    def _require_valid(self, name: str, value: Any) -> None:
        last = len(self.names) - 1
        if name in _SWITCHES:
            form, is_valid = "true or false", isinstance(value, bool)
        elif name == "snapshot":
            form, is_valid = "true", value is True
        elif name == "score":
            form = f"a number from {LOWEST_SCORE} to {HIGHEST_SCORE}"
            is_valid = isinstance(value, float) and LOWEST_SCORE <= value <= HIGHEST_SCORE
        elif name == "labels":
            form = f"null or a list of integers from 0 to {last}"
            is_valid = value is None or _is_list_of_labels(value, last)
        else:
            known = ", ".join(("score", "labels", *_SWITCHES, "snapshot"))
            raise ValueError(f"{reprlib.repr(name)} cannot be changed, only {known}")
        if not is_valid:
            raise ValueError(f"{name}: must be {form}, got {reprlib.repr(value)}")

    def _by_key(self) -> dict[int, Callable[[], None]]:
        letters = {
            "q": self._end,
            "s": self.ask_snapshot,
            "r": lambda: self._toggle("recording"),
            "c": self._next_class,
            "t": lambda: self._toggle("tracks"),
            "h": lambda: self._toggle("help"),
        }
        actions = {ord(case): do for key, do in letters.items() for case in (key, key.upper())}
        actions[ord(" ")] = lambda: self._toggle("paused")
        actions |= dict.fromkeys(_ESCAPE, self._end)
        actions |= dict.fromkeys((*map(ord, "+="), *_KEYPAD_PLUS), lambda: self._raise(_STEP))
        actions |= dict.fromkeys((*map(ord, "-_"), *_KEYPAD_MINUS), lambda: self._raise(-_STEP))
        return actions

    def _end(self) -> None:
        self.ended = True

    def _toggle(self, name: str) -> None:
        setattr(self, name, not getattr(self, name))

    def _raise(self, step: float) -> None:
        self.score = round(min(max(self.score + step, LOWEST_SCORE), HIGHEST_SCORE), 2)

    def _next_class(self) -> None:
        """From all to the first alone, the next ..., and back to all; from several to all."""
        if self.labels is None:
            following = 0
        else:
            following = self.labels[0] + 1 if len(self.labels) == 1 else len(self.names)
        self.labels = (following,) if following < len(self.names) else None


def _is_list_of_labels(value: Any, last: int) -> bool:
    # A bool is an int to Python, but no label.
    return isinstance(value, list) and all(type(one) is int and 0 <= one <= last for one in value)
