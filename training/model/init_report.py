"""What became of the weights that training starts with, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_NAMES_SHOWN = 6  # layers on a line; all are in the report's attributes


@dataclass(frozen=True)
class StartReport:
    """What became of each layer and class.

    Attributes:
        source: as asked for.
        loaded: layers that got all their weights, input to output.
        partly: class convolutions that got the channels of the kept classes.
        fresh: layers that start from random weights.
        skipped: layers of the source that found no place.
        kept_classes: those that the source knows.
        new_classes: those that it does not, and that start fresh.
        dropped_classes: those of the source that are not asked for.
    """

    source: str
    loaded: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    kept_classes: tuple[str, ...] = ()
    new_classes: tuple[str, ...] = ()
    dropped_classes: tuple[str, ...] = ()

    def to_lines(self) -> list[str]:
        """In words, for a person."""
        if not self.loaded:
            return ["start from random weights"]
        layers = {"loaded": self.loaded, "loaded by class": self.partly, "fresh": self.fresh}
        counts = [f"{len(names)} layers {what}" for what, names in layers.items() if names]
        lines = [f"start from {self.source}: {', '.join(counts)}"]
        if self.fresh:
            lines.append(f"fresh layers: {_list(self.fresh)}")
        if self.skipped:
            lines.append(f"not used of {self.source}: {_list(self.skipped)}")
        lines.append(f"classes kept: {', '.join(self.kept_classes) or 'none'}")
        lines.append(f"classes that start fresh: {', '.join(self.new_classes) or 'none'}")
        if self.dropped_classes:
            lines.append(f"classes left behind: {', '.join(self.dropped_classes)}")
        return lines


def _list(names: Sequence[str]) -> str:
    shown, more = names[:_NAMES_SHOWN], len(names) - _NAMES_SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
